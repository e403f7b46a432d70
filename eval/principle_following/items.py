"""Pairs of responses that differ in one known thing, each with the words in which a model is asked about it.

Unlike a table of all responses under all principles, a set of items has few questions for each response.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eval.principle_following.tables import Column
from salmon.reward.scorer import Cell


@dataclass(frozen=True)
class Item:
    """A pair of responses under one principle.

    Attributes:
        group: the principle, or the family of principles; a set's figures are means over groups.
        truth: 1 / -1 where the first / second response follows the principle better.
        asserted: wordings of the principle. Accuracies are those of the first one.
        negated: wordings of its contrary; none where it has none.
        conflict: a wording of the principle and one of its contrary that are shown together, too.
        disagreement: the same of two principles that prefer different responses.
    """

    group: str
    prompt: str
    first: str
    second: str
    truth: int
    asserted: tuple[str, ...]
    negated: tuple[str, ...]
    conflict: tuple[str, str] | None = None
    disagreement: tuple[str, str] | None = None

    def columns(self) -> Iterator[Column]:
        """Everything that both responses must be scored under."""
        yield from ((text,) for text in (*self.asserted, *self.negated))
        for pair in (self.conflict, self.disagreement):
            yield from columns_of(pair) if pair else ()


@dataclass(frozen=True)
class ItemSet:
    """Items that are measured together.

    Attributes:
        prefix: of its metrics.
        title: what it is, for people.
    """

    prefix: str
    title: str
    items: tuple[Item, ...]

    def cells(self) -> list[Cell]:
        """Everything to score, each once."""
        return list(
            dict.fromkeys(
                ((item.prompt, response), column)
                for item in self.items
                for response in (item.first, item.second)
                for column in item.columns()
            )
        )


@dataclass(frozen=True)
class ItemTable:
    """N items as arrays; NaN where nothing was asked. A margin is the first response's score minus the second's."""

    groups: tuple[str, ...]
    group: np.ndarray  # [N] number of each item's group
    prompt: np.ndarray  # [N] number of the prompt, 0 to P - 1
    truth: np.ndarray  # [N] 1 / -1
    longer: np.ndarray  # [N] tokens of the first response minus those of the second
    asserted: np.ndarray  # [N, A] margins under each wording
    negated: np.ndarray  # [N, B]
    conflict: np.ndarray  # [N, 4] margins under one text, the other one, both, and both in the other order
    disagreement: np.ndarray  # [N, 4]

    @property
    def prompts(self) -> int:
        return int(self.prompt.max()) + 1


def columns_of(pair: tuple[str, str]) -> tuple[Column, ...]:
    """Two texts alone, and together in both orders."""
    one, other = pair
    return (one,), (other,), (one, other), (other, one)


def item_table(items: Sequence[Item], scores: Mapping[Cell, float], tokens: dict[str, int]) -> ItemTable:
    """The margins of a set.

    Args:
        tokens: length of every response.
    """
    groups = tuple(dict.fromkeys(item.group for item in items))
    prompts = list(dict.fromkeys(item.prompt for item in items))

    def margins(item: Item, columns: Sequence[Column]) -> list[float]:
        first, second = (item.prompt, item.first), (item.prompt, item.second)
        return [scores[first, column] - scores[second, column] for column in columns]

    return ItemTable(
        groups=groups,
        group=np.array([groups.index(item.group) for item in items]),
        prompt=np.array([prompts.index(item.prompt) for item in items]),
        truth=np.array([item.truth for item in items]),
        longer=np.array([tokens[item.first] - tokens[item.second] for item in items]),
        asserted=_padded([margins(item, [(text,) for text in item.asserted]) for item in items]),
        negated=_padded([margins(item, [(text,) for text in item.negated]) for item in items]),
        conflict=_padded([margins(i, columns_of(i.conflict)) if i.conflict else [] for i in items], 4),
        disagreement=_padded([margins(i, columns_of(i.disagreement)) if i.disagreement else [] for i in items], 4),
    )


def _padded(rows: Sequence[Sequence[float]], width: int = 1) -> np.ndarray:
    """Rows of different lengths as one array, at least ``width`` wide, NaN behind the shorter ones."""
    array = np.full((len(rows), max([width, *map(len, rows)])), np.nan)
    for place, row in enumerate(rows):
        array[place, : len(row)] = row
    return array
