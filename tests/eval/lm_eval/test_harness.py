import json
import math
from pathlib import Path

import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from pytest import approx

from eval.bbh.lm_eval_verdict import lm_eval_answer
from eval.config import BBHMode
from eval.lm_eval.harness import run_bbh, run_truthfulqa, score_bbh, truthfulqa_score
from eval.lm_eval.model import PrefixLM
from eval.results import Unavailable
from eval.sources import data_folder

MC = ["truthfulqa_mc1", "truthfulqa_mc2"]


def samples(work: Path, task: str) -> list[dict]:
    return [json.loads(line) for line in (work / "samples" / f"{task}.jsonl").read_text().splitlines()]


# --- scores of one item --------------------------------------------------------------------------


def test_scored_sample_keeps_lm_evals_own_verdict():
    sample = {"resps": [[" No"]], "target": "No", "exact_match": 0.0}
    scored = score_bbh(sample)
    assert (scored["accuracy"], scored["exact_match"], scored["parsed"]) == (1.0, 0.0, True)
    empty = score_bbh({"resps": [[" "]], "target": "No", "exact_match": 0.0})
    assert (empty["accuracy"], empty["parsed"]) == (0.0, False)


def test_mc2_of_very_unlikely_answers_literal():
    # exp(-1000) underflows, so lm-eval gets 0 / 0. True: 1 and e^-1 relative to the best, false: e^-2.
    # (1 + 0.36787944) / (1 + 0.36787944 + 0.13533528) = 1.36787944 / 1.50321472 = 0.90996943
    sample = {
        "acc": math.nan,
        "filtered_resps": [(-1000.0, False), (-1001.0, False), (-1002.0, False)],
        "doc": {"mc2_targets": {"labels": [1, 1, 0]}},
    }
    assert truthfulqa_score(sample) == approx(0.90996943)
    assert truthfulqa_score(sample | {"acc": 0.25}) == 0.25


@pytest.mark.parametrize("values", [[math.nan, math.nan], [-1.0, math.nan], [-math.inf, -math.inf], [math.inf, 0.0]])
def test_a_model_that_gives_no_probabilities_is_not_right(values):
    """lm-eval's MC1 takes the argmax, which for NaN is the first choice: the right one."""
    assert truthfulqa_score({"acc": 1.0, "filtered_resps": [(value, False) for value in values]}) == 0.0
    assert truthfulqa_score({"acc": 1.0, "filtered_resps": [(-1.0, True), (-math.inf, False)]}) == 1.0


def test_items_without_probabilities_are_counted(tiny, suite, tmp_path, monkeypatch):
    monkeypatch.setattr(PrefixLM, "loglikelihood", lambda self, requests, **_: [(math.nan, False) for _ in requests])
    rows = run_truthfulqa(tiny, "base", MC, suite, data_folder("mini"), tmp_path)
    assert [(r.task, r.metric, r.value) for r in rows] == [
        (MC[0], "acc", 0.0),
        (MC[0], "n_undefined", 2.0),
        (MC[1], "acc", 0.0),
        (MC[1], "n_undefined", 2.0),
    ]


# --- the model as lm-eval sees it ----------------------------------------------------------------


def plain_lm(shared) -> HFLM:
    return HFLM(pretrained=shared.model, tokenizer=shared.tokenizer, batch_size=3, max_length=shared.context)


SHOTS = "Q: One?\nA: It is one.\n\nQ: Two?\nA: It is two.\n\n"
CHOICES = [
    (f"{SHOTS}Q: {question}?\nA:", f" {choice}")
    for question in ("Three", "A longer question")
    for choice in ("yes", "no, never", "yes", "I have no comment")
]


def loglikelihood_requests(pairs):
    return [Instance("loglikelihood", {}, pair, i, task_name="t", doc_id=i) for i, pair in enumerate(pairs)]


def generation_requests(contexts):
    settings = {"until": ["</s>", "Q", "\n\n"], "do_sample": False, "temperature": 0.0, "max_gen_toks": 12}
    return [
        Instance("generate_until", {}, (context, settings), i, task_name=f"task{i % 2}", doc_id=i)
        for i, context in enumerate(contexts)
    ]


@pytest.mark.parametrize("context", [8192, 64])  # in 64 tokens nothing fits: lm-eval's own way of cutting
@pytest.mark.parametrize("pairs", [CHOICES, [("A", " b"), ("Xy", " c")]])  # with and without a common beginning
def test_loglikelihoods_are_those_of_lm_eval(tiny, pairs, context):
    tiny.context = context
    expected = plain_lm(tiny).loglikelihood(loglikelihood_requests(pairs), disable_tqdm=True)
    got = PrefixLM(tiny, batch_size=3).loglikelihood(loglikelihood_requests(pairs))
    assert [value for value, _ in got] == approx([value for value, _ in expected], rel=1e-5)
    assert [greedy for _, greedy in got] == [greedy for _, greedy in expected]
    assert len({round(value, 3) for value, _ in got}) > 1


