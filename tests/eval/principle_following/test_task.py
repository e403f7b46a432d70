"""``task=principle_following`` from a reward artifact in a store to its report, on the tiny model."""

import gzip
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from hydra import compose, initialize_config_dir

from eval.__main__ import run, typed
from eval.config import PrincipleFollowingSettings
from eval.ifbench.families import IFBENCH_FAMILIES
from eval.principle_following.inputs import checked_bank, read_banks
from eval.principle_following.pairs import drawn, read_real_pairs
from eval.principle_following.tables import bank_cells, truths
from eval.results import Row
from eval.stage import run as run_stage
from salmon.config.register import CONF, register
from salmon.errors import SalmonError
from salmon.models.heads import ScalarHead, save_scalar_model
from salmon.models.loading import load_base
from salmon.preferences.pairs import Pair
from salmon.principles.bank import load_bank
from salmon.principles.parametric.universe import all_families
from salmon.reward.scorer import GuidelineScorer
from salmon.reward.trained_model import loaded_reward_model
from salmon.runtime.artifact import open_artifact, sealed
from salmon.runtime.store import Store
from salmon.tracking.glossary import find

pytestmark = pytest.mark.slow

register()

HH_RLHF = "hh_rlhf/harmless_base_test.jsonl.gz"
TERSE, WORDY = "Yes, it does.", "Yes, it surely does, and here is a long list of reasons why that is so, one by one."
LISTED = "Reasons:\n- it is warm\n- it is light\n- it is cheap"
PROMPTS = ["Does wool keep warm?", "Does the moon shine?", "Does a cat purr?", "Does rain help?"]
PAIRS = [
    {"prompt_id": f"p{n}", "prompt": prompt, "response_1": one, "response_2": two}
    for n, prompt in enumerate(PROMPTS)
    for one, two in ((TERSE, WORDY), (LISTED, f"{WORDY} Number {n}."))
]
BANK = """
principles:
  - {name: Concise, definition: Be short., negative_definition: Be long., check: concise, opposite: Comprehensive}
  - {name: Comprehensive, definition: Cover much., negative_definition: Omit., check: comprehensive, opposite: Concise}
  - {name: Structured, definition: Use lists., negative_definition: Use no list., check: structured}
  - {name: Avoids Zebra, definition: Say no zebra., check: "avoids_word:zebra"}
"""
# 4 prompts x 4 responses. All of them under each of 4 principles; what else is asked only of pairs that a check tells
# apart: 2 negations and 2 orders of the two opposites, and of lists, in every second pair, 1 negation.
SCORES = 16 * (4 + 2 + 2) + 8 * 1
REAL_BANK = """
principles:
  - {name: Kind, definition: Be kind.}
  - {name: Safe, definition: Be safe.}
"""


@pytest.fixture(scope="module")
def reward_folder(tiny_config, tiny_cache, tmp_path_factory) -> Path:
    import torch

    shared, folder = load_base(tiny_config, tiny_cache), tmp_path_factory.mktemp("reward") / "reward"
    shared.add_adapter("made", seed=1)
    generator = torch.Generator().manual_seed(0)
    for parameter in shared.parameters_of("made").values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    save_scalar_model(shared, "made", ScalarHead(shared.hidden_size, seed=3), folder)
    return folder


