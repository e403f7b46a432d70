import json
from pathlib import Path

import pytest

from eval.bbh.lm_eval_verdict import lm_eval_answer
from eval.bbh.run import run_bbh, score_bbh
from eval.config import BBHMode
from eval.drawing import selection_of
from eval.sources import bbh_examples, data_folder


def samples(work: Path, task: str) -> list[dict]:
    return [json.loads(line) for line in (work / "samples" / f"{task}.jsonl").read_text().splitlines()]


def test_scored_sample_keeps_lm_evals_own_verdict():
    sample = {"resps": [[" No"]], "target": "No", "exact_match": 0.0}
    scored = score_bbh(sample)
    assert (scored["accuracy"], scored["exact_match"], scored["parsed"]) == (1.0, 0.0, True)
    empty = score_bbh({"resps": [[" "]], "target": "No", "exact_match": 0.0})
    assert (empty["accuracy"], empty["parsed"]) == (0.0, False)


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


def test_items_are_drawn_evenly_over_the_tasks_and_named(tiny, suite, tmp_path):
    suite.draw.bbh = 2
    rows = {row.metric: row for row in run_bbh(tiny, "base", suite, data_folder("mini"), tmp_path)}
    drawn = selection_of(suite, "bbh").places({f"bbh_fewshot_{task}": 3 for task in suite.bbh.tasks})
    for task in suite.bbh.tasks:
        items = samples(tmp_path, f"bbh_fewshot_{task}")
        assert [item["doc_id"] for item in items] == drawn[f"bbh_fewshot_{task}"]
        whole = bbh_examples(data_folder("mini"), [task])[task]
        assert [item["doc"]["input"] for item in items] == [whole[item["doc_id"]]["input"] for item in items]
        assert rows[f"accuracy/{task}"].n == 1
    assert rows["accuracy"].n == 2, "not the limit, which is 2 of each"
    names = {f"{task}/{drawn[f'bbh_fewshot_{task}'][0]}" for task in suite.bbh.tasks}
    assert rows["accuracy"].items.keys() == names


def test_chat_template_reaches_the_prompt(tiny, suite, tmp_path):
    suite.chat_template = True
    rows = run_bbh(tiny, "base", suite, data_folder("mini"), tmp_path)
    assert "chat template on" in rows[0].note
    prompt = samples(tmp_path, "bbh_fewshot_navigate")[0]["arguments"][0][0]
    assert prompt.count("### User\n") == 4 and prompt.count("### Assistant\n") == 4, "3 examples and the question"
    assert prompt.endswith("### Assistant\n")