@pytest.mark.parametrize("context", [8192, 64])
def test_generated_answers_are_those_of_lm_eval(tiny, context):
    tiny.context = context
    contexts = [f"{SHOTS}Q: {question}\nA:" for question in ("Three?", "A longer question?", "No?", "Why then?")]
    expected = plain_lm(tiny).generate_until(generation_requests(contexts), disable_tqdm=True)
    assert PrefixLM(tiny, batch_size=3).generate_until(generation_requests(contexts)) == expected
    assert any(expected)


def test_the_active_adapter_is_evaluated(tiny, adapter):
    base = PrefixLM(tiny, batch_size=3).loglikelihood(loglikelihood_requests(CHOICES))
    tiny.load_adapter("policy", adapter)
    with tiny.using("policy"):
        policy = PrefixLM(tiny, batch_size=3).loglikelihood(loglikelihood_requests(CHOICES))
    assert max(abs(a - b) for (a, _), (b, _) in zip(base, policy, strict=True)) > 1e-3


# --- the tasks -----------------------------------------------------------------------------------


def test_truthfulqa_on_the_mini_set(tiny, suite, tmp_path):
    rows = run_truthfulqa(tiny, "base", MC, suite, data_folder("mini"), tmp_path)
    assert [(row.task, row.metric, row.n) for row in rows] == [(MC[0], "acc", 2), (MC[1], "acc", 2)]
    assert "version 2.0, 0-shot, chat template off" in rows[0].note and "version 3.0" in rows[1].note
    items = samples(tmp_path, MC[0])
    best = [max(range(len(item["resps"])), key=lambda i, r=item["resps"]: r[i][0][0]) for item in items]
    assert rows[0].value == approx(sum(index == 0 for index in best) / 2), "MC1: the right choice stands first"
    probabilities = []
    for item in samples(tmp_path, MC[1]):
        mass = [math.exp(response[0][0]) for response in item["resps"]]
        labels = item["doc"]["mc2_targets"]["labels"]
        probabilities.append(sum(m for m, label in zip(mass, labels, strict=True) if label) / sum(mass))
    assert rows[1].value == approx(sum(probabilities) / 2, rel=1e-4)


@pytest.mark.parametrize("mode", BBHMode)
def test_bbh_on_the_mini_set(tiny, suite, tmp_path, mode):
    suite.bbh.mode = mode
    rows = {row.metric: row for row in run_bbh(tiny, "base", suite, data_folder("mini"), tmp_path)}
    by_task = {f"accuracy/{task}" for task in ("navigate", "object_counting")}
    assert rows.keys() - by_task == {
        "accuracy",
        "exact_match_lm_eval",
        "n_unparsed",
        "n_empty",
        "n_lost_by_lm_eval",
        "n_only_by_lm_eval",
        "accuracy_task_mean",
    }
    assert all(row.task == f"bbh_{mode.value}" for row in rows.values())
    assert all(row.n == (2 if metric in by_task else 4) for metric, row in rows.items())
    note = rows["accuracy"].note
    assert "3-shot" in note and "2 of 27 tasks" in note and "at most 4 new tokens" in note
    prefix = {BBHMode.direct: "bbh_fewshot_", BBHMode.cot: "bbh_cot_fewshot_"}[mode]
    items = samples(tmp_path, f"{prefix}navigate") + samples(tmp_path, f"{prefix}object_counting")
    assert rows["n_unparsed"].value == sum(item["answer"] is None for item in items)
    assert all(len(item["resps"][0][0]) <= 4 for item in items), "tiny's tokens are bytes"
    how = rows["accuracy"].provenance
    assert (how.task_version, how.shots, how.chat_template) == ({"direct": "2.0", "cot": "4.0"}[mode.value], 3, False)
    assert all(item["exact_match"] == (lm_eval_answer(item["resps"][0][0], mode) == item["target"]) for item in items)
    assert all(item["filtered_resps"] == [lm_eval_answer(item["resps"][0][0], mode)] for item in items)


def test_chat_template_reaches_the_prompt(tiny, suite, tmp_path):
    suite.chat_template = True
    rows = run_bbh(tiny, "base", suite, data_folder("mini"), tmp_path)
    assert "chat template on" in rows[0].note
    prompt = samples(tmp_path, "bbh_fewshot_navigate")[0]["arguments"][0][0]
    assert prompt.count("### User\n") == 4 and prompt.count("### Assistant\n") == 4, "3 examples and the question"
    assert prompt.endswith("### Assistant\n")


def test_real_data_through_the_packaged_tasks(tiny, suite, tmp_path, real_data):
    folder = real_data("bbh", "truthfulqa")
    suite.limit, suite.bbh.tasks = 1, None
    assert [row.n for row in run_truthfulqa(tiny, "base", MC, suite, folder, tmp_path)] == [1, 1]
    rows = run_bbh(tiny, "base", suite, folder, tmp_path)
    assert rows[0].n == 27 and "27 of 27 tasks" in rows[0].note


def test_hub_in_offline_mode_without_a_cache_is_unavailable(tiny, suite, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    # The libraries read the variable when they are imported, which has happened by now.
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Unavailable, match=r"set eval\.data_dir"):
        run_truthfulqa(tiny, "base", MC, suite, None, tmp_path)
