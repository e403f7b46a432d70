"""What is reported about BIG-Bench Hard, of a live evaluation and of saved predictions."""

from collections.abc import Sequence
from dataclasses import dataclass

from eval.results import Row, TaskRows


@dataclass(frozen=True)
class BBHVerdict:
    """One item, judged in our way (``eval.bbh.answers``) and in lm-eval's (``eval.bbh.lm_eval_verdict``)."""

    task: str | None
    text: str  # what the model wrote
    answer: str | None  # as we read it
    right: bool
    right_by_lm_eval: bool
    number: int | None = None  # of the item in its task, where that is known

    @property
    def item(self) -> str | None:
        return None if self.number is None else f"{self.task}/{self.number}"


def bbh_rows(of: TaskRows, verdicts: Sequence[BBHVerdict]) -> list[Row]:
    """Figures over all items, counts of what could not be read and of where the two ways differ, then each task's."""
    n = len(verdicts)
    tasks = list(dict.fromkeys(v.task for v in verdicts if v.task is not None))
    by_task = [of.mean(f"accuracy/{task}", [float(v.right) for v in verdicts if v.task == task]) for task in tasks]
    return [
        of.mean("accuracy", [float(v.right) for v in verdicts], items=[v.item for v in verdicts]),
        of.mean("exact_match_lm_eval", [float(v.right_by_lm_eval) for v in verdicts]),
        of.count("n_unparsed", sum(v.answer is None for v in verdicts), n),
        of.count("n_empty", sum(not v.text.strip() for v in verdicts), n),
        of.count("n_lost_by_lm_eval", sum(v.right and not v.right_by_lm_eval for v in verdicts), n),
        of.count("n_only_by_lm_eval", sum(v.right_by_lm_eval and not v.right for v in verdicts), n),
        *([of.mean_of_parts("accuracy_task_mean", by_task)] if len(tasks) > 1 else []),  # of 146 to 250 items each
        *by_task,
    ]
