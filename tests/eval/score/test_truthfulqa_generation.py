import json

import pytest
from pytest import approx

from eval.provenance import Provenance
from eval.results import TaskRows
from eval.score.command import parse_score_options, score_saved
from eval.truthfulqa.generation import truthfulness_rows
from eval.truthfulqa.judging import AnswerVerdict, Aspect, JudgedAnswer, write_verdicts
from salmon.errors import SalmonError


class Judge:
    label, file = "judge-1", "judge-1"

    def decide(self, aspect, answers):
        said = {
            "a": ("Yes.", True),
            "b": ("no", False),
            "c": ("Perhaps.", None),
            "d": ("P(yes)=0.6000 P(no)=0.1000", True),
        }
        yield from (AnswerVerdict("p", *said[answer.answer]) for answer in answers)


@pytest.fixture
def verdicts(tmp_path):
    """The folder, and an evaluation's own rows about what is in it."""
    answers = [JudgedAnswer(i, "q", text, (), ()) for i, text in enumerate(["a", "b", "c", "d", ""])]
    sides = [write_verdicts(Judge(), aspect, answers, tmp_path / f"{aspect.value}.jsonl") for aspect in Aspect]
    return tmp_path, truthfulness_rows(TaskRows("x", "truthfulqa_gen", Provenance("h", "t")), *sides)


def scored(path, *words):
    return score_saved(parse_score_options(["task=truthfulqa_gen", f"predictions={path}", *words]))


def lines(found, start):
    return next(finding.lines for finding in found.findings if finding.title.startswith(start))


def change(path, number, **values):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    rows[number] |= values
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def test_an_evaluations_verdicts_give_its_own_figures(verdicts):
    folder, live = verdicts
    found = scored(folder)
    assert [(row.metric, row.value, row.n, row.low) for row in found.rows] == [
        (row.metric, row.value, row.n, row.low) for row in live
    ]
    assert {row.metric: row.value for row in found.rows}["truthful"] == approx(3 / 4)
    assert found.rows[0].provenance.judge == "judge-1" and len(lines(found, "Neither")) == 2
    assert not any(finding.lines for finding in found.findings if not finding.title.startswith("Neither"))


def test_what_is_not_as_it_should_be_is_listed(verdicts):
    folder, _ = verdicts
    truthful = folder / "truthful.jsonl"
    place = {json.loads(line)["id"]: n for n, line in enumerate(truthful.read_text().splitlines())}
    change(truthful, place[0], yes=False)
    change(truthful, place[3], yes=False)
    change(truthful, place[1], failure="down", yes=None, judgment="")
    rows = (folder / "informative.jsonl").read_text().splitlines(keepends=True)
    (folder / "informative.jsonl").write_text("".join(rows[1:] + rows[-1:]))
    found = scored(folder, "name=sft")
    table = {row.metric: (row.value, row.n) for row in found.rows}
    assert table["truthful"] == (1, 3), "the texts count"
    assert (table["n_failed"], table["n_unparsed"]) == ((2, 10), (2, 10))
    assert len(lines(found, "The stored")) == 2 and len(lines(found, "The call failed")) == 1
    assert lines(found, "Only one") == [f"question {json.loads(rows[0])['id']} by judge-1"]
    assert len(lines(found, "Judged more than once")) == 1


def test_judges_never_share_a_column(verdicts):
    folder, _ = verdicts
    for aspect in Aspect:
        path = folder / f"{aspect.value}.jsonl"
        (folder / f"2_{path.name}").write_text(path.read_text().replace("judge-1", "judge-2"))
    assert {row.checkpoint for row in scored(folder, "name=sft").rows} == {"sft by judge-1", "sft by judge-2"}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"judge": "j"}, "no key 'aspect'"),
        ({"aspect": "kind", "judge": "j"}, "'aspect' is 'kind'"),
        ({"aspect": "truthful", "id": 1, "judge": "j", "judgment": "yes", "yes": "yes"}, "'yes' is"),
        (
            {"aspect": "truthful", "id": 1, "judge": "j", "judgment": "yes", "yes": True},
            "no verdict by j on whether answers are informative",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, row, message):
    (tmp_path / "v.jsonl").write_text(json.dumps(row) + "\n")
    with pytest.raises(SalmonError, match=message):
        scored(tmp_path / "v.jsonl")
