import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from pytest import approx

from eval.bbh.run import run_bbh
from eval.lm_eval.harness import load_tasks, local_task, rows_folder, write_rows
from eval.lm_eval.model import PrefixLM
from eval.results import Unavailable
from eval.truthfulqa.choices import run_truthfulqa
from salmon.runtime.store import remove_temporary

MC = ["truthfulqa_mc1", "truthfulqa_mc2"]


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


def test_rows_that_a_kill_left_are_no_part_of_an_artifact(tmp_path):
    left = rows_folder(tmp_path)
    folder = left.__enter__()  # as after a kill: never left
    (folder / "rows.jsonl").write_text("{}")
    remove_temporary(tmp_path)
    assert list(tmp_path.iterdir()) == [], "what the store removes before it lists an artifact's files"
    with rows_folder(tmp_path) as killed, rows_folder(tmp_path):
        assert not killed.exists(), "removed by the next try"


@pytest.mark.parametrize("name", ["with [x] in", "star*here", "q?", "a,b {c}"])
def test_a_folder_is_a_folder_not_a_pattern(tmp_path, name):
    for folder in (tmp_path / name, tmp_path / "starANDhere"):  # the second fits a pattern of the first
        folder.mkdir()
    with rows_folder(tmp_path / name) as rows, rows_folder(tmp_path / "starANDhere") as others:
        write_rows(others / "navigate.jsonl", [{"input": "other", "target": "Yes"}])
        file = write_rows(rows / "navigate.jsonl", [{"input": "own", "target": "No"}])
        (task,) = load_tasks([local_task("bbh_fewshot_navigate", {"test": file})], False)["tasks"].values()
        assert task.dataset["test"]["input"] == ["own"]
