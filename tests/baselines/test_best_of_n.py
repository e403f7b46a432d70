"""Best of n: the choice, its KL bound, and that it measures what PPO's evaluation measures."""

import json
import math
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir

from salmon.baselines.best_of_n import stage as best_of_n
from salmon.baselines.best_of_n.stage import Candidate
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import Prompt
from salmon.ppo.prompts import held_out_batch
from salmon.ppo.setup import RolloutSetup
from salmon.principles.bank import Bank, Principle
from salmon.runtime.store import Artifact
from salmon.sampling.responses import Response
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker

pytestmark = pytest.mark.slow

PROMPTS = [Prompt("a", "Name a fish."), Prompt("b", "What is 17 times 3?", "reasoning"), Prompt("c", "Hi")]
BANK = Bank(
    "test",
    (
        Principle("Concise", "It is short."),
        Principle("Exact", "Its numbers are right."),
        Principle("Kind", "It is friendly."),
    ),
)


def test_kl_bound_literals() -> None:
    assert best_of_n.kl_bound(1) == 0.0
    assert best_of_n.kl_bound(4) == pytest.approx(0.636294, abs=1e-6)  # 1.386294 - 0.75
    assert best_of_n.kl_bound(16) == pytest.approx(1.835089, abs=1e-6)  # 2.772589 - 0.9375
    assert best_of_n.kl_bound(4) != pytest.approx(math.log(4), abs=1e-3)  # mutant: log n alone


def test_the_highest_reward_wins_and_of_equal_ones_the_first() -> None:
    candidates = [Candidate("a", 1, 9.0, 1.0), Candidate("b", 1, 2.0, 2.0), Candidate("c", 1, 3.0, 2.0)]
    assert best_of_n.best(candidates).text == "b"  # mutants: the highest score (a), the last (c)


@pytest.fixture
def setup(ppo_models, ppo_config, rollout_setup) -> RolloutSetup:
    return rollout_setup(ppo_models, ppo_config(), BANK)


def test_candidates_are_scored_as_ppo_scores_them(setup: RolloutSetup) -> None:
    """Under the principles that the held-out evaluation draws, with penalty and bonus."""
    found = best_of_n.sample_candidates(setup, PROMPTS, 3)
    assert [len(row) for row in found] == [3, 3, 3]
    assert len({c.text for row in found for c in row}) == 9  # random keys of their own
    drawn = setup.principles_of(held_out_batch(PROMPTS, 0))
    for prompt, principles, row in zip(PROMPTS, drawn, found, strict=True):
        responses = [Response([5], [60] * c.length, [0.0] * c.length, False, c.text) for c in row]
        scored = setup.score([prompt] * 3, responses, [principles] * 3)
        assert [c.score for c in row] == pytest.approx(scored.scores.tolist(), abs=1e-4)
        assert [c.reward for c in row] == pytest.approx(scored.total.tolist(), abs=1e-4)  # none of them ended
        assert all(abs(c.score - c.reward) > 0.1 for c in row)


def test_candidates_do_not_depend_on_their_number_or_company(setup: RolloutSetup) -> None:
    three = best_of_n.sample_candidates(setup, PROMPTS, 3)
    (two,) = best_of_n.sample_candidates(setup, PROMPTS[1:2], 2)
    assert [c.text for c in two] == [c.text for c in three[1][:2]]


# --- the stage ---------------------------------------------------------------------------------


def config() -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(
            compose(
                "config",
                overrides=[
                    "+experiment=self_judged",
                    "model=tiny",
                    "principles=verifiable",
                    "principles.rl=verifiable_11",
                    "principles.monitor=verifiable_11",
                    "best_of_n.n=4",
                    "ppo.held_out_prompts=3",
                    "ppo.sampling.max_new_tokens=8",
                ],
            ),
            Config,
        )


def test_the_stage_reports_the_first_sample_and_the_best(tiny, ppo_folders, tmp_path: Path) -> None:
    cfg, (sft, reward) = config(), ppo_folders
    manifest = {"stage": "sft", "fingerprint": "0" * 16, "files": {}, "metrics": {}, "checkpoints": {"sft": sft.name}}
    (sft.parent / "manifest.json").write_text(json.dumps(manifest))
    inputs = {stage: Artifact(stage, "0" * 16, sft.parent) for stage in ("sft", "reward")}
    assert reward == sft.parent / "reward"
    tracker = Tracker("best_of_n", MetricsFile(tmp_path), None)
    metrics = best_of_n.run(cfg, StageContext(tmp_path, inputs, tracker, lambda: tiny, transformers_sampler, 2))
    rows = [json.loads(line) for line in (tmp_path / "candidates.jsonl").read_text().splitlines()]
    assert len(rows) == 3 and all(len(row["candidates"]) == 4 for row in rows)
    first, last = read_metrics(tmp_path / "metrics.jsonl")
    assert (first["step"], last["step"]) == (0, 1)
    assert first["held_out/kl"] == 0.0 and last["held_out/kl"] == pytest.approx(0.636294, abs=1e-6)
    rewards = torch.tensor([[c["reward"] for c in row["candidates"]] for row in rows])
    assert first["held_out/reward"] == pytest.approx(rewards[:, 0].mean().item(), abs=1e-5)
    assert last["held_out/reward"] == pytest.approx(rewards.max(1).values.mean().item(), abs=1e-5)
    assert last["held_out/reward"] > first["held_out/reward"]
    assert "held_out/check/Concise" in last and metrics["held_out/reward"] == last["held_out/reward"]
    assert {p.name for p in (tmp_path / "tables").iterdir()} == {"responses_0.jsonl", "responses_1.jsonl"}
