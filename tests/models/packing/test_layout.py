"""Packed rows and their masks, by hand."""

import pytest
import torch

from salmon.models.packing.layout import common_prefix_length, pack_by_prefix, pack_pairs
from salmon.models.packing.mask import PREFIX, additive_mask

MIXED = [[1, 2, 3, 4, 7], [10, 11, 12], [1, 2, 3, 4, 8], [1, 2, 3, 4, 7, 9, 9], [5]]  # three of a kind among others


@pytest.mark.parametrize(
    ("sequences", "length"),
    [
        ([[1, 2, 3, 4], [1, 2, 5, 4]], 2),
        ([[1, 2, 3], [1, 2, 3, 4]], 2),  # one token short of the shorter one
        ([[1, 2, 3], [1, 2, 3]], 2),
        ([[9, 2], [1, 2]], 0),
        ([[1, 2, 3]], 2),
        ([[1], [1]], 0),
    ],
)
def test_common_prefix_length(sequences: list[list[int]], length: int) -> None:
    assert common_prefix_length(sequences) == length


# --- rows of sequences -------------------------------------------------------------------------


def test_a_row_holds_the_prefix_once() -> None:
    """[1 2 3 4 | 5] and [1 2 3 4 | 6 7]: what both see, then each sequence at the positions it has alone."""
    (row,) = pack_by_prefix([[1, 2, 3, 4, 6, 7], [1, 2, 3, 4, 5]])
    assert row.members == [1, 0]
    assert row.ids == [1, 2, 3, 4, 5, 6, 7]
    assert row.positions == [0, 1, 2, 3, 4, 4, 5]
    assert row.sequence_ids == [PREFIX, PREFIX, PREFIX, PREFIX, 0, 1, 1]
    assert row.ends == [4, 6]


def test_only_sequences_that_share_more_than_half_are_packed() -> None:
    half = [[1, 2, 3, 4], [1, 2, 5, 6]]  # exactly half: packing would save little and cost a wider row
    assert [row.members for row in pack_by_prefix(half)] == [[0], [1]]
    more = [[1, 2, 3, 4], [1, 2, 3, 6]]
    assert [row.members for row in pack_by_prefix(more)] == [[0, 1]]


def test_sequences_with_a_common_prefix_are_found_among_others() -> None:
    rows = pack_by_prefix(MIXED)
    assert sorted(sorted(row.members) for row in rows) == [[0, 2, 3], [1], [4]]
    (shared,) = [row for row in rows if len(row.members) == 3]
    assert len(shared.ids) == 4 + 1 + 1 + 3


def test_sequences_that_share_nothing_stay_alone() -> None:
    assert [row.members for row in pack_by_prefix([[1, 2, 3], [4, 5, 6], [7, 8, 9]])] == [[0], [1], [2]]


def test_equal_sequences_are_packed_too() -> None:
    """Their last token is each one's own, so that both have a state to read."""
    (row,) = pack_by_prefix([[1, 2, 3], [1, 2, 3]])
    assert (row.ids, row.sequence_ids, row.ends) == ([1, 2, 3, 3], [PREFIX, PREFIX, 0, 1], [2, 3])


# --- contexts and continuations ----------------------------------------------------------------


def test_a_context_stands_once_before_its_continuations() -> None:
    """Behind a prefix of 10: [5 6 | 7 8 9], [5 6 | 7], [4 | 3 2]; the last token of a continuation is not fed in."""
    packed = pack_pairs([([5, 6], [7, 8, 9]), ((5, 6), (7,)), ([4], [3, 2])], prefix_length=10)
    assert packed.ids == [5, 6, 7, 8, 4, 3]
    assert packed.positions == [10, 11, 12, 13, 10, 11]
    assert packed.context_ids == [0, 0, 0, 0, 1, 1]
    assert packed.continuation_ids == [PREFIX, PREFIX, 0, 0, PREFIX, 2]
    assert packed.predictors == [[1, 2, 3], [1], [4, 5]]


def test_equal_contexts_that_are_no_neighbours_stand_twice() -> None:
    assert pack_pairs([([5], [1]), ([6], [1]), ([5], [2])], prefix_length=0).ids == [5, 6, 5]


# --- the mask ----------------------------------------------------------------------------------


def attended(mask: torch.Tensor) -> list[str]:
    """Each query's row of a mask [1, 1, Q, T]: x = attends."""
    assert mask.shape[:2] == (1, 1) and set(mask.unique().tolist()) <= {0.0, torch.finfo(mask.dtype).min}
    return ["".join("x" if value == 0 else "." for value in row) for row in mask[0, 0].tolist()]


def test_a_token_attends_to_the_prefix_and_its_own_sequence() -> None:
    sequence_ids = torch.tensor([[PREFIX, PREFIX, 0, 1, 1, 0]])
    assert attended(additive_mask([sequence_ids], 6, torch.float32)) == [
        "x.....",
        "xx....",
        "xxx...",
        "xx.x..",
        "xx.xx.",
        "xxx..x",
    ]


def test_cached_tokens_are_keys_only() -> None:
    sequence_ids = torch.tensor([[PREFIX, PREFIX, 0, 1, 1, 0]])
    assert attended(additive_mask([sequence_ids], 2, torch.bfloat16)) == ["xx.xx.", "xxx..x"]


def test_a_continuation_attends_to_its_context() -> None:
    """Prefix P, context a with two continuations, context b with one."""
    context_ids = torch.tensor([[PREFIX, 0, 0, 0, 1, 1]])
    continuation_ids = torch.tensor([[PREFIX, PREFIX, 0, 1, PREFIX, 2]])
    assert attended(additive_mask([context_ids, continuation_ids], 5, torch.float32)) == [
        "xx....",
        "xxx...",
        "xx.x..",
        "x...x.",
        "x...xx",
    ]


def test_rows_have_masks_of_their_own() -> None:
    mask = additive_mask([torch.tensor([[PREFIX, 0], [0, 1]])], 2, torch.float64)
    assert mask.shape == (2, 1, 2, 2) and mask.dtype is torch.float64
    assert (mask == 0).tolist() == [[[[True, False], [True, True]]], [[[True, False], [False, True]]]]