def make_store(root: Path, reward_folder: Path, rows: list[dict] | None = PAIRS, **reward: object) -> Path:
    """A store with preferences and the reward artifact made from them; the latter's folder."""
    store = Store(root)
    work = store.work_dir("preferences", "f" * 16)
    if rows is not None:
        (work / "held_out_pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    store.commit("preferences", "f" * 16, {})
    work = store.work_dir("reward", "a" * 16) / "reward"
    work.mkdir()
    for file in reward_folder.iterdir():
        (work / file.name).write_bytes(file.read_bytes())
    limits = {"max_length": 900, "max_instruction_tokens": 200, "max_response_tokens": 90}
    return store.commit(
        "reward",
        "a" * 16,
        {
            "config": {"reward": limits | reward},
            "upstream": {"preferences": "preferences-" + "f" * 16},
        },
    ).path


@pytest.fixture
def evaluate(tmp_path, tiny_cache):
    """``python -m eval`` in this process; the rows by metric."""
    (tmp_path / "bank.yaml").write_text(BANK)
    (tmp_path / "real_bank.yaml").write_text(REAL_BANK)

    def go(checkpoint: Path | str, *overrides: str, task: str | None = "principle_following") -> dict[str, Row]:
        bank = f"{tmp_path}/bank.yaml"
        given = [
            f'checkpoint="{checkpoint}"',
            "model=tiny",
            "tracking=disabled",
            f"output={tmp_path}/out",
            f"paths.cache={tiny_cache}",
            f"eval.principle_following.trained={bank}",
            "eval.principle_following.paraphrased=null",
            "eval.principle_following.unseen=null",
            "eval.principle_following.bootstrap=50",
            "eval.principle_following.parametric_items=null",
            *overrides,
            *([] if task is None else [f"task={task}"]),
        ]
        with initialize_config_dir(CONF, version_base="1.3"):
            run(typed(compose("eval_app", overrides=given)))
        rows = [Row(**row) for row in json.loads((tmp_path / "out" / "results.json").read_text())["rows"]]
        return {row.metric: row for row in rows}

    return go


@pytest.mark.slow
def test_from_artifact_to_report(evaluate, reward_folder, tmp_path):
    artifact = make_store(tmp_path / "store", reward_folder)
    rows = evaluate(artifact, f"eval.principle_following.unseen={tmp_path}/bank.yaml")
    assert {row.checkpoint for row in rows.values()} == {"reward"}
    assert {row.task for row in rows.values()} == {"principle_following"}
    # Lengths tell both pairs of each prompt apart, lists one; nobody says zebra.
    assert [rows[name].value for name in ("n_pairs", "n_prompts", "n_tied")] == [8, 4, 0 + 0 + 4 + 8]
    # Bytes are tokens: the limit of 90 cuts what is longer, which is each "... Number n.".
    assert rows["n_cut"].value == sum(len(f"{WORDY} Number {n}.") > 90 for n in range(4))
    assert [rows[f"accuracy_asserted/{name}"].n for name in ("Concise", "Comprehensive", "Structured")] == [8, 8, 4]
    no_zebra = rows["accuracy_asserted/Avoids Zebra"]
    assert (no_zebra.value, no_zebra.n) == (None, 0) and "tells no pair apart" in no_zebra.note
    assert "accuracy_negated/Avoids Zebra" not in rows, "it has no negation"
    for metric in (
        "accuracy_asserted",
        "accuracy_negated",
        "flip_rate",
        "opposite_flip_rate",
        "conflict_ratio",
        "sensitivity",
        "ece",
        "brier",
        "length_correlation",
        "unseen_accuracy_asserted",
    ):
        row = rows[metric]
        assert row.low <= row.high and row.n > 0, metric
        if metric != "sensitivity":  # a spread is biased downwards in resamples, which repeat prompts
            assert row.low <= row.value <= row.high, metric
    assert rows["unseen_accuracy_asserted"].value == rows["accuracy_asserted"].value, "the same bank"
    assert "held_out_pairs.jsonl" in rows["ece"].note and "verifiable" not in rows["ece"].note

    folder = tmp_path / "out" / "reward" / "principle_following"
    report = json.loads((folder / "report.json").read_text())
    assert report["banks"][""]["figures"]["tied"] == {
        "Concise": 0,
        "Comprehensive": 0,
        "Structured": 4,
        "Avoids Zebra": 8,
    }
    assert [len(line) for line in report["matrix"]["measured"]] == [4] * 4
    assert [line[3] for line in report["matrix"]["measured"]] == [None] * 4
    assert len(report["banks"][""]["calibration"]["reliability"]) == 10
    text = (folder / "report.md").read_text()
    assert "| Structured | 4 |" in text and "| n/a (n=0) |" in text and "nan" not in text
    assert (folder / "matrix.png").read_bytes()[:4] == b"\x89PNG"
    assert "<svg" in (folder / "matrix.svg").read_text()[:1000]
    table = (tmp_path / "out" / "results.md").read_text()
    ece = rows["ece"]
    assert f"| principle_following | ece | {ece.value:.3f} [{ece.low:.3f}, {ece.high:.3f}] (n={ece.n}) |" in table


def test_the_scores_are_those_of_the_reward_model(evaluate, reward_folder, tmp_path, tiny):
    """One cell of the score table against the model asked by hand."""
    import torch

    from salmon.config.reward import RewardConfig, RewardHead
    from salmon.models.forward import score_forward
    from salmon.models.heads import load_scalar_model
    from salmon.reward.inputs import reward_input

    artifact = make_store(tmp_path / "store", reward_folder)
    evaluate(artifact, "eval.principle_following.batch_size=3")
    (file,) = (tmp_path / "out" / "reward" / "principle_following").glob("scores-*.jsonl")
    scores = {row["cell"]: row["score"] for row in map(json.loads, file.read_text().splitlines())}
    pairs = [Pair(**row) for row in PAIRS]
    bank = load_bank(f"{tmp_path}/bank.yaml")
    cells = bank_cells(bank, truths(bank, pairs), pairs, everywhere=True)
    head = load_scalar_model(tiny, "reward", reward_folder)
    limits = RewardConfig(max_length=900, max_instruction_tokens=200, max_response_tokens=90)
    for response, texts in ((WORDY, ("Be long.",)), (LISTED, ("Be short.", "Cover much."))):
        number = cells.index(((PROMPTS[0], response), texts))
        ids = reward_input(tiny.chat, response, PROMPTS[0], texts, limits, RewardHead.scalar).ids
        with tiny.using("reward"), torch.no_grad():
            assert scores[number] == pytest.approx(score_forward(tiny, head, [ids]).item(), abs=1e-4)
    assert len(scores) == SCORES


def test_a_model_without_principles_is_asked_without(evaluate, reward_folder, tmp_path):
    artifact = make_store(tmp_path / "store", reward_folder, principles=False)
    rows = evaluate(artifact)
    for name in ("Concise", "Comprehensive", "Structured"):
        assert rows[f"accuracy_asserted/{name}"].value + rows[f"accuracy_negated/{name}"].value == pytest.approx(1)
    assert rows["flip_rate"].value == rows["sensitivity"].value == 0 and rows["conflict_ratio"].value == 1
    assert "WITHOUT principles" in rows["flip_rate"].note
    (file,) = (tmp_path / "out" / "reward" / "principle_following").glob("scores-*.jsonl")
    assert len(file.read_text().splitlines()) == 16, "every response once"


@pytest.mark.slow
def test_finished_and_interrupted_work_is_not_redone(evaluate, reward_folder, tmp_path, monkeypatch):
    artifact = make_store(tmp_path / "store", reward_folder)
    first = evaluate(artifact)
    out = tmp_path / "out" / "reward"
    (file,) = (out / "principle_following").glob("scores-*.jsonl")
    whole = file.read_text()
    scored = []
    score_cells = GuidelineScorer.score_cells
    monkeypatch.setattr(
        GuidelineScorer, "score_cells", lambda self, cells: scored.append(len(cells)) or score_cells(self, cells)
    )
    assert evaluate(artifact) == first and scored == []
    # Killed in the middle: one chunk of 2 x 8 x 16 scores was not yet reached, so a smaller batch is used here.
    (out / "principle_following.json").unlink()
    small = "eval.principle_following.batch_size=1"
    file.write_text("".join(whole.splitlines(keepends=True)[:100]))  # 3 whole chunks of 32, and 4 lines more
    again = evaluate(artifact, small)
    assert sum(scored) == SCORES - 96
    assert again["ece"].value == pytest.approx(first["ece"].value, abs=1e-4)
    # Other settings: the figures are computed again, the scores only where they are others.
    scored.clear()
    evaluate(artifact, "seed=5")
    assert scored == []
    evaluate(artifact, "eval.principle_following.limit=4")
    assert sum(scored) in [8 * (4 + 2 + 2) + lists * 2 for lists in range(5)]
    assert len(list((out / "principle_following").glob("scores-*.jsonl"))) == 2


@pytest.mark.slow
def test_real_pairs_under_each_bank(evaluate, reward_folder, tmp_path):
    artifact = make_store(tmp_path / "store", reward_folder)
    dialogue = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Who?\n\nAssistant:"
    rows = [
        {"chosen": f"{dialogue} Me.", "rejected": f"{dialogue} You."},
        {"prompt": "Sing", "chosen": "La la", "rejected": "No"},
        {"prompt": "Sing", "chosen": "La", "rejected": "La"},
        {"prompt": "Sing", "chosen": "La", "rejected": " "},
    ]
    with gzip.open(tmp_path / "real.jsonl.gz", "wt") as file:
        file.write("".join(json.dumps(row) + "\n" for row in rows))
    real = evaluate(
        artifact,
        f"+eval.principle_following.real_pairs.hh={tmp_path}/real.jsonl.gz",
        f"eval.principle_following.real_banks=[{tmp_path}/real_bank.yaml,honest_8]",
    )
    for bank, shown in (("real_bank", "the first 2 of 2"), ("honest_8", " of 8 principles")):
        row = real[f"real_accuracy/hh/{bank}"]
        assert row.n == 2 and row.value in (0, 0.5, 1)
        assert shown in row.note and "2 rows without a preference left out" in row.note
    # 900 bytes have room for only some of honest_8, of which half are kept for response and prompt.
    assert "the first 8" not in real["real_accuracy/hh/honest_8"].note


def test_hh_rlhf_as_published(real_data):
    file = real_data("hh_rlhf") / HH_RLHF
    found = read_real_pairs(file, None, 0)
    assert (len(found.pairs), found.skipped) == (2308, 4)
    first = found.pairs[0]
    assert first.prompt.startswith("Human: what are some pranks") and first.prompt.endswith("to do with pens")
    assert first.response_1.startswith("No, sorry!") and first.response_2.startswith("There are lots")
    assert len(read_real_pairs(file, 5, 0).pairs) == 5


@pytest.mark.slow
def test_the_stage_evaluates_the_reward_model_and_shows_the_matrix(reward_folder, suite, tiny, tiny_config, tmp_path):
    """In the pipeline the input artifact lies in a store beside its preferences, as here."""

    @dataclass
    class Tracker:
        logged: dict = field(default_factory=dict)
        images: list = field(default_factory=list)

        def rewind(self, step):
            pass

        def log(self, step, metrics):
            self.logged |= metrics

        def table(self, name, columns, rows, step):
            assert all(len(row) == len(columns) for row in rows)

        def summary(self, metrics):
            assert metrics == self.logged

        def image(self, name, path, step):
            self.images.append((name, path.is_file()))

    artifact = open_artifact(make_store(tmp_path / "store", reward_folder))
    suite.tasks = ["principle_following"]
    cfg = SimpleNamespace(eval=suite, model=tiny_config, paths=SimpleNamespace(cache=str(tmp_path)), seed=0)
    ctx = SimpleNamespace(
        work=tmp_path / "work", inputs={"checkpoint": artifact}, tracker=Tracker(), shared=lambda: tiny
    )
    metrics = run_stage(cfg, ctx)
    assert ctx.tracker.images == [("reward_matrix", True)] and metrics == ctx.tracker.logged
    assert 0 <= metrics["eval/reward/principle_following/accuracy_asserted/Concise"] <= 1
    assert all(find(name, "eval") is not None for name in metrics)
    assert tiny.adapters == [], "the base is left as it was"


@pytest.mark.slow
def test_parametric_sets_and_contrast_pairs_of_a_reward_model(evaluate, reward_folder, tmp_path, monkeypatch):
    """The model gives every response of a set its score under few texts; of a finished run nothing is scored again."""
    few = tuple(family for family in all_families() if family.name in ("length", "word", "exclamation", "digits"))
    for module_name in ("eval.principle_following.universe", "salmon.principles.parametric.universe"):
        monkeypatch.setattr(f"{module_name}.all_families", lambda: few)
    monkeypatch.setattr("eval.principle_following.parametric_sets.IFBENCH_FAMILIES", IFBENCH_FAMILIES[:2])
    held_out = {"held_out_families": ["exclamation", "digits"]}
    artifact = make_store(tmp_path / "store", reward_folder, parametric=held_out)
    rows = evaluate(artifact, "eval.principle_following.parametric_items=2")
    sets = ("trained_wordings_", "heldout_words_", "heldout_wordings_", "unseen_families_", "contrast_")
    for prefix in sets:
        for metric in ("accuracy_asserted", "accuracy_negated", "flip_rate", "conflict_ratio", "ece", "brier"):
            assert rows[prefix + metric].value is not None, prefix + metric
    assert all(0 <= rows[f"{prefix}consistency"].value <= 1 for prefix in sets[:4])
    # Concise and Avoids Zebra have a family, and one of them a negation: 15 of each are 30 of the set.
    assert rows["contrast_accuracy_asserted"].n == 2 * 15 and rows["contrast_accuracy_negated"].n == 15
    assert "of 2 principles or families" in rows["contrast_accuracy_asserted"].note
    assert all(find(f"eval/reward/principle_following/{metric}", "eval") for metric in rows)
    folder = tmp_path / "out" / "reward" / "principle_following"
    assert "## heldout_words_...: held-out words" in (folder / "report.md").read_text(encoding="utf-8")
    monkeypatch.setattr(GuidelineScorer, "score_cells", None)
    (tmp_path / "out" / "reward" / "principle_following.json").unlink()
    assert evaluate(artifact, "eval.principle_following.parametric_items=2") == rows


# --- what can be wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("[1]\n", "line 1: not a JSON object"),
        ('{"prompt_id": "a"}\n', "line 1: prompt, response_1, response_2 must be text"),
        (f"{json.dumps(PAIRS[0])}\n\n{{\n", "line 3: not valid JSON"),
        ("\n", "has no pairs"),
    ],
)
def test_malformed_pairs(evaluate, reward_folder, tmp_path, lines, message):
    artifact = make_store(tmp_path / "store", reward_folder)
    (tmp_path / "pairs.jsonl").write_text(lines)
    with pytest.raises(SalmonError, match=message):
        evaluate(artifact, f"eval.principle_following.pairs={tmp_path}/pairs.jsonl")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ({"chosen": "a", "rejected": "b"}, "do not share a beginning"),
        ({"prompt": "a", "chosen": "b"}, "rejected must be text"),
    ],
)
def test_malformed_real_pairs(tmp_path, line, message):
    (tmp_path / "real.jsonl").write_text(json.dumps(line))
    with pytest.raises(SalmonError, match=f"line 1: .*{message}"):
        read_real_pairs(tmp_path / "real.jsonl", None, 0)


