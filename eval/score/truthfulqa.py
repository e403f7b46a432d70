"""TruthfulQA's MC1 and MC2 from saved log-likelihoods of the choices."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eval.provenance import Provenance
from eval.results import TaskRows
from eval.score.report import Finding, ScoreReport
from eval.score.saved import SavedItem, repeats
from eval.truthfulqa.multiple_choice import mc1, mc2, undefined
from salmon.errors import SalmonError

LAYOUT = (
    '{"loglikelihoods": [numbers, null for NaN], "labels": [0 or 1, one a choice]}, or {"mc1": {...}, "mc2": {...}} of '
    'that form, with "question" where known, or a sample of lm-eval'
)
MC1, MC2 = "truthfulqa_mc1", "truthfulqa_mc2"
VERSIONS = {MC1: "2.0", MC2: "3.0"}  # of lm-eval 0.4.13's tasks, whose definitions these are
SCORES = {MC1: mc1, MC2: mc2}


@dataclass(frozen=True)
class Choices:
    """The choices of one question in one task."""

    item: SavedItem
    task: str
    question: str | None
    loglikelihoods: list[float]
    labels: list[int]

    @property
    def undefined(self) -> bool:
        return undefined(self.loglikelihoods)

    @property
    def score(self) -> float:
        return 0.0 if self.undefined else SCORES[self.task](self.loglikelihoods, self.labels)

    @property
    def tied(self) -> bool:
        """Whether the likeliest choice is not the only one: MC1 takes the first, which is often the right one."""
        return self.loglikelihoods.count(max(self.loglikelihoods)) > 1


def score_truthfulqa_items(items: Sequence[SavedItem], name: str) -> ScoreReport:
    """Mean MC1 and MC2; items whose log-likelihoods are no numbers are named, and count as 0.

    Raises:
        SalmonError: an item is in none of the layouts.
    """
    read = [_choices_of(item) for item in items]
    without_mc1 = [
        item.place
        for item, found in zip(items, read, strict=True)
        if "loglikelihoods" in item.values and len(found) == 1
    ]
    choices = [choice for found in read for choice in found]
    rows, findings = [], []
    for task in (MC1, MC2):
        asked = [choice for choice in choices if choice.task == task]
        if not asked:
            continue
        how = Provenance("eval score", task, VERSIONS[task])
        of = TaskRows(name, task, how)
        undefined = [choice for choice in asked if choice.undefined]
        tied = [choice for choice in asked if not choice.undefined and choice.tied]
        rows += [
            of.mean("acc", [choice.score for choice in asked]),
            of.count("n_undefined", len(undefined), len(asked)),
            of.count("n_tied", len(tied), len(asked)),
        ]
        repeated = repeats([c.item for c in asked], [c.question for c in asked])
        findings += [
            Finding(f"{task}: NaN or infinite log-likelihoods: counted as 0", [_line(choice) for choice in undefined]),
            Finding(f"{task}: a question occurs more than once: all are counted", repeated),
        ]
        if task == MC1:
            title = f"{task}: the likeliest choice is tied: the first counts"
            findings.append(Finding(title, [_line(choice) for choice in tied]))
    findings.append(Finding("Not in MC1, which needs exactly one true choice", without_mc1))
    scored = [{"place": c.item.place, "task": c.task, "score": c.score, "undefined": c.undefined} for c in choices]
    return ScoreReport(rows, findings, scored)


def _choices_of(item: SavedItem) -> list[Choices]:
    if "filtered_resps" in item.values:
        return [_of_lm_eval(item)]
    if "mc1" in item.values or "mc2" in item.values:
        keys = {task: key for task, key in ((MC1, "mc1"), (MC2, "mc2")) if key in item.values}
        named = {task: item.get(key, dict, LAYOUT) for task, key in keys.items()}
        found = [_choices(item, task, SavedItem(item.place, item.file, values)) for task, values in named.items()]
    else:  # one set of choices: MC1 is defined where one is true
        both = [_choices(item, task, item) for task in (MC1, MC2)]
        found = [choice for choice in both if choice.task == MC2 or sum(choice.labels) == 1]
    for choice in found:
        if choice.task == MC1 and sum(choice.labels) != 1:
            raise SalmonError(f"{item.place}: mc1 has {sum(choice.labels)} true choices; it must have exactly one")
    return found


def _of_lm_eval(item: SavedItem) -> Choices:
    """A sample of lm-eval, whose file is named after its task."""
    task = next((task for task in (MC1, MC2) if task in item.file.name), None)
    if task is None:
        raise SalmonError(f"{item.file}: a file of lm-eval's samples must have {MC1} or {MC2} in its name")
    doc, responses = item.get("doc", dict, LAYOUT), item.get("filtered_resps", list, LAYOUT)
    targets = SavedItem(item.place, item.file, doc).get(f"{task.removeprefix('truthfulqa_')}_targets", dict, LAYOUT)
    values = {
        "loglikelihoods": [r[0] if isinstance(r, list) and r else r for r in responses],
        "labels": targets.get("labels"),
        "question": doc.get("question"),
    }
    return _choices(item, task, SavedItem(item.place, item.file, values))


def _choices(item: SavedItem, task: str, source: SavedItem) -> Choices:
    loglikelihoods = source.get("loglikelihoods", list, LAYOUT)
    labels = source.get("labels", list, LAYOUT)
    if not labels or len(labels) != len(loglikelihoods):
        raise SalmonError(f"{source.place}: {len(loglikelihoods)} loglikelihoods for {len(labels)} labels")
    if any(label not in (0, 1) for label in labels) or not any(labels):
        raise SalmonError(f"{source.place}: labels are {labels}; each must be 0 or 1, and one of them 1")
    question = source.values.get("question", item.values.get("question"))
    return Choices(item, task, question, [_number(source, value) for value in loglikelihoods], [int(x) for x in labels])


def _number(item: SavedItem, value: Any) -> float:
    if value is None:
        return math.nan
    try:  # lm-eval's own sample files have numbers as text
        return float(value)
    except (TypeError, ValueError):
        raise SalmonError(f"{item.place}: the loglikelihood {value!r} is no number; each item is {LAYOUT}") from None


def _line(choice: Choices) -> str:
    return f"{choice.item.place}: {[float(f'{value:.6g}') for value in choice.loglikelihoods]}"
