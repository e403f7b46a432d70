"""``task=pairs`` on policies and reward models: what is scored, kept and reported."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from pytest import approx

from eval.__main__ import run, typed
from eval.benchmark_run import Evaluation
from eval.evaluate import evaluate_checkpoint
from eval.pairs.files import Preference, read_preferences
from eval.pairs.likelihood import encode_pair, messages_of, pair_likelihoods
from eval.results import Row
from salmon.config.register import CONF, register
from salmon.config.reward import RewardConfig, RewardHead
from salmon.errors import SalmonError
from salmon.models.forward import response_logprobs, score_forward, token_batch
from salmon.models.heads import ScalarHead, load_scalar_model, save_scalar_model
from salmon.models.loading import load_base
from salmon.models.packing.continuations import Continuations
from salmon.reward.inputs import reward_input
from salmon.runtime.jsonl import read_grown
from salmon.runtime.store import Store
from salmon.tracking.glossary import find

pytestmark = pytest.mark.slow

register()

MINI = Path(__file__).parents[3] / "eval" / "mini" / "pairs" / "pairs.jsonl"
DIALOGUE = "Human: Hi\n\nAssistant: Hello\n\nHuman: Who are you?"
PAIRS = [
    Preference("Sing!", "La la la", "No", "songs"),
    Preference(DIALOGUE, "Me.", "You, and others.", "talk"),
    Preference("Sing!", "La", "Never", "songs"),
]
LIMITS = {"max_length": 900, "max_instruction_tokens": 200, "max_response_tokens": 90}
BANK = """
principles:
  - {name: Kind, definition: Be kind.}
  - {name: Safe, definition: Be safe.}