def test_a_torn_archive(tmp_path):
    (tmp_path / "real.jsonl.gz").write_bytes(gzip.compress(b"{}")[:-6])
    with pytest.raises(SalmonError, match="cannot be read"):
        read_real_pairs(tmp_path / "real.jsonl.gz", None, 0)


def test_files_that_are_not_there(evaluate, reward_folder, tmp_path):
    artifact = make_store(tmp_path / "store", reward_folder, rows=None)
    with pytest.raises(SalmonError, match="older version.*eval.principle_following.pairs=FILE"):
        evaluate(artifact)
    with pytest.raises(SalmonError, match="pairs=nowhere: there is no file"):
        evaluate(artifact, "eval.principle_following.pairs=nowhere")
    with pytest.raises(SalmonError, match="real_pairs.hh=nowhere: there is no file"):
        good = tmp_path / "pairs.jsonl"
        good.write_text(json.dumps(PAIRS[0]))
        evaluate(artifact, f"eval.principle_following.pairs={good}", "+eval.principle_following.real_pairs.hh=nowhere")
    moved = tmp_path / "elsewhere" / "reward" / "copied"
    moved.parent.mkdir(parents=True)
    artifact.rename(moved)
    with pytest.raises(SalmonError, match="not beside it in the store.*eval.principle_following.pairs=FILE"):
        evaluate(moved)


