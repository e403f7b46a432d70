"""Packed rows behind one prefix are what they would be alone."""

import pytest
import torch

from salmon.models.base import SharedModel
from salmon.models.shared_prefix import SharedPrefix, common_prefix, next_token_logits


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
def test_common_prefix(sequences: list[list[int]], length: int) -> None:
    assert common_prefix(sequences) == length


def last_states(shared: SharedModel, sequences: list[list[int]]) -> torch.Tensor:
    """Each sequence in a forward pass of its own."""
    with torch.no_grad():
        return torch.cat(
            [
                shared.hidden_states(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[:, -1]
                for ids in sequences
            ]
        )


@pytest.mark.parametrize("prefix", [[], [40, 41, 42, 43, 44, 45, 46]], ids=["without prefix", "with prefix"])
def test_rows_grow_one_by_one_without_seeing_each_other(tiny: SharedModel, prefix: list[int]) -> None:
    packed = SharedPrefix(tiny, prefix)
    rows = {0: [10, 11, 12], 1: [20], 2: [10, 11, 12]}
    first = packed.extend(rows)
    assert first.shape == (3, tiny.hidden_size)
    torch.testing.assert_close(first, last_states(tiny, [prefix + ids for ids in rows.values()]), atol=1e-4, rtol=1e-4)
    assert torch.allclose(first[0], first[2], atol=1e-5)  # the same tokens in another place of the pack

    second = packed.extend({2: [13], 1: [21, 22]})  # row 0 has ended; the order is the caller's
    expected = last_states(tiny, [prefix + [10, 11, 12, 13], prefix + [20, 21, 22]])
    torch.testing.assert_close(second, expected, atol=1e-4, rtol=1e-4)
    third = packed.extend({1: [23]})
    torch.testing.assert_close(third, last_states(tiny, [prefix + [20, 21, 22, 23]]), atol=1e-4, rtol=1e-4)


def test_next_token_logits_are_those_of_separate_passes(tiny: SharedModel) -> None:
    sequences = [[5, 6, 7, 8, 9], [5, 6, 7, 30, 31, 32, 33], [5, 6, 7, 8]]
    logits = next_token_logits(tiny, sequences, [50, 51, 60])
    expected = tiny.model.get_output_embeddings()(last_states(tiny, sequences))[:, [50, 51, 60]]
    assert logits.shape == (3, 3)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=1e-4)
