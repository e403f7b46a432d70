"""Finds out what a base can do by trying it on a few tokens, once, when it is loaded.

Names of architectures say little: each release of transformers brings new ones, and changes old ones. So each way in
which this package runs a base is compared with the model's own ``forward`` on one sequence at a time.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor, nn

from salmon.errors import SalmonError
from salmon.models.base import Abilities, SharedModel, positions
from salmon.models.capabilities import attention_window
from salmon.models.decoder import blocks_of, decoder_of
from salmon.models.device import computes_in_fp32
from salmon.models.packing.continuations import Continuations
from salmon.models.packing.forward import last_states_after_prefix, packed_last_states
from salmon.models.packing.unpacked import UnpackedPrefix, unpacked_hidden_states, unpacked_last_states

log = logging.getLogger("salmon")

# Largest difference of two states that are equal up to rounding, relative to their length. In fewer bits than 32 that
# of a token in the middle counts, since a router of experts may choose others where two weigh the same.
ROUNDING = 1e-3
COARSE_ROUNDING = 0.1
PREFIX, FIRST, SECOND = 5, 3, 2  # tokens of a prefix and of two sequences behind it
LONG_ROW = 512  # windows up to this length are tried with rows that are longer


@torch.no_grad()
def abilities_of(shared: SharedModel) -> Abilities:
    """Try a base without adapters.

    Raises:
        SalmonError: what it computes here is not what the model's own ``forward`` computes.
    """
    prefix, first, second = (_tokens(shared.model, *part) for part in ((PREFIX,), (FIRST, 40), (SECOND, 80)))
    sequences = [prefix + first, prefix + second]
    try:
        states = _required(shared, sequences)
    except SalmonError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise SalmonError(_refusal(shared, f"running it fails ({type(error).__name__}: {reason})")) from error
    found = Abilities(state_size=states[0].shape[-1])
    shared.can = found  # the trials below assume everything
    packs = _packs(shared, sequences)
    return replace(
        found,
        cache=_works(lambda: _cache_errors(shared, sequences, states), shared),
        chunk=_works(lambda: _errors(UnpackedPrefix(shared, prefix).hidden_states(first), states[0][-FIRST:]), shared),
        pack=packs,
        flatten=packs and _flattens(shared, sequences, states),
        cut=_works(lambda: _cut_errors(shared, sequences[0]), shared),
    )


# --- trials ------------------------------------------------------------------------------------


def _required(shared: SharedModel, sequences: list[list[int]]) -> list[Float[Tensor, "_ D"]]:
    """What every job needs: logits, and sequences of different lengths in one batch.

    Returns:
        The states of each sequence alone.
    """
    output = [shared.model(input_ids=_alone(shared, ids)[0], use_cache=False) for ids in sequences]
    states = [shared.hidden_states(*_alone(shared, ids))[0] for ids in sequences]
    _require(shared, states[0][:PREFIX], states[1][:PREFIX], "the states of tokens before a change")
    for its, ours in zip(output, states, strict=True):
        _require(shared, shared.head(ours), its.logits[0], "the logits of a decoder's states")
    for name, padded in (("left", _left_padded), ("right", unpacked_hidden_states)):
        for its, ours in zip(states, padded(shared, sequences), strict=True):
            _require(shared, ours, its, f"the states of a sequence that is padded on the {name}")
    return states


def _cache_errors(
    shared: SharedModel, sequences: list[list[int]], states: list[Float[Tensor, "_ D"]]
) -> Float[Tensor, " N"]:
    """The first tokens of both sequences, their last tokens one by one, and the shorter sequence leaves in between."""
    cache, rest = shared.new_cache(), [FIRST, SECOND]
    ids, mask = _batch(shared, [row[:-n] for row, n in zip(sequences, rest, strict=True)], left=True)
    shared.cached_forward(ids, mask, positions(mask), cache)
    errors = []
    rows = [0, 1]
    for step in range(FIRST):
        staying = [place for place, row in enumerate(rows) if step < rest[row]]
        if len(staying) < len(rows):
            places = torch.tensor(staying, device=shared.device)
            cache.reorder_cache(places)  # type: ignore[arg-type]  # the kind that it is
            mask, rows = mask[places], [rows[place] for place in staying]
        at = [len(sequences[row]) - rest[row] + step for row in rows]
        ids = torch.tensor([[sequences[row][place]] for row, place in zip(rows, at, strict=True)], device=shared.device)
        mask = torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
        hidden = shared.cached_forward(ids, mask, positions(mask)[:, -1:], cache)[:, -1]
        errors.append(_errors(hidden, torch.stack([states[row][place] for row, place in zip(rows, at, strict=True)])))
    return torch.cat(errors)


def _packs(shared: SharedModel, sequences: list[list[int]]) -> bool:
    """Short sequences, and where a layer sees a window only, a row that is longer than it."""
    window = attention_window(shared.model.config)
    if window is not None and window < shared.context:
        log.info("attention looks back %d tokens: sequences are not packed (model.context is longer)", window)
        return False
    packs = _works(lambda: _pack_errors(shared, sequences), shared)
    if packs and window is not None and 2 * PREFIX <= window <= LONG_ROW:
        half = window // 2
        longer = [_tokens(shared.model, half + 1) + _tokens(shared.model, half - 1, at) for at in (40, 80, 120)]
        packs = _works(lambda: _pack_errors(shared, longer), shared)
    if not packs:
        log.info("%s: sequences with a common beginning are not packed", type(shared.model).__name__)
    return packs


def _flattens(shared: SharedModel, sequences: list[list[int]], states: list[Float[Tensor, "_ D"]]) -> bool:
    """In one row without padding; the attention functions of some architectures are their own."""

    def errors() -> Float[Tensor, " N"]:
        (found,), flat = shared.flat_states(sequences)
        return torch.cat([_errors(found[path], its) for path, its in zip(flat.paths, states, strict=True)])

    works = _works(errors, shared)
    if not works:
        log.info("%s: batches are padded, and share no beginnings", type(shared.model).__name__)
    return works


def _pack_errors(shared: SharedModel, sequences: list[list[int]]) -> Float[Tensor, " N"]:
    """In a batch of packed rows, behind a cached prefix, and as continuations."""
    expected = unpacked_last_states(shared, sequences)
    pairs = [(ids[PREFIX:-1], ids[-1:]) for ids in sequences]
    before = torch.cat(Continuations(shared, sequences[0][:PREFIX]).hidden_states(pairs))
    return torch.cat(
        [
            _errors(packed_last_states(shared, sequences, None), expected),
            _errors(last_states_after_prefix(shared, sequences), expected),
            _errors(before, unpacked_last_states(shared, [ids[:-1] for ids in sequences])),
        ]
    )


def _cut_errors(shared: SharedModel, ids: list[int]) -> Float[Tensor, " L"]:
    """One layer, against all layers where the last one gives what the first one gave."""
    _, blocks = blocks_of(decoder_of(shared.model))
    kept: list[object] = []
    hooks = [
        blocks[0].register_forward_hook(lambda module, args, output: kept.append(output)),
        blocks[-1].register_forward_hook(lambda module, args, output: kept[0]),
    ]
    try:
        expected = shared.hidden_states(*_alone(shared, ids))[0]
    finally:
        for hook in hooks:
            hook.remove()
    return _errors(shared.hidden_states(*_alone(shared, ids), layers=1)[0], expected)


# --- comparison --------------------------------------------------------------------------------


def _require(shared: SharedModel, found: Float[Tensor, "N D"], expected: Float[Tensor, "N D"], what: str) -> None:
    if not _equal(_errors(found, expected), shared):
        raise SalmonError(_refusal(shared, f"{what} are not those of the model's own forward pass"))


def _refusal(shared: SharedModel, reason: str) -> str:
    return f"model.path={shared.path}: {type(shared.model).__name__} cannot be used: {reason}. Use another base"


def _works(trial: Callable[[], Float[Tensor, " N"]], shared: SharedModel) -> bool:
    """Whether a trial's relative errors are rounding; a base that cannot do it may fail in any way."""
    try:
        return _equal(trial(), shared)
    except Exception as error:  # noqa: BLE001
        log.debug("%s: %s: %s", type(shared.model).__name__, type(error).__name__, error)
        return False


