"""Which token of a packed row belongs to which sequence, and at which position it would stand alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from salmon.models.packing.mask import PREFIX

# The rest of a context after the prefix, and its continuation; each has one token at least.
ContextAndContinuation = tuple[Sequence[int], Sequence[int]]


def common_prefix_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many tokens all sequences begin with, at least one token short of the shortest."""
    limit = min(map(len, sequences)) - 1
    for position in range(limit):
        if len({sequence[position] for sequence in sequences}) > 1:
            return position
    return limit


@dataclass(frozen=True)
class PackedRow:
    """Sequences with a common prefix in one row of T tokens: the prefix, then each sequence's suffix."""

    members: list[int]  # [N] the sequences' places in the caller's order
    ids: list[int]  # [T]
    positions: list[int]  # [T] of each token in its own sequence
    sequence_ids: list[int]  # [T] the token's sequence, by its place in ``members``, or PREFIX
    ends: list[int]  # [N] where the last token of each sequence stands in the row


def pack_by_prefix(sequences: Sequence[Sequence[int]]) -> list[PackedRow]:
    """Pack sequences that share more than half of their tokens from the start; others get rows of their own.

    Neighbours in lexicographic order share the longest prefixes, so one pass over the sorted sequences suffices.
    """
    groups: list[list[int]] = []
    for index in sorted(range(len(sequences)), key=lambda i: list(sequences[i])):
        first = sequences[groups[-1][0]] if groups else ()
        longer = max(len(first), len(sequences[index]))
        if first and 2 * common_prefix_length([first, sequences[index]]) > longer:
            groups[-1].append(index)
        else:
            groups.append([index])
    rows = [[sequences[i] for i in members] for members in groups]
    return [packed_row(m, row, common_prefix_length(row)) for m, row in zip(groups, rows, strict=True)]


def packed_row(members: list[int], sequences: Sequence[Sequence[int]], prefix: int) -> PackedRow:
    """Pack sequences into one row.

    Args:
        members: their places in the caller's order.
        sequences: token ids.
        prefix: tokens at the start that all share, fewer than any has.
    """
    ids, positions, sequence_ids, ends = list(sequences[0][:prefix]), list(range(prefix)), [PREFIX] * prefix, []
    for number, tokens in enumerate(sequences):
        ids += tokens[prefix:]
        positions += range(prefix, len(tokens))
        sequence_ids += [number] * (len(tokens) - prefix)
        ends.append(len(ids) - 1)
    return PackedRow(members, ids, positions, sequence_ids, ends)


@dataclass(frozen=True)
class PackedPairs:
    """Contexts, each followed by its continuations, in one row of T tokens that follows a prefix.

    Sequences branch at two levels: contexts after the prefix, and continuations after their context.
    """

    ids: list[int]  # [T]
    positions: list[int]  # [T] of each token in its own sequence, the prefix counted
    context_ids: list[int]  # [T] the context that the token is of, or continues
    continuation_ids: list[int]  # [T] the pair whose continuation the token is of; PREFIX in a context
    predictors: list[list[int]]  # of each pair the places [C] of the tokens that predict its C continuation tokens


def pack_pairs(pairs: Sequence[ContextAndContinuation], prefix_length: int) -> PackedPairs:
    """Pack contexts and continuations; neighbours with the same context share it."""
    packed = PackedPairs([], [], [], [], [])
    for number, (context, group) in enumerate(groupby(enumerate(pairs), key=lambda item: tuple(item[1][0]))):
        start = prefix_length + len(context)
        packed.ids.extend(context)
        packed.positions.extend(range(prefix_length, start))
        packed.continuation_ids.extend([PREFIX] * len(context))
        context_end = len(packed.ids) - 1
        for pair, (_, continuation) in group:
            fed = continuation[:-1]  # the last token predicts nothing that is asked for
            packed.predictors.append([context_end, *range(len(packed.ids), len(packed.ids) + len(fed))])
            packed.ids.extend(fed)
            packed.positions.extend(range(start, start + len(fed)))
            packed.continuation_ids.extend([pair] * len(fed))
        packed.context_ids.extend([number] * (len(packed.ids) - len(packed.context_ids)))
    return packed