def test_a_bank_without_checks(evaluate, reward_folder, tmp_path, caplog):
    artifact = make_store(tmp_path / "store", reward_folder)
    with pytest.raises(SalmonError, match="trained=honest_8: no principle of this bank has a `check`"):
        evaluate(artifact, "eval.principle_following.trained=honest_8")
    (tmp_path / "half.yaml").write_text(BANK + "  - {name: Kind, definition: Be kind.}\n")
    bank = checked_bank(str(tmp_path / "half.yaml"), "key")
    assert "Kind" not in bank.names and len(bank.names) == 4
    assert "without a check, so not measured: Kind" in caplog.text


def test_reward_artifacts_that_are_not_whole(evaluate, reward_folder, tmp_path, tiny):
    artifact = make_store(tmp_path / "store", reward_folder)
    (artifact / "reward" / "scalar_head.safetensors").unlink()
    with pytest.raises(SalmonError, match="scalar_head.safetensors is missing"):
        evaluate(artifact)
    artifact = make_store(tmp_path / "other", reward_folder)
    manifest = json.loads((artifact / "manifest.json").read_text())
    del manifest["config"]["reward"]["max_length"]
    (artifact / "manifest.json").write_text(json.dumps(sealed(manifest)))
    loading = loaded_reward_model(tiny, open_artifact(artifact))
    with pytest.raises(SalmonError, match="lacks config.reward.max_length"), loading:
        pass


