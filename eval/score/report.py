"""What scoring saved outputs found, as text and as files."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.results import Row, results_markdown, write_results
from salmon.runtime.files import storage_errors, write_text_atomic

SHOWN = 20  # lines of a list on the console


@dataclass(frozen=True)
class Finding:
    """Items that a reader of the figures has to know about."""

    title: str
    lines: list[str]


@dataclass(frozen=True)
class ScoreReport:
    """The figures, what to know about them, and every item with its score."""

    rows: list[Row]
    findings: list[Finding]
    items: list[dict[str, Any]]

    @property
    def text(self) -> str:
        """The table, then each list's first lines."""
        return "\n".join(
            [results_markdown(self.rows), *(_shown(finding) for finding in self.findings if finding.lines)]
        )

    def write(self, folder: Path, facts: dict[str, Any]) -> None:
        """``results.json``, ``results.md``, all findings and all items."""
        write_results(folder, self.rows, facts, [_shown(finding, len(finding.lines)) for finding in self.findings])
        with storage_errors(folder):
            write_text_atomic(folder / "items.jsonl", "".join(json.dumps(item) + "\n" for item in self.items))


def merged(parts: Sequence[ScoreReport]) -> ScoreReport:
    """Several results as one, in their order."""
    return ScoreReport(
        [row for part in parts for row in part.rows],
        [f for part in parts for f in part.findings],
        [item for part in parts for item in part.items],
    )


def _shown(finding: Finding, limit: int = SHOWN) -> str:
    lines = [f"{finding.title} ({len(finding.lines)}):", *(f"- {line}" for line in finding.lines[:limit])]
    if len(finding.lines) > limit:
        lines.append(f"  and {len(finding.lines) - limit} more: output=FOLDER writes all of them")
    return "\n".join(lines) + "\n"
