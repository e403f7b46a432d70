"""What a PPO run says that it has reached."""

import numpy as np
import pytest

from salmon.ppo.outputs import TrainingState, reward_change

PROMPTS, EVALUATIONS, RUNS = 32, 10, 300


def test_start_last_and_their_paired_difference() -> None:
    found = reward_change([0.0, 1.0, 5.0], [1.0, 1.5, 5.5])
    assert list(found) == [f"held_out/reward_{name}" for name in ("start", "last", "gain", "gain_low", "gain_high")]
    assert found["held_out/reward_start"] == 2.0 and found["held_out/reward_last"] == pytest.approx(8 / 3)
    assert found["held_out/reward_gain"] == pytest.approx(2 / 3)
    assert found["held_out/reward_gain_low"] < 2 / 3 < found["held_out/reward_gain_high"]


def test_one_prompt_has_no_interval() -> None:
    assert set(reward_change([1.0], [2.0])) == {f"held_out/reward_{name}" for name in ("start", "last", "gain")}


def test_a_policy_that_learned_nothing_has_a_better_best_but_no_gain() -> None:
    """Each evaluation draws anew around the same rewards: the best is above the start nearly always, the interval of
    the gain leaves 0 out in one run of twenty."""
    rng, best_is_higher, gains = np.random.default_rng(0), 0, 0
    for _ in range(RUNS):
        prompts = rng.normal(scale=3.0, size=PROMPTS)
        draws = prompts + rng.normal(size=(1 + EVALUATIONS, PROMPTS))
        best_is_higher += draws[1:].mean(1).max() > draws[0].mean()
        change = reward_change(draws[0].tolist(), draws[-1].tolist())
        gains += not change["held_out/reward_gain_low"] <= 0 <= change["held_out/reward_gain_high"]
    assert best_is_higher / RUNS > 0.85
    assert gains / RUNS == pytest.approx(0.05, abs=3 * (0.05 * 0.95 / RUNS) ** 0.5)


def test_the_baseline_is_the_mean_reward_before_the_first_update() -> None:
    assert TrainingState(kl_coefficient=0.1, start=[1.0, 2.0, 6.0]).baseline == 3.0
