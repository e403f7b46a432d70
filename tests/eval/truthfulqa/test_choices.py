import json
import math
from pathlib import Path

import pytest
from pytest import approx

from eval.lm_eval.model import PrefixLM
from eval.sources import data_folder
from eval.truthfulqa.choices import run_truthfulqa, truthfulqa_score

MC = ["truthfulqa_mc1", "truthfulqa_mc2"]


def samples(work: Path, task: str) -> list[dict]:
    return [json.loads(line) for line in (work / "samples" / f"{task}.jsonl").read_text().splitlines()]


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


def test_both_tasks_have_the_same_drawn_questions(tiny, suite, tmp_path):
    suite.draw.truthfulqa_mc = 5
    rows = run_truthfulqa(tiny, "base", MC, suite, data_folder("mini"), tmp_path)
    asked = [[item["doc_id"] for item in samples(tmp_path, task)] for task in MC]
    assert asked[0] == asked[1] and len(asked[0]) == 5 and asked[0] != list(range(5))
    assert [list(row.items) for row in rows] == [[str(number) for number in asked[0]]] * 2


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
