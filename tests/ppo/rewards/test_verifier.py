"""The principles' checks as the reward: hand-computed scores, and both stages that use a reward."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir

from salmon.baselines.best_of_n import stage as best_of_n
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.ppo import stage as ppo
from salmon.ppo.principle_choice import principle_choice
from salmon.ppo.prompts import held_out_batch, select_ppo_prompts
from salmon.ppo.rewards.verifier import VerifierReward
from salmon.principles.bank import Principle, load_bank
from salmon.principles.verifiers import verify
from salmon.runtime.store import Artifact
from salmon.sampling.responses import Response
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker

pytestmark = pytest.mark.slow

BANK = {principle.name: principle for principle in load_bank("verifiable_11").principles}
SETTINGS = (
    "+experiment=self_judged",
    "model=tiny",
    "principles=verifiable",
    "principles.rl=verifiable_11",
    "ppo.reward_source=verifier",
    "ppo.num_prompts=6",
    "ppo.held_out_prompts=3",
    "ppo.epochs=1",
    "ppo.rollout_batch=3",
    "ppo.minibatch=3",
    "ppo.inner_epochs=1",
    "ppo.principles.per_prompt=2",
    "ppo.sampling.max_new_tokens=8",
    "best_of_n.n=2",
)


def response(text: str) -> Response:
    return Response([5], [60] * 4, [0.0] * 4, True, text)


def test_a_score_is_the_mean_of_the_shown_principles_checks() -> None:
    """The check ``avoids_word:W`` is 1 / (1 + occurrences); a response without a word follows nothing."""
    one, two = (Principle(word, f"It avoids {word}.", check=f"avoids_word:{word}") for word in ("indeed", "salmon"))
    texts = ["Indeed, a salmon.", "A salmon.", "A trout.", " ...", "Indeed, indeed, indeed."]
    reward = VerifierReward(torch.device("cpu"))
    shown = [(one, two)] * 4 + [(one,)]
    scores = reward([Prompt("a", "Name a fish.")] * 5, [response(text) for text in texts], shown)
    assert scores.tolist() == [0.5, 0.75, 1.0, 0.0, 0.25]
    assert scores.dtype == torch.float32


def test_a_principle_without_a_check_is_named() -> None:
    with pytest.raises(SalmonError, match="have none: Kind"):
        VerifierReward(torch.device("cpu"))(
            [Prompt("a", "Hi")], [response("Hello.")], [(Principle("Kind", "It is friendly."),)]
        )


# --- the stages --------------------------------------------------------------------------------


class TableTracker(Tracker):
    """Keeps the rows of tables."""

    rows: list[tuple[int, Any]]

    def table(self, name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], step: int) -> None:
        self.rows = [*getattr(self, "rows", []), *((step, row) for row in rows)]


@pytest.fixture
def cfg() -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=[*SETTINGS]), Config)


@pytest.fixture
def context(tiny, ppo_folders, tmp_path: Path, request: pytest.FixtureRequest) -> StageContext:
    """The context of the stage that the test names as its parameter."""
    sft, reward = ppo_folders
    manifest = {"stage": "sft", "fingerprint": "0" * 16, "files": {}, "metrics": {}, "checkpoints": {"sft": str(sft)}}
    (tmp_path / "manifest.json").write_text(json.dumps(manifest))
    inputs = {"sft": Artifact("sft", "0" * 16, tmp_path), "reward": Artifact("reward", "1" * 16, reward.parent)}
    tracker = TableTracker(request.param, MetricsFile(tmp_path), None)
    return StageContext(tmp_path, inputs, tracker, lambda: tiny, transformers_sampler, 9)


def by_hand(prompt: str, text: str, names: Sequence[str]) -> float:
    return sum(verify(str(BANK[name].check), prompt, text) for name in names) / len(names)


@pytest.mark.parametrize("context", ["ppo"], indirect=True)
def test_ppo_is_rewarded_by_the_checks(cfg: Config, context: StageContext) -> None:
    ppo.run(cfg, context)
    rows = context.tracker.rows  # type: ignore[attr-defined]
    assert {step for step, _ in rows} == {0, 1} and len(rows) == 6
    for _, (prompt, principles, text, score) in rows:
        assert len(principles.split(", ")) == 2
        assert score == pytest.approx(by_hand(prompt, text, principles.split(", ")), abs=1e-6)
    (update,) = [row for row in read_metrics(context.work / "metrics.jsonl") if "objective/score" in row]
    assert 0 <= update["objective/score"] <= 1
    means = [sum(row[3] for at, row in rows if at == step) / 3 for step in (0, 1)]
    logged = [row["held_out/score"] for row in read_metrics(context.work / "metrics.jsonl") if "held_out/score" in row]
    assert logged == pytest.approx(means, abs=1e-6)


@pytest.mark.parametrize("context", ["best_of_n"], indirect=True)
def test_best_of_n_is_chosen_by_the_checks(cfg: Config, context: StageContext, tiny) -> None:
    best_of_n.run(cfg, context)
    rows = [json.loads(line) for line in (context.work / "candidates.jsonl").read_text().splitlines()]
    held_out = held_out_batch(select_ppo_prompts(cfg, tiny.chat).held_out, cfg.ppo.seed)
    choice = principle_choice(cfg)
    assert len(rows) == 3
    for prompt, key, row in zip(held_out.prompts, held_out.keys, rows, strict=True):
        names = [principle.name for principle in choice.for_prompt(prompt, *key)]
        for candidate in row["candidates"]:
            assert candidate["score"] == pytest.approx(by_hand(prompt.prompt, candidate["text"], names), abs=1e-6)
