"""What was measured of one reward model: rows for ``results.json``, and a report of its own with everything."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from eval.principle_following import TASK
from eval.principle_following.bootstrap import BootstrapEstimate
from eval.principle_following.calibration import Calibration
from eval.principle_following.figure import heat_map
from eval.principle_following.item_report import ItemReport
from eval.principle_following.report_tables import cell, overall_table, reliability_table
from eval.principle_following.shares import Figures
from eval.results import Row
from salmon.runtime.files import write_json_atomic, write_text_atomic
from salmon.runtime.tables import markdown_table

TRAINED = ""  # prefix of the trained bank's metrics
OF_OTHER_BANKS = ("accuracy_asserted", "accuracy_negated", "flip_rate")  # metrics that are rows for every bank
OF_PRINCIPLES = {TRAINED: OF_OTHER_BANKS, "unseen_": ("accuracy_asserted",)}  # a row for each principle


@dataclass(frozen=True)
class BankReport:
    bank: str
    figures: Figures
    sensitivity: BootstrapEstimate | None  # None: of this bank not all responses were scored
    calibration: Calibration


@dataclass(frozen=True)
class RealReport:
    """Agreement with human preferences where the first ``shown`` of ``principles`` are shown together."""

    source: str
    bank: str
    shown: int
    principles: int
    skipped: int
    accuracy: BootstrapEstimate


@dataclass(frozen=True)
class Matrix:
    names: list[str]
    measured: np.ndarray  # [K, K] accuracy of the preference under principle i by the check of principle j
    reference: np.ndarray  # [K, K] the same of a model that obeys perfectly
    counts: list[int]  # [K]


@dataclass(frozen=True)
class Report:
    checkpoint: str
    about: str  # what was measured on what, for the notes
    facts: dict[str, int]  # pairs, prompts, ties over all trained principles, responses longer than the model reads
    banks: dict[str, BankReport]  # prefix of its metrics -> bank
    matrix: Matrix
    real: list[RealReport]
    items: list[ItemReport]

    def rows(self) -> list[Row]:
        """The figures to compare reward models by, first those that are known best: a bank's are of few pairs."""
        figures = [figure for items in self.items for figure in items.figures()]
        figures += [(metric, estimate, self.about) for metric, estimate in self._bank_figures()]
        for real in self.real:
            note = (
                f"human preferences of {real.source}, the first {real.shown} of {real.principles} principles of "
                f"{real.bank} shown together; {real.skipped} rows without a preference left out"
            )
            figures.append((f"real_accuracy/{real.source}/{real.bank}", real.accuracy, note))
        counts = [Row(self.checkpoint, TASK, name, float(n), None, n, self.about) for name, n in self.facts.items()]
        return counts + [_row(self.checkpoint, *figure) for figure in figures]

    def _bank_figures(self) -> Iterator[tuple[str, BootstrapEstimate]]:
        for prefix, bank in self.banks.items():
            for metric, estimate in bank.figures.mean.items():
                if prefix == TRAINED or metric in OF_OTHER_BANKS:
                    yield prefix + metric, estimate
                    if prefix == TRAINED and metric in OF_OTHER_BANKS:
                        yield f"{metric}_pooled", bank.figures.pooled[metric]
            if prefix == TRAINED:
                if bank.sensitivity is not None:
                    yield "sensitivity", bank.sensitivity
                yield "ece", bank.calibration.ece
                yield "brier", bank.calibration.brier
        for prefix, metrics in OF_PRINCIPLES.items():
            for metric in metrics if prefix in self.banks else ():
                for name, estimate in self.banks[prefix].figures.by_principle.get(metric, {}).items():
                    yield f"{prefix}{metric}/{name}", estimate

    def write(self, folder: Path) -> None:
        """``report.json``, ``report.md`` and the matrix as PNG and SVG."""
        matrix = asdict(self.matrix) | {
            name: _without_nan(getattr(self.matrix, name)) for name in ("measured", "reference")
        }
        write_json_atomic(folder / "report.json", asdict(self) | {"matrix": matrix})
        write_text_atomic(folder / "report.md", self.markdown())
        heat_map(
            folder / "matrix",
            self.matrix.names,
            self.matrix.measured,
            self.matrix.reference,
            self.matrix.counts,
            f"Which principle does a preference follow? {self.checkpoint}, {self.banks[TRAINED].bank}",
        )

    def markdown(self) -> str:
        """The whole report as text."""
        parts = [f"# {TASK}: {self.checkpoint}", self.about + ".", _counts(self.facts)]
        for bank in self.banks.values():
            parts += [
                f"## {bank.bank}",
                _overall(bank),
                _by_principle(bank),
                "Reliability of sigmoid(margin):",
                reliability_table(bank.calibration),
            ]
        parts += [
            "## Principle given (line) x principle measured (column)",
            "![matrix](matrix.png)",
            _matrix(self.matrix),
        ]
        for items in self.items:
            parts += items.markdown()
        if self.real:
            parts += [
                "## Human preferences",
                markdown_table(
                    ["source", "bank", "principles shown", "accuracy"],
                    [[r.source, r.bank, f"{r.shown} of {r.principles}", cell(r.accuracy)] for r in self.real],
                ),
            ]
        return "\n\n".join(parts) + "\n"


def _row(checkpoint: str, metric: str, figure: BootstrapEstimate, note: str) -> Row:
    if figure.value is None:
        return Row(checkpoint, TASK, metric, None, None, 0, f"no figure: {_why(metric)}")
    return Row(checkpoint, TASK, metric, figure.value, figure.stderr, figure.n, note, figure.low, figure.high)


def _why(metric: str) -> str:
    if "length_correlation" in metric:
        return "scores or lengths do not vary"
    if metric == "sensitivity":
        return "it takes two principles, and scores that vary"
    return "the check tells no pair apart"


def _without_nan(values: np.ndarray) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in row] for row in values]


def _counts(facts: dict[str, int]) -> str:
    return markdown_table(["count", "n"], [[name, str(n)] for name, n in facts.items()])


def _overall(bank: BankReport) -> str:
    others = {"ece": bank.calibration.ece, "brier": bank.calibration.brier}
    spread = {} if bank.sensitivity is None else {"sensitivity": bank.sensitivity}
    return overall_table(bank.figures, spread | others)


def _by_principle(bank: BankReport) -> str:
    figures = bank.figures.by_principle
    rows = [
        [name, str(tied), *(cell(figures[metric].get(name)) for metric in figures)]
        for name, tied in bank.figures.tied.items()
    ]
    return markdown_table(["principle", "tied", *figures], rows)


def _matrix(matrix: Matrix) -> str:
    cells = [["" if np.isnan(value) else f"{value:.2f}" for value in row] for row in matrix.measured]
    return markdown_table(
        ["given", *(f"{name} (n={n})" for name, n in zip(matrix.names, matrix.counts, strict=True))],
        [[name, *row] for name, row in zip(matrix.names, cells, strict=True)],
    )
