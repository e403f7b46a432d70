"""A set of items, measured: its rows for ``results.json`` and its section of the report."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from eval.principle_following.bootstrap import BootstrapEstimate, PromptBootstrap
from eval.principle_following.item_metrics import ItemFigures, measure_items
from eval.principle_following.items import ItemSet, item_table
from eval.principle_following.report_tables import cell, overall_table, reliability_table
from salmon.reward.scorer import Cell
from salmon.reward.trained_model import RewardModel
from salmon.runtime.tables import markdown_table


@dataclass(frozen=True)
class ItemReport:
    """What was measured of a set."""

    prefix: str
    title: str
    items: int
    prompts: int
    cut: int  # items with a response that is longer than the model reads
    measured: ItemFigures

    @property
    def note(self) -> str:
        """What its figures are about."""
        groups = len(self.measured.figures.by_principle["accuracy_asserted"])
        return (
            f"{self.title}: {self.items} pairs of {groups} principles or families on {self.prompts} held-out prompts, "
            f"{self.cut} of them with a response that was cut; mean over these groups; intervals by bootstrap over "
            "prompts"
        )

    def figures(self) -> Iterator[tuple[str, BootstrapEstimate, str]]:
        """Metric, figure and note of each row."""
        for metric, estimate in {**self.measured.figures.mean, **self._others()}.items():
            yield self.prefix + metric, estimate, self.note

    def markdown(self) -> list[str]:
        """Heading and tables."""
        by_group = self.measured.figures.by_principle
        rows = [
            [name, *(cell(figures.get(name)) for figures in by_group.values())]
            for name in by_group["accuracy_asserted"]
        ]
        return [
            f"## {self.prefix}...: {self.title}",
            self.note + ".",
            overall_table(self.measured.figures, self._others()),
            markdown_table(["principle or family", *by_group], rows),
            "Reliability of sigmoid(margin):",
            reliability_table(self.measured.calibration),
        ]

    def _others(self) -> dict[str, BootstrapEstimate]:
        calibration = self.measured.calibration
        return {
            "ece": calibration.ece,
            "brier": calibration.brier,
            "length_correlation": self.measured.length_correlation,
        }


def measure_set(
    model: RewardModel, items: ItemSet, scores: Mapping[Cell, float], resamples: int, seed: int
) -> ItemReport:
    """The figures of a set.

    Args:
        scores: of everything that the set asks for.
        resamples: of the prompts, for the intervals.
        seed: of the resamples.
    """
    tokens = {text: model.tokens(text) for item in items.items for text in (item.first, item.second)}
    table = item_table(items.items, scores, tokens)
    longest = model.limits.max_response_tokens
    return ItemReport(
        items.prefix,
        items.title,
        len(items.items),
        table.prompts,
        sum(max(tokens[item.first], tokens[item.second]) > longest for item in items.items),
        measure_items(table, PromptBootstrap(table.prompts, resamples, seed)),
    )