"""


# --- the policy --------------------------------------------------------------------------------


def test_log_probs_are_those_of_a_plain_forward_pass(tiny, adapter, tmp_path):
    tiny.load_adapter("sft", adapter)
    with tiny.using("sft"):
        found = pair_likelihoods(tiny, PAIRS, tmp_path)
        for pair, got in zip(PAIRS, found, strict=True):
            prompt = tiny.chat.prompt_ids(messages_of(pair.prompt))
            for text, logprob, length in (
                (pair.chosen, got.chosen, got.chosen_tokens),
                (pair.rejected, got.rejected, got.rejected_tokens),
            ):
                ids = [*tiny.chat.encode(text), tiny.chat.end_id]
                batch = token_batch([prompt], [ids], tiny.pad_id, tiny.device)
                with torch.no_grad():
                    assert logprob == approx(response_logprobs(tiny, batch, 1.0).sum().item(), abs=1e-3)
                assert length == len(ids) and not got.cut


def test_greedy_is_what_greedy_decoding_would_give(tiny):
    prompt = tiny.chat.user_ids("Sing!")
    prefix, last = Continuations(tiny, prompt[:-1]), prompt[-1:]
    with torch.no_grad():
        best = int(tiny.model(torch.tensor([prompt])).logits[0, -1].argmax())
    found = prefix.likelihoods([(last, [best]), (last, [best + 1])])
    assert [answer.greedy for answer in found] == [True, False] and found[0].logprob > found[1].logprob


@pytest.mark.parametrize(
    ("prompt", "turns"),
    [
        ("Sing!", ["Sing!"]),
        (DIALOGUE, ["Hi", "Hello", "Who are you?"]),
        ("Hi\n\nAssistant: Hello\n\nHuman: Who?", ["Hi", "Hello", "Who?"]),  # HHH: the first turn has no name
        ("Human: a\n\nHuman: b", ["Human: a\n\nHuman: b"]),
        ("Human: a\n\nAssistant: b", ["Human: a\n\nAssistant: b"]),
        ("Human: a\n\nAssistant:\n\nHuman: c", ["Human: a\n\nAssistant:\n\nHuman: c"]),
    ],
)
def test_dialogues_go_through_the_chat_template(prompt, turns):
    messages = messages_of(prompt)
    assert [message["content"] for message in messages] == turns
    assert [message["role"] for message in messages] == ["user", "assistant", "user"][: len(turns)]


def test_what_is_too_long_is_cut_and_counted(tiny):
    long, short = "word " * 40, "no"
    whole = encode_pair(tiny.chat, Preference("Sing!", long, short, ""), 8192)
    assert not whole.cut and whole.chosen[-1] == tiny.chat.end_id
    for pair in (
        Preference("Sing!", long, short, ""),
        Preference(long, "yes", short, ""),
        Preference(long, long, short, ""),
    ):
        cut = encode_pair(tiny.chat, pair, 128)
        assert cut.cut and len(cut.prompt) + max(len(cut.chosen), len(cut.rejected)) == 128
        assert cut.prompt[-8:] == tiny.chat.prompt_ids(messages_of(pair.prompt))[-8:], "the end stays"
        assert len(cut.chosen) >= min(64, len(tiny.chat.answer_ids(pair.chosen)))


def test_interrupted_work_goes_on(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("eval.pairs.likelihood.PAIRS_A_LINE", 2)
    pairs = [*read_preferences(MINI).pairs[:4], PAIRS[0]]
    whole = pair_likelihoods(tiny, pairs, tmp_path)
    file = tmp_path / "likelihoods.jsonl"
    lines = file.read_text().splitlines(keepends=True)
    assert len(lines) == 5
    file.write_text("".join(lines[:3]) + lines[3][:20])  # killed in the middle of the second chunk
    encoded = []
    monkeypatch.setattr("eval.pairs.likelihood.encode_pair", lambda *args: encoded.append(1) or encode_pair(*args))
    assert pair_likelihoods(tiny, pairs, tmp_path) == whole and len(encoded) == 3


def evaluate(tiny, suite, folder: Path, files: dict[str, str], adapter=None, **changes) -> dict[tuple[str, str], Row]:
    suite = replace(suite, tasks=["pairs"], pairs=replace(suite.pairs, files=files), **{"limit": None} | changes)
    rows = evaluate_checkpoint(tiny, adapter, "sft", Evaluation(suite, None, 0, folder), folder / "work")
    return {(row.task, row.metric): row for row in rows}


def test_the_smoke_test_on_a_policy(tiny, suite, adapter, tmp_path):
    rows = evaluate(tiny, suite, tmp_path, {}, adapter)
    assert {task for task, _ in rows} == {"pairs_mini"}
    assert {metric for _, metric in rows} == {
        *(
            f"accuracy_{kind}{category}"
            for kind in ("sum", "per_token")
            for category in ("", ":helpful", ":honest", ":harmless")
        ),
        *(f"n_{what}_{kind}" for kind in ("sum", "per_token") for what in ("tied", "undefined", "too_long")),
        "n_skipped",
    }
    assert rows["pairs_mini", "accuracy_sum"].n == 9 and rows["pairs_mini", "accuracy_sum:honest"].n == 3
    assert all("SMOKE TEST" in row.note for row in rows.values())
    assert all(find(f"eval/sft/{task}/{metric}", "eval") for task, metric in rows)
    (file,) = tmp_path.glob("work/pairs/*/items.jsonl")
    items = read_grown(file)
    assert [item["prompt"] for item in items] == [pair.prompt for pair in read_preferences(MINI).pairs]
    sums, means = ([item["scores"][kind] for item in items] for kind in ("sum", "per_token"))
    assert sum(score["right"] for score in sums) / 9 == approx(rows["pairs_mini", "accuracy_sum"].value)
    assert sum(score["right"] for score in means) / 9 == approx(rows["pairs_mini", "accuracy_per_token"].value)
    tokens = len(tiny.chat.answer_ids(items[0]["chosen"]))
    assert means[0]["chosen"] == approx(sums[0]["chosen"] / tokens)


def test_files_of_the_user_are_no_smoke_test_and_others_do_not_touch_what_is_known(tiny, suite, tmp_path, monkeypatch):
    first = tmp_path / "a.jsonl"
    first.write_text(MINI.read_text())
    rows = evaluate(tiny, suite, tmp_path, {"a": str(first)}, limit=4)
    assert rows["pairs_a", "accuracy_sum"].n == 4
    assert all("SMOKE TEST" not in row.note and "LIMITED to the first 4" in row.note for row in rows.values())
    made = []
    monkeypatch.setattr("eval.pairs.likelihood.encode_pair", lambda *args: made.append(1) or encode_pair(*args))
    assert evaluate(tiny, suite, tmp_path, {"a": str(first)}, limit=4) == rows and made == []
    second = tmp_path / "b.jsonl"
    rows_of_b = [{"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "chosen": "b", "rejected": "b"}]
    second.write_text("".join(json.dumps(row) + "\n" for row in rows_of_b))
    both = evaluate(tiny, suite, tmp_path, {"a": str(first), "b": str(second)}, limit=4)
    assert len(made) == 1 and both["pairs_a", "accuracy_sum"].value == rows["pairs_a", "accuracy_sum"].value
    assert (both["pairs_b", "n_skipped"].value, both["pairs_b", "n_skipped"].n) == (1, 2)
    assert rows["pairs_a", "n_skipped"].n == 9, "of the whole file"
    with pytest.raises(SalmonError, match="eval.pairs.files.c=nowhere: there is no file"):
        evaluate(tiny, suite, tmp_path, {"c": "nowhere"})


# --- reward models -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def weights(tiny_config, tiny_cache, tmp_path_factory) -> Path:
    shared, folder = load_base(tiny_config, tiny_cache), tmp_path_factory.mktemp("reward") / "reward"
    shared.add_adapter("made", seed=1)
    generator = torch.Generator().manual_seed(0)
    for parameter in shared.parameters_of("made").values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    save_scalar_model(shared, "made", ScalarHead(shared.hidden_size, seed=3), folder)
    return folder


def artifact(root: Path, weights: Path, **reward) -> Path:
    store = Store(root)
    work = store.work_dir("reward", "a" * 16) / "reward"
    work.mkdir()
    for file in weights.iterdir():
        (work / file.name).write_bytes(file.read_bytes())
    return store.commit("reward", "a" * 16, {"config": {"reward": LIMITS | reward}, "upstream": {}}).path


@pytest.fixture
def command(tmp_path, tiny_cache):
    """``python -m eval task=pairs`` in this process; the rows by checkpoint and metric."""
    (tmp_path / "bank.yaml").write_text(BANK)

    def go(checkpoint: str, *overrides: str) -> dict[tuple[str, str], Row]:
        given = [
            f'checkpoint="{checkpoint}"',
            "task=pairs",
            "model=tiny",
            "tracking=disabled",
            f"output={tmp_path}/out",
            f"paths.cache={tiny_cache}",
            f"eval.pairs.banks=[{tmp_path}/bank.yaml,honest_8]",
            *overrides,
        ]
        with initialize_config_dir(CONF, version_base="1.3"):
            run(typed(compose("eval_app", overrides=given)))
        rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
        return {(row["checkpoint"], row["metric"]): Row.of(row) for row in rows}

    return go


def test_a_reward_model_and_a_policy(command, weights, tiny, tmp_path):
    path = artifact(tmp_path / "store", weights)
    rows = command(f"{path},base")
    assert {name for name, _ in rows} == {"reward", "base"} and rows["base", "accuracy_sum"].n == 9
    for bank in ("bank", "honest_8"):
        row = rows["reward", f"accuracy_reward_{bank}"]
        assert row.n == 9 and "SMOKE TEST" in row.note and f"principles of {bank} shown together" in row.note
        assert rows["reward", f"accuracy_reward_{bank}:helpful"].n == 3
    assert "first 2 of 2 principles" in rows["reward", "accuracy_reward_bank"].note
    assert ("reward", "accuracy_sum") not in rows and ("base", "accuracy_reward_bank") not in rows
    pairs = read_preferences(MINI).pairs
    longer = sum(max(len(tiny.chat.encode(text)) for text in (pair.chosen, pair.rejected)) > 90 for pair in pairs)
    assert rows["reward", "n_too_long_reward_bank"].value == longer > 0
    # One score against the model asked by hand.
    (file,) = (tmp_path / "out" / "reward" / "pairs").glob("*/items.jsonl")
    item = read_grown(file)[2]
    head = load_scalar_model(tiny, "reward", weights)
    ids = reward_input(
        tiny.chat, item["chosen"], item["prompt"], ["Be kind.", "Be safe."], RewardConfig(**LIMITS), RewardHead.scalar
    ).ids
    with tiny.using("reward"), torch.no_grad():
        assert item["scores"]["reward_bank"]["chosen"] == approx(score_forward(tiny, head, [ids]).item(), abs=1e-4)


def test_finished_scores_of_a_reward_model_are_kept(command, weights, tmp_path, monkeypatch):
    path = artifact(tmp_path / "store", weights, principles=False)
    first = command(str(path))
    row = first["reward", "accuracy_reward"]
    assert row.n == 9 and "WITHOUT principles" in row.note
    monkeypatch.setattr("salmon.reward.scorer.GuidelineScorer.score_cells", None)
    assert command(str(path)) == first
    (tmp_path / "out" / "reward" / "pairs.json").unlink()
    assert command(str(path)) == first, "from the scores"


def test_scores_that_are_not_numbers_are_counted(command, weights, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "salmon.reward.scorer.GuidelineScorer.score_cells",
        lambda self, cells: torch.full((len(cells),), float("nan")),
    )
    rows = command(str(artifact(tmp_path / "store", weights)))
    assert rows["reward", "accuracy_reward_bank"].value is None
    assert rows["reward", "n_undefined_reward_bank"].value == 9


def test_a_damaged_file_stops_before_anything_is_computed(command, weights, tmp_path, monkeypatch):
    (tmp_path / "bad.jsonl").write_text("{")
    monkeypatch.setattr("eval.stage.evaluate_checkpoint", None)
    with pytest.raises(SalmonError, match="bad.jsonl, line 1: not valid JSON"):
        command(f"{artifact(tmp_path / 'store', weights)},base", f"+eval.pairs.files.bad={tmp_path}/bad.jsonl")


# --- benchmarks with a guideline a row ---------------------------------------------------------


REVERSED = {"prompt": "Sing!", "response_a": "La", "response_b": "La la la", "criteria_x": "Be short."}
TURNING = [REVERSED | {"criteria_y": "Be long."}, REVERSED | {"prompt": "Hum!", "criteria_y": "Take your time."}]


def test_each_row_is_read_under_its_own_guidelines(command, weights, tiny, tmp_path, monkeypatch):
    by_hand = [Preference("Sing!\n\nBe long.", "La", "La la la", "")]
    (found,) = pair_likelihoods(tiny, by_hand, tmp_path / "by_hand")
    path = artifact(tmp_path / "store", weights)
    file = tmp_path / "rpr.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in TURNING))
    rows = command(f"{path},base", f"+eval.pairs.files.rpr={file}")
    metrics = {metric for name, metric in rows if name == "reward"}
    assert {
        f"{name}_reward_guideline" for name in ("accuracy", "accuracy_contrary", "flip_rate", "first_rate")
    } < metrics
    assert not any("reward_bank" in metric for metric in metrics), "a bank does not take the guideline's place"
    assert "each row's guideline shown alone" in rows["reward", "accuracy_reward_guideline"].note
    head = load_scalar_model(tiny, "reward", weights)
    (items,) = [read_grown(found) for found in (tmp_path / "out" / "reward" / "pairs").glob("*/items.jsonl")]
    for item, row in zip(items, TURNING, strict=True):
        for under, criterion in (("scores", row["criteria_x"]), ("contrary", row["criteria_y"])):
            for place, response in enumerate((row["response_a"], row["response_b"])):
                ids = reward_input(
                    tiny.chat, response, row["prompt"], [criterion], RewardConfig(**LIMITS), RewardHead.scalar
                ).ids
                with tiny.using("reward"), torch.no_grad():
                    asked = score_forward(tiny, head, [ids]).item()
                assert item["scores"]["reward_guideline"][under][place] == approx(asked, abs=1e-4)
    assert "each row's guideline behind its prompt" in rows["base", "accuracy_sum"].note
    (items,) = [read_grown(found) for found in (tmp_path / "out" / "base" / "pairs").glob("*/items.jsonl")]
    assert items[0]["scores"]["sum"]["contrary"] == approx([found.chosen, found.rejected], abs=1e-3)
    (tmp_path / "out" / "reward" / "pairs.json").unlink()
    monkeypatch.setattr("salmon.reward.scorer.GuidelineScorer.score_cells", None)
    assert command(f"{path},base", f"+eval.pairs.files.rpr={file}") == rows, "from the scores"


def test_a_reward_model_without_principles_never_turns(command, weights, tmp_path):
    file = tmp_path / "rpr.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in TURNING))
    rows = command(str(artifact(tmp_path / "store", weights, principles=False)), f"+eval.pairs.files.rpr={file}")
    assert rows["reward", "flip_rate_reward"].value == 0
    assert "WITHOUT principles" in rows["reward", "flip_rate_reward"].note


def test_best_of_four_is_scored_under_the_banks(command, weights, tmp_path):
    file = tmp_path / "best.json"
    best = {"prompt": "Sing!", "chosen": ["La la"], "rejected": ["No", "Why", "Never"], "subset": "Focus", "id": "1"}
    file.write_text(
        json.dumps([best, best | {"prompt": "Hum!", "id": "2"}, best | {"rejected": ["No", " "], "id": "3"}])
    )
    rows = command(str(artifact(tmp_path / "store", weights)), f"+eval.pairs.files.best={file}")
    assert (
        rows["reward", "best_of_n_reward_bank"].n == 2
        and "chance is 0.250" in rows["reward", "best_of_n_reward_bank"].note
    )
    assert (rows["reward", "n_skipped"].value, rows["reward", "n_skipped"].n) == (1, 3)
    assert all(find(f"eval/reward/pairs_best/{metric}", "eval") for _, metric in rows)
