"""Which rows share a micro-batch: by number, and by tokens."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salmon.config.training import AUTO
from salmon.runtime.micro_batches import micro_batches, rows_at_once


@pytest.mark.parametrize(
    ("sizes", "at_once", "tokens", "expected"),
    [
        ([5, 5, 5], 2, 1, [[0, 1], [2]]),  # a number means rows, whatever their tokens
        ([5, 5, 5], 9, 1, [[0, 1, 2]]),  # more than there are
        ([], 2, 1, []),
        ([], AUTO, 10, []),
        ([4, 4, 2], AUTO, 10, [[0, 1, 2]]),
        ([92] * 8, AUTO, 512, [[0, 1, 2, 3], [4, 5, 6, 7]]),  # not 5 and 3
        ([1, 1, 1, 1, 10, 10], AUTO, 20, [[0, 1, 2, 3, 4], [5]]),
        ([3, 30, 40], AUTO, 20, [[0], [1], [2]]),  # what is longer goes alone
    ],
)
def test_micro_batches(sizes: list[int], at_once: int | str, tokens: int, expected: list[list[int]]) -> None:
    assert [list(part) for part in micro_batches(sizes, at_once, tokens)] == expected


@given(st.lists(st.integers(1, 30), min_size=1, max_size=7), st.integers(1, 60))
def test_auto_makes_as_few_as_there_can_be_and_of_these_the_largest_as_small(sizes: list[int], tokens: int) -> None:
    """Against every way to cut the rows."""

    def parts(cuts: tuple[int, ...]) -> list[list[int]]:
        return [sizes[a:b] for a, b in zip((0, *cuts), (*cuts, len(sizes)), strict=True)]

    ways = [parts(cuts) for n in range(len(sizes)) for cuts in combinations(range(1, len(sizes)), n)]
    allowed = [way for way in ways if all(sum(part) <= tokens or len(part) == 1 for part in way)]
    fewest = min(map(len, allowed))
    found = [[sizes[place] for place in part] for part in micro_batches(sizes, AUTO, tokens)]
    assert found in allowed and len(found) == fewest
    several = [max([sum(part) for part in way if len(part) > 1], default=0) for way in allowed if len(way) == fewest]
    assert max([sum(part) for part in found if len(part) > 1], default=0) == min(several)


def test_one_number_of_rows_for_all_micro_batches() -> None:
    assert [rows_at_once([30, 50], *how) for how in ((7, 100), (AUTO, 100), (AUTO, 40))] == [7, 2, 1]
    assert rows_at_once([], AUTO, 40) == 40
