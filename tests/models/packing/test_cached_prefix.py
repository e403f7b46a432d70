"""What is packed behind a cached prefix is what it would be alone."""

from dataclasses import replace

import pytest
import torch

from salmon.models.base import SharedModel
from salmon.models.packing.cached_prefix import GrowingSequences
from salmon.models.packing.continuations import Continuations
from salmon.models.packing.forward import last_states_after_prefix, next_token_logits
from salmon.models.packing.unpacked import UnpackedPrefix, unpacked_hidden_states, unpacked_last_states

PREFIX = [40, 41, 42, 43, 44, 45, 46]
PREFIXES = pytest.mark.parametrize("prefix", [[], PREFIX], ids=["without prefix", "with prefix"])


@torch.no_grad()
def alone(shared: SharedModel, ids: list[int]) -> torch.Tensor:
    """Hidden states [L, D] of a sequence in a forward pass of its own."""
    return shared.hidden_states(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[0]


def last_states(shared: SharedModel, sequences: list[list[int]]) -> torch.Tensor:
    return torch.stack([alone(shared, ids)[-1] for ids in sequences])


@PREFIXES
def test_sequences_grow_one_by_one_without_seeing_each_other(tiny: SharedModel, prefix: list[int]) -> None:
    packed = GrowingSequences(tiny, prefix)
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
    plain = unpacked_last_states(tiny, sequences)
    torch.testing.assert_close(last_states_after_prefix(tiny, sequences), plain, atol=1e-4, rtol=1e-4)


@PREFIXES
def test_continuations_are_predicted_from_the_states_they_have_alone(tiny: SharedModel, prefix: list[int]) -> None:
    packed = Continuations(tiny, prefix)
    pairs = [([10, 11], [20, 21, 22]), ([10, 11], [23]), ([12], [20, 21]), ([10, 11], [20, 21, 22])]
    for _ in ("first", "again"):  # a call leaves the cached prefix as it was
        states = packed.hidden_states(pairs)
        found = packed.likelihoods(pairs)
        for (context, continuation), hidden, likelihood in zip(pairs, states, found, strict=True):
            expected = alone(tiny, prefix + context + continuation)[-1 - len(continuation) : -1]
            torch.testing.assert_close(hidden, expected, atol=1e-4, rtol=1e-4)
            (plain,) = unpacked_hidden_states(tiny, [prefix + context + continuation[:-1]])
            torch.testing.assert_close(hidden, plain[-len(continuation) :].detach(), atol=1e-4, rtol=1e-4)
            logprobs = tiny.model.get_output_embeddings()(expected).log_softmax(-1)
            assert likelihood.logprob == pytest.approx(logprobs[range(len(continuation)), continuation].sum().item())
            assert likelihood.greedy == (logprobs.argmax(-1).tolist() == continuation)
    assert packed.num_tokens == 4 * (2 + 2 + 1 + 1 + 2 + 2)


@PREFIXES
def test_one_sequence_follows_a_cached_prefix_without_packing(tiny: SharedModel, prefix: list[int]) -> None:
    for cached in (True, False):
        tiny.can = replace(tiny.can, chunk=cached)
        after = UnpackedPrefix(tiny, prefix)
        for ids in ([10, 11, 12], [20], [10, 11, 12, 13]):  # each leaves the prefix as it was
            hidden = after.hidden_states(ids)
            torch.testing.assert_close(hidden, alone(tiny, prefix + ids)[len(prefix) :], atol=1e-4, rtol=1e-4)


def test_unpacked_states_are_those_of_separate_passes(tiny: SharedModel) -> None:
    sequences = [[5, 6, 7, 8], [9], [tiny.pad_id, 6]]
    with torch.no_grad():
        for states, ids in zip(unpacked_hidden_states(tiny, sequences), sequences, strict=True):
            torch.testing.assert_close(states, alone(tiny, ids), atol=1e-4, rtol=1e-4)