def test_checkpoints_and_tasks_must_fit(evaluate, reward_folder, adapter, tmp_path):
    artifact = make_store(tmp_path / "store", reward_folder)
    with pytest.raises(SalmonError, match="base is no reward artifact.*STORE/reward/FINGERPRINT"):
        evaluate("base")
    with pytest.raises(SalmonError, match="adapter is no reward artifact"):
        evaluate(f"{artifact},{adapter}")
    with pytest.raises(SalmonError, match="reward is a reward model.*task=principle_following"):
        evaluate(artifact, "eval.tasks=[bbh]", task=None)


@pytest.mark.slow
def test_a_reward_model_and_a_policy_each_get_their_tasks(evaluate, reward_folder, tmp_path):
    first = make_store(tmp_path / "one", reward_folder)
    rows = evaluate(f"{first},base", "eval.tasks=[truthfulqa_mc1,principle_following]", "eval.limit=1", task=None)
    assert rows["acc"].checkpoint == "base" and rows["flip_rate"].checkpoint == "reward"


def test_what_was_not_trained_counts_as_unseen():
    settings = PrincipleFollowingSettings(
        trained="verifiable_11",
        paraphrased="verifiable_paraphrased_11",
        unseen="verifiable_unseen_5",
        untrained=["Comprehensive", "Informal"],
    )
    banks = read_banks(settings)
    assert len(banks[""].names) == len(banks["paraphrased_"].names) == 9 and "Informal" not in banks[""].names
    assert len(banks["unseen_"].names) == 7 and banks["unseen_"].names[-2:] == ("Comprehensive", "Informal")
    alone = read_banks(replace(settings, paraphrased=None, unseen=None))
    assert set(alone) == {"", "unseen_"} and alone["unseen_"].names == ("Comprehensive", "Informal")
    with pytest.raises(SalmonError, match="Informall"):
        read_banks(replace(settings, untrained=["Informall"]))


def test_a_limit_draws_prompts_not_the_first_rows_of_the_file():
    pairs = [Pair(f"p{i // 6}", f"prompt {i // 6}", f"a {i}", f"b {i}") for i in range(120)]
    kept = drawn(pairs, 20, seed=0)
    assert len({pair.prompt_id for pair in kept}) == 20, "of all 20 prompts, where the first 20 rows are of 4"
    half = drawn(pairs, 10, seed=0)
    assert len({pair.prompt_id for pair in half}) == 10 and half == drawn(pairs, 10, seed=0)
    assert half != drawn(pairs, 10, seed=1) and half != pairs[:10]
    assert [pairs.index(pair) for pair in half] == sorted(pairs.index(pair) for pair in half)
    assert drawn(pairs, None, seed=0) == drawn(pairs, 120, seed=0) == pairs
