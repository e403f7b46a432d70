"""BIG-Bench Hard from saved predictions: our verdict, and lm-eval's beside it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.bbh.answers import VERSION, is_right, kind_of, read_answer
from eval.bbh.lm_eval_verdict import lm_eval_answer
from eval.bbh.scores import BBHVerdict, bbh_rows
from eval.config import BBHMode
from eval.provenance import Provenance
from eval.results import TaskRows
from eval.score.report import Finding, ScoreReport
from eval.score.saved import SavedItem, repeats

LAYOUT = '{"prediction": text, "target": text}, with "task" and "input" where known, or a sample of lm-eval'
MARK = "the answer is "  # what lm-eval's pattern for chain of thought looks for
# What lm-eval's and our files of samples add to a task's name: samples_bbh_cot_fewshot_navigate_2024-05-01T10-00-00.123
NAME_OF_SAMPLES = re.compile(
    r"(?:samples_)?(?:bbh_)?(?:(?:cot_)?(?:few|zero)shot_)?(?P<task>.+?)(?:_\d{4}-\d\d-\d\d(?:T[\d.:-]+)?)?"
)
EXCERPT = 60  # last characters of a text that a list shows


@dataclass(frozen=True)
class Prediction:
    """One saved output with both verdicts."""

    place: str
    task: str | None
    input: str | None
    text: str
    target: str
    answer: str | None  # as read by us
    lm_eval: str  # as read by lm-eval

    @property
    def right(self) -> bool:
        return is_right(self.answer, self.target)

    @property
    def right_by_lm_eval(self) -> bool:
        return self.lm_eval == self.target

    @property
    def as_item(self) -> dict[str, Any]:
        return {
            "place": self.place,
            "task": self.task,
            "target": self.target,
            "answer": self.answer,
            "right": self.right,
            "lm_eval_answer": self.lm_eval,
            "right_by_lm_eval": self.right_by_lm_eval,
            "prediction": self.text,
        }

    @property
    def line(self) -> str:
        ours, theirs = ("right" if verdict else "wrong" for verdict in (self.right, self.right_by_lm_eval))
        return (
            f"{self.place}: target {self.target!r}; ours {self.answer!r} {ours}, lm-eval {self.lm_eval[:EXCERPT]!r} "
            f"{theirs}; the text ends in {self.text[-EXCERPT:]!r}"
        )


def score_bbh_items(items: Sequence[SavedItem], name: str, mode: BBHMode | None) -> ScoreReport:
    """Accuracy over all items and by task, counts of empty and unreadable outputs, and where lm-eval differs.

    Args:
        mode: which of lm-eval's two ways of reading to set beside ours; None: chain of thought where any prediction
            has its "the answer is ". Ours is the same for both.

    Raises:
        SalmonError: an item lacks a key, or holds something else than text.
    """
    texts = [_text_of(item) for item in items]
    if mode is None:
        mode = BBHMode.cot if any(MARK in text for text in texts) else BBHMode.direct
    predictions = [_prediction(item, text, mode) for item, text in zip(items, texts, strict=True)]
    tasks = sorted({p.task for p in predictions if p.task})
    how = Provenance("eval score", f"bbh_{mode.value}", f"answers {VERSION}", scope=f"{len(tasks) or 'unnamed'} tasks")
    of = TaskRows(name, f"bbh_{mode.value}", how)
    unread = [p for p in predictions if p.answer is None]
    rows = bbh_rows(of, [BBHVerdict(p.task, p.text, p.answer, p.right, p.right_by_lm_eval) for p in predictions])
    repeated = repeats(items, [None if p.input is None else (p.task, p.input) for p in predictions])
    findings = [
        Finding("Ours and lm-eval differ", [p.line for p in predictions if p.right != p.right_by_lm_eval]),
        Finding("No answer can be read: counted as wrong", [p.line for p in unread]),
        Finding("Task and input occur more than once: all are counted", repeated),
        Finding("No task: in no accuracy by task", [p.place for p in predictions if tasks and not p.task]),
    ]
    return ScoreReport(rows, findings, [p.as_item for p in predictions])


def _text_of(item: SavedItem) -> str:
    if "prediction" not in item.values and "resps" in item.values:  # lm-eval's record, which our runs keep in samples/
        response = item.values["resps"]
        while isinstance(response, list) and response:
            response = response[0]
        return response if isinstance(response, str) else ""
    return item.get("prediction", (str, type(None)), LAYOUT) or ""


def _prediction(item: SavedItem, text: str, mode: BBHMode) -> Prediction:
    target = str(item.get("target", (str, int), LAYOUT)).strip()
    doc = item.values.get("doc")
    asked = item.values.get("input", doc.get("input") if isinstance(doc, dict) else None)
    named = item.values.get("task", item.file.stem if "resps" in item.values else None)
    found = NAME_OF_SAMPLES.fullmatch(named) if isinstance(named, str) else None
    task = found["task"] if found else None
    answer, theirs = read_answer(text, kind_of(target)), lm_eval_answer(text, mode)
    return Prediction(item.place, task, None if asked is None else str(asked), text, target, answer, theirs)
