"""What a PPO run says that it has reached."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from salmon.ppo.outputs import TrainingState, final_metrics, held_out_changes, name_checkpoints, read_history
from salmon.tracking.metrics_file import MetricsFile
from tests.typechecked import unchecked

PROMPTS, EVALUATIONS, RUNS = 32, 10, 300


def test_start_last_and_their_paired_difference() -> None:
    found = held_out_changes({"held_out/reward": ([0.0, 1.0, 5.0], [1.0, 1.5, 5.5])})
    assert list(found) == [f"held_out/reward_{name}" for name in ("start", "last", "gain", "gain_low", "gain_high")]
    assert found["held_out/reward_start"] == 2.0 and found["held_out/reward_last"] == pytest.approx(8 / 3)
    assert found["held_out/reward_gain"] == pytest.approx(2 / 3)
    assert found["held_out/reward_gain_low"] < 2 / 3 < found["held_out/reward_gain_high"]


def test_one_prompt_has_no_interval() -> None:
    assert set(held_out_changes({"held_out/reward": ([1.0], [2.0])})) == {
        f"held_out/reward_{name}" for name in ("start", "last", "gain")
    }


def test_a_policy_that_learned_nothing_has_a_better_best_but_no_gain() -> None:
    """Each evaluation draws anew around the same rewards: the best is above the start nearly always, the interval of
    the gain leaves 0 out in one run of twenty."""
    rng, best_is_higher, gains = np.random.default_rng(0), 0, 0
    for _ in range(RUNS):
        prompts = rng.normal(scale=3.0, size=PROMPTS)
        draws = prompts + rng.normal(size=(1 + EVALUATIONS, PROMPTS))
        best_is_higher += draws[1:].mean(1).max() > draws[0].mean()
        change = held_out_changes({"held_out/reward": (draws[0].tolist(), draws[-1].tolist())})
        gains += not change["held_out/reward_gain_low"] <= 0 <= change["held_out/reward_gain_high"]
    assert best_is_higher / RUNS > 0.85
    assert gains / RUNS == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / RUNS) ** 0.5)


def test_the_baseline_is_the_mean_reward_before_the_first_update() -> None:
    assert TrainingState(kl_coefficient=0.1, start=[1.0, 2.0, 6.0]).baseline == 3.0


@pytest.mark.parametrize(("keep_every", "kept"), [(None, []), (2, [2, 4]), (3, [3]), (4, [4]), (5, [])])
def test_every_kept_policy_has_a_name_and_its_updates(keep_every: int | None, kept: list[int]) -> None:
    ctx = SimpleNamespace(checkpoints={}, steps={})
    with unchecked():
        name_checkpoints(ctx, TrainingState(kl_coefficient=0.1, step=4, best_step=2), keep_every)  # type: ignore[arg-type]
    assert ctx.checkpoints == {f"ppo_step_{step}": f"checkpoints/step_{step}" for step in kept}
    assert ctx.steps == {"ppo_best": 2, "ppo_last": 4} | {f"ppo_step_{step}": step for step in kept}


def test_final_figures_are_of_the_last_update(tmp_path: Path) -> None:
    names = [
        *("objective/score", "objective/kl", "objective/kl_k3", "objective/entropy", "objective/unfinished_rate"),
        *("response/length", "value/explained_variance", "perf/tokens_per_second"),
    ]
    assert read_history(tmp_path) == []
    file = MetricsFile(tmp_path)
    for step in (1, 2):
        file.append(step, {name: step + 0.1 * place for place, name in enumerate(names)} | {"other": 9.0})
    file.append(2, {"held_out/reward": 5.0})  # a line without an update
    state = TrainingState(kl_coefficient=0.1, step=2, start=[1.0, 3.0], last=[2.0, 5.0], best=4.5, best_step=1)
    expected = {name: 2 + 0.1 * place for place, name in enumerate(names)} | held_out_changes(state.held_out)
    expected |= {"held_out/reward_best": 4.5, "held_out/best_step": 1.0, "objective/updates": 2.0}
    assert final_metrics(tmp_path, state) == expected