def _errors(found: Float[Tensor, "N D"], expected: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
    """Length of each difference relative to the expected length."""
    return (found.float() - expected.float()).norm(dim=-1) / expected.float().norm(dim=-1)


def _equal(errors: Float[Tensor, " N"], shared: SharedModel) -> bool:
    exact = computes_in_fp32(shared.model)
    return bool((errors.max() < ROUNDING) if exact else (errors.median() < COARSE_ROUNDING))


# --- inputs ------------------------------------------------------------------------------------


def _tokens(model: nn.Module, number: int, start: int = 0) -> list[int]:
    """Some tokens, no two neighbours alike."""
    size = model.get_input_embeddings().num_embeddings  # type: ignore[operator]
    return [(7 + 13 * (start + place)) % size for place in range(number)]


def _batch(shared: SharedModel, sequences: Sequence[list[int]], left: bool) -> tuple[Tensor, Tensor]:
    """Token ids and mask [B, L]."""
    width = max(map(len, sequences))
    fill = [[0] * (width - len(ids)) for ids in sequences]
    ids = [pad + row if left else row + pad for row, pad in zip(sequences, fill, strict=True)]
    ones = [pad + [1] * len(row) if left else [1] * len(row) + pad for row, pad in zip(sequences, fill, strict=True)]
    return torch.tensor(ids, device=shared.device), torch.tensor(ones, device=shared.device)


def _alone(shared: SharedModel, ids: list[int]) -> tuple[Tensor, Tensor]:
    return _batch(shared, [ids], left=True)


def _left_padded(shared: SharedModel, sequences: Sequence[list[int]]) -> list[Float[Tensor, "_ D"]]:
    hidden = shared.hidden_states(*_batch(shared, sequences, left=True))
    return [states[-len(ids) :] for states, ids in zip(hidden, sequences, strict=True)]
