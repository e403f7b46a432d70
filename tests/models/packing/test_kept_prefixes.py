"""What follows kept prefixes is what it would be in a pass of its own, also when it comes later."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

import salmon.models.packing.kept_prefixes
from salmon.models.base import SharedModel
from salmon.models.packing.kept_prefixes import PREFIX, KeptPrefixes, Parted
from salmon.models.packing.unpacked import unpacked_last_states

LONG, SHORT, ONE = tuple(range(40, 60)), (10, 11, 12), (7,)
CALLS: list[list[Parted]] = [
    [(LONG, (70, 71)), (SHORT, (70, 71, 72, 73)), (LONG, (80,))],  # rows of other widths in both parts
    [(SHORT, (90, 91)), (LONG, (70, 71)), (ONE, (5, 6, 7)), (SHORT, (92,))],  # old and new prefixes
    [(ONE, (8,))],
]


@pytest.fixture
def scorer(tiny: SharedModel, randomise) -> SharedModel:
    tiny.add_adapter("reward", seed=0)
    randomise(tiny, "reward", seed=1)
    return tiny


def alone(shared: SharedModel, sequences: list[Parted], layers: int | None) -> Tensor:
    """The last states, each in a pass of its own."""
    with torch.no_grad():
        return torch.cat([unpacked_last_states(shared, [[*prefix, *rest]], layers) for prefix, rest in sequences])


@pytest.mark.parametrize("layers", [None, 1])
@pytest.mark.parametrize("keep", [0, 1, 8])
def test_each_call_gives_what_separate_passes_give(scorer: SharedModel, layers: int | None, keep: int) -> None:
    kept = KeptPrefixes(scorer, layers, keep)
    with scorer.using("reward"):
        for sequences in CALLS:
            states, expected = kept.last_states(sequences), alone(scorer, sequences, layers)
            torch.testing.assert_close(states, expected, atol=1e-5, rtol=0)
            assert (expected[:, None] - expected[None]).abs().amax(-1).fill_diagonal_(1.0).min() > 1e-3


def test_a_prefix_is_computed_once(scorer: SharedModel) -> None:
    kept = KeptPrefixes(scorer, None, keep=2)
    kept.last_states([(LONG, (70, 71)), (LONG, (80,)), (SHORT, (1,))])
    assert kept.num_tokens == 20 + 2 + 1 + 3 + 1
    kept.last_states([(LONG, (90,)), (SHORT, (2, 3))])
    assert kept.num_tokens == 27 + 1 + 2, "only what is new"
    kept.last_states([(ONE, (5,))])
    assert kept.num_tokens == 30 + 1 + 1
    kept.last_states([(SHORT, (4,))])
    assert kept.num_tokens == 32 + 1, "of two places the one that was used last is kept"
    kept.last_states([(LONG, (4,))])
    assert kept.num_tokens == 33 + 20 + 1


@pytest.mark.parametrize("tokens", [1, 3, 4])
def test_what_follows_a_prefix_is_parted_into_rows(
    scorer: SharedModel, monkeypatch: pytest.MonkeyPatch, tokens: int
) -> None:
    """Attention costs the square of a row, so many sequences behind one prefix take several rows."""
    monkeypatch.setattr(salmon.models.packing.kept_prefixes, "ROW_TOKENS", tokens)
    widths = []
    behind = KeptPrefixes._behind
    monkeypatch.setattr(
        KeptPrefixes,
        "_behind",
        lambda self, prefixes, rows: (
            widths.extend(len(row.ids) - len(prefix) for prefix, row in zip(prefixes, rows, strict=True))
            or behind(self, prefixes, rows)
        ),
    )
    sequences = [(LONG, (70, 71)), (SHORT, (5, 6, 7, 8, 9)), *((LONG, (80 + n,)) for n in range(4)), (LONG, (70, 72))]
    with scorer.using("reward"):
        kept = KeptPrefixes(scorer, None, keep=0)
        found = kept.last_states(sequences)
        torch.testing.assert_close(found, alone(scorer, sequences, None), atol=1e-5, rtol=0)
    assert max(widths) == 5 and sorted(widths)[-2] <= max(tokens, 2), "a longer one is a row alone"
    assert kept.num_tokens == 20 + 3 + 13, "each prefix is computed once, however many rows it has"


def test_a_base_that_cannot_pack_gives_the_same(scorer: SharedModel) -> None:
    with scorer.using("reward"):
        expected = KeptPrefixes(scorer, None, 8).last_states(CALLS[1])
        scorer.can = replace(scorer.can, pack=False)
        torch.testing.assert_close(KeptPrefixes(scorer, None, 8).last_states(CALLS[1]), expected, atol=1e-5, rtol=0)


def test_padding_that_is_seen_is_told_apart(scorer: SharedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The wrong variant: columns behind a shorter prefix count as part of it."""
    monkeypatch.setattr(salmon.models.packing.kept_prefixes, "PADDING", PREFIX)
    with scorer.using("reward"):
        found = KeptPrefixes(scorer, None, 8).last_states(CALLS[0])
        assert (found - alone(scorer, CALLS[0], None)).abs().max() > 1e-3
