"""DPO: which pairs, which label, and a training that starts at its reference and continues where it stopped."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hydra import compose, initialize_config_dir
from safetensors.torch import load_file

from salmon.baselines.dpo import stage as dpo
from salmon.baselines.dpo.examples import Example, encode_preferences, label, pair_logprobs
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import Judgement
from salmon.errors import SalmonError
from salmon.ppo.models import REFERENCE
from salmon.preferences.artifact import judged_training_pairs, training_pairs
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.judges.interface import JudgedPair
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.runtime.store import Artifact
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import MetricsFile, read_metrics
from salmon.tracking.tracker import Tracker

pytestmark = pytest.mark.slow

BANK = Bank("judged", tuple(Principle(name, f"{name}.") for name in ("Concise", "Formal", "Kind")))


def judged(*scores: tuple[tuple[float, float], ...], bank: Bank = BANK) -> JudgedPairs:
    """Pairs of two answers; for each the (forward, backward) log-odds of every principle."""
    pairs = [Pair(f"p{n}", "Ask", f"first {n}", f"second {n}") for n in range(len(scores))]
    return JudgedPairs(
        pairs,
        [
            [Judgement(f"p{n}", p.name, *both) for p, both in zip(bank.principles, row, strict=True)]
            for n, row in enumerate(scores)
        ],
        bank,
    )


# --- labels ------------------------------------------------------------------------------------

# Means of both orders, by principle:  Concise  Formal  Kind
ROWS = judged(
    ((1.0, 1.0), (-3.0, -2.0), (9.0, 9.0)),  # 1 - 2.5 = -1.5 without Kind
    ((-1.0, -1.0), (2.0, 2.0), (-9.0, -9.0)),  # +1
    ((1.0, 1.0), (-1.0, -1.0), (9.0, 9.0)),  # 0: undecided
    ((-1.0, -1.0), (3.0, -0.5), (0.0, 0.0)),
)  # +0.25; with agreement Formal is a tie: -1


def test_the_label_is_the_sign_of_the_sum_over_the_rl_principles() -> None:
    assert label(ROWS, ["Formal", "Concise", "Elsewhere"], require_agreement=False).tolist() == [-1, 1, 0, 1]
    assert label(ROWS, ["Formal", "Concise"], require_agreement=True).tolist() == [-1, 1, 0, -1]
    assert label(ROWS, ["Kind"], require_agreement=True).tolist() == [1, -1, 1, 0]
    everything = label(ROWS, BANK.names, require_agreement=False).tolist()
    assert everything == [1, -1, 1, 1]  # mutant: all judged principles


@pytest.mark.parametrize("names", [(), ("Elsewhere",)])
def test_no_common_principle_names_the_settings(names: tuple[str, ...]) -> None:
    with pytest.raises(SalmonError, match="judged by Concise, Formal, Kind.*Set principles.rl"):
        label(ROWS, names, require_agreement=False)


# --- pairs -------------------------------------------------------------------------------------


def write(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def preferences_folder(folder: Path, pairs: list[Pair], rows: JudgedPairs, held_out: set[str]) -> Path:
    folder.mkdir(parents=True)
    write(folder / "pairs.jsonl", [asdict(pair) for pair in pairs])
    write(folder / "held_out_pairs.jsonl", [asdict(pair) for pair in pairs if pair.prompt_id in held_out])
    write(folder / "judgements.jsonl", [asdict(JudgedPair(row, 0)) for row in rows.judgements])
    return folder


def test_pairs_of_training_prompts_keep_their_judgements(tmp_path: Path) -> None:
    """An unusable pair was never judged; a held-out one is not trained on."""
    a, b, c = ROWS.pairs[:3]
    short, empty, same = Pair("s", "Ask", "x", "long enough"), Pair("e", "Ask", "", "y"), Pair("=", "Ask", "abc", "abc")
    rows = JudgedPairs([a, b, c], ROWS.judgements[:3], BANK)
    folder = preferences_folder(tmp_path / "preferences", [short, a, empty, b, same, c], rows, held_out={b.prompt_id})
    assert training_pairs(folder, min_chars=3) == [a, c]
    kept = judged_training_pairs(folder, BANK, min_chars=3)
    assert kept.pairs == [a, c] and kept.judgements == [ROWS.judgements[0], ROWS.judgements[2]]
    with pytest.raises(ValueError, match="zip"):  # another limit than that of the artifact
        judged_training_pairs(folder, BANK, min_chars=1)


def test_tokens_of_the_decided_pairs(tiny) -> None:
    """A response that fills the limit was cut off, so it gets no end token."""
    examples = encode_preferences(tiny, ROWS, np.array([-1, 0, 1, 0]), max_new_tokens=8)
    first, second = tiny.chat.encode("first 0"), tiny.chat.encode("second 0")
    assert (len(first), len(second)) == (7, 8)
    assert [e.prompt_ids for e in examples] == [tiny.chat.user_ids("Ask")] * 2
    assert (examples[0].chosen_ids, examples[0].rejected_ids) == (second, [*first, tiny.chat.end_id])
    assert examples[1].chosen_ids == [*tiny.chat.encode("first 2"), tiny.chat.end_id]


def test_a_response_that_was_cut_teaches_no_end(tiny) -> None:
    """Its text may be shorter in tokens than what was sampled: the limit alone does not tell."""
    cut = replace(ROWS, pairs=[replace(ROWS.pairs[0], finished_1=False), *ROWS.pairs[1:]])
    (example,) = encode_preferences(tiny, cut, np.array([1, 0, 0, 0]), max_new_tokens=100)
    assert example.chosen_ids == tiny.chat.encode("first 0")
    assert example.rejected_ids == tiny.chat.answer_ids("second 0")


def test_log_probs_are_those_of_each_response_alone(tiny) -> None:
    """Padding and the other rows of the batch do not matter."""
    examples = encode_preferences(tiny, ROWS, np.array([-1, 1, 1, -1]), max_new_tokens=20)
    examples[1] = Example(tiny.chat.user_ids("A longer prompt"), *(examples[1].chosen_ids * 2, [5]))
    with torch.no_grad():
        chosen, rejected = pair_logprobs(tiny, examples)
        for n, example in enumerate(examples):
            for ids, value in ((example.chosen_ids, chosen[n]), (example.rejected_ids, rejected[n])):
                logits = tiny.model(torch.tensor([example.prompt_ids + ids])).logits[0, -len(ids) - 1 : -1]
                alone = torch.log_softmax(logits, -1)[torch.arange(len(ids)), ids].sum()
                assert value.item() == pytest.approx(alone.item(), abs=1e-3)


# --- the stage ---------------------------------------------------------------------------------


class Interrupted(Exception):
    pass


def config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(
            compose(
                "config",
                overrides=[
                    "+experiment=self_judged",
                    "model=tiny",
                    "principles=verifiable",
                    "preferences=verified",
                    "principles.rl=verifiable_11",
                    "dpo.train.batch_size=4",
                    "dpo.train.save_every=1",
                    "dpo.train.optim.lr=3e-3",
                    "dpo.train.epochs=2",
                    *overrides,
                ],
            ),
            Config,
        )


@pytest.fixture
def inputs(load_tiny, randomise, tmp_path: Path) -> dict[str, Artifact]:
    """An SFT policy, and eight pairs of which the answer of y is preferred by the first principle."""
    shared, bank = load_tiny(), load_bank("verifiable_11")
    shared.add_adapter("sft", 0)
    randomise(shared, "sft", 5, 0.02)
    shared.save_adapter("sft", tmp_path / "sft" / "policy")
    nothing = ((0.0, 0.0),) * (len(bank.principles) - 1)
    rows = judged(*((((1.0, 1.0) if n % 2 else (-1.0, -1.0)), *nothing) for n in range(8)), bank=bank)
    good, bad = [f"{'y' * 20} {n}" for n in range(8)], [f"{'n' * 20} {n}" for n in range(8)]
    pairs = [
        Pair(f"p{n}", f"Say it {n}.", good[n] if n % 2 else bad[n], bad[n] if n % 2 else good[n]) for n in range(8)
    ]
    folder = preferences_folder(tmp_path / "preferences", pairs, rows, held_out={"p7"})
    return {"sft": artifact("sft", tmp_path / "sft", {"sft": "policy"}), "preferences": artifact("preferences", folder)}


def artifact(stage: str, path: Path, checkpoints: dict[str, str] | None = None) -> Artifact:
    manifest = {"stage": stage, "fingerprint": "0" * 16, "files": {}, "metrics": {}, "checkpoints": checkpoints or {}}
    (path / "manifest.json").write_text(json.dumps(manifest))
    return Artifact(stage, "0" * 16, path)


def run(cfg: Config, inputs: dict[str, Artifact], work: Path, shared, stop_at: int | None = None) -> dict[str, float]:
    """Run the stage in ``work``; ``stop_at``: interrupted when this step has been logged."""
    work.mkdir(exist_ok=True)

    class Stopping(Tracker):
        def log(self, step, metrics):
            super().log(step, metrics)
            if step == stop_at:
                raise Interrupted

    shared.clear()
    return dpo.run(
        cfg,
        StageContext(work, inputs, Stopping("dpo", MetricsFile(work), None), lambda: shared, transformers_sampler, 4),
    )


def test_it_learns_to_prefer_and_reports_where_it_started(tiny, inputs, tmp_path: Path) -> None:
    cfg = config("principles.monitor=verifiable_11", "dpo.train.epochs=4")
    metrics = run(cfg, inputs, tmp_path / "work", tiny)
    history = read_metrics(tmp_path / "work" / "metrics.jsonl")
    assert [row["step"] for row in history] == [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]  # 7 pairs, 2 steps an epoch
    assert history[0]["held_out/kl"] == 0.0 and history[1]["dpo/loss"] == pytest.approx(0.693147, abs=1e-5)
    assert metrics["dpo/pairs"] == 7.0 and metrics["dpo/undecided"] == 0.0
    assert metrics["dpo/loss"] < 0.6 and metrics["dpo/accuracy"] == 1.0 and metrics["dpo/margin"] > 0.1
    assert metrics["held_out/kl"] == history[-1]["held_out/kl"] != 0.0
    assert 0.0 <= metrics["held_out/check/Concise"] <= 1.0
    made, given = (
        load_file(folder / "policy" / "adapter_model.safetensors") for folder in (tmp_path / "work", inputs["sft"].path)
    )
    assert any(not torch.equal(made[name], given[name]) for name in given)
    for name, tensor in given.items():  # the reference stayed where it was
        assert torch.equal(tiny.model.state_dict()[loaded_name(name)], tensor)
    assert len((tmp_path / "work" / "tables" / "responses_0.jsonl").read_text().splitlines()) == 4


def loaded_name(name: str) -> str:
    """Where the base holds the reference's tensor that a PEFT file calls ``name``."""
    return name.removeprefix("base_model.model.").replace(".weight", f".{REFERENCE}.weight")


@pytest.mark.slow
def test_an_interrupted_stage_continues_to_the_bit(tiny, inputs, tmp_path: Path) -> None:
    cfg = config()
    expected = run(cfg, inputs, tmp_path / "straight", tiny)

    def outcome(folder: Path) -> tuple[list[dict], bytes]:
        rows = [{k: v for k, v in row.items() if k != "time"} for row in read_metrics(folder / "metrics.jsonl")]
        return rows, (folder / "policy" / "adapter_model.safetensors").read_bytes()

    for stop_at in (0, 1, 3):
        work = tmp_path / f"stopped-{stop_at}"
        with pytest.raises(Interrupted):
            run(cfg, inputs, work, tiny, stop_at)
        assert run(cfg, inputs, work, tiny) == expected
        assert outcome(work) == outcome(tmp_path / "straight")


def test_nothing_decided_is_an_error(tiny, inputs, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="prefers neither response in any of 7 pairs"):
        run(config("principles.include=[Formal]"), inputs, tmp_path / "work", tiny)
