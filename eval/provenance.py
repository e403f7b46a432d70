"""How a figure was measured: everything that has to be equal for two figures to be comparable."""

from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class Provenance:
    """The conditions of one measurement; None where a condition does not apply."""

    harness: str  # program and version that made prompts and metrics
    task: str  # the harness's name of the task
    task_version: str | None = None  # the harness's version of the task
    shots: int | None = None  # worked examples in the prompt
    chat_template: bool | None = None  # whether the prompts went through the model's chat template
    scope: str | None = None  # part of the benchmark that is in the task
    max_new_tokens: int | None = None
    judge: str | None = None
    references: str | None = None  # author of the judge's reference answers
    data: str | None = None  # 16 hex digits of the data's content, or "hub"
    limit: int | None = None  # first items of each task only
    drawn: str | None = None  # part of the items only, and how they were chosen
    smoke_test: bool = False  # on the bundled mini set, which is no benchmark
    template: str | None = None  # of conversations: "tokenizer" (its chat template), or the name of FastChat's
    baseline: str | None = None  # model that the answers are compared with

    @classmethod
    def of(cls, saved: dict[str, Any] | None) -> "Provenance | None":
        """What ``asdict`` made of it; unknown keys of other versions are left out."""
        known = {field.name for field in fields(cls)}
        return None if saved is None else cls(**{key: value for key, value in saved.items() if key in known})

    @property
    def text(self) -> str:
        """In one line, for notes."""
        parts = [
            f"{self.harness} {self.task}" + (f", version {self.task_version}" if self.task_version else ""),
            None if self.shots is None else f"{self.shots}-shot",
            None if self.chat_template is None else f"chat template {'on' if self.chat_template else 'off'}",
        ]
        head = ", ".join(part for part in parts if part)
        tail = [
            self.scope,
            f"template {self.template}" if self.template else None,
            f"against {self.baseline}" if self.baseline else None,
            f"judged by {self.judge}" if self.judge else None,
            f"references by {self.references}" if self.references else None,
            f"at most {self.max_new_tokens} new tokens" if self.max_new_tokens else None,
            f"data {self.data}" if self.data else None,
            f"LIMITED to the first {self.limit} items of each task" if self.limit else None,
            self.drawn,
            "SMOKE TEST on the mini set" if self.smoke_test else None,
        ]
        return "; ".join([head, *(part for part in tail if part)])

    def differences(self, other: dict[str, Any]) -> list[str]:
        """Conditions of ``other`` (by field) that are others here, each as "field here, there"."""
        mine = asdict(self)
        return [
            f"{key} {_said(mine[key])} instead of {_said(value)}" for key, value in other.items() if mine[key] != value
        ]


def _said(condition: Any) -> str:
    if isinstance(condition, bool):
        return "yes" if condition else "no"
    return "none" if condition is None else str(condition)
