"""Likelihoods of continuations of some contexts behind one prefix.

The prefix is computed once, and each context once a call: contexts and their continuations are packed in one row
without padding; a context sees the prefix and itself, a continuation sees these and itself. Where the base cannot pack,
each continuation has a row of its own, from the prefix on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel
from salmon.models.packing.cached_prefix import cache_prefix
from salmon.models.packing.layout import ContextAndContinuation, pack_pairs
from salmon.models.packing.mask import PREFIX, additive_mask
from salmon.models.packing.unpacked import unpacked_hidden_states


@dataclass(frozen=True)
class Likelihood:
    """How likely a continuation is."""

    logprob: float  # of all its tokens together, in nats
    greedy: bool  # whether greedy decoding would give it


class Continuations:
    """Scores continuations behind a cached prefix."""

    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        """Compute the prefix [P], which may be empty, under the adapter that must be active in later calls too."""
        self._shared = shared
        self._prefix = list(prefix)
        self._cache = cache_prefix(shared, prefix) if shared.can.pack else None
        self.num_tokens = 0  # that went through the model so far, a cached prefix apart

    @torch.no_grad()
    def hidden_states(self, pairs: Sequence[ContextAndContinuation]) -> list[Float[Tensor, "_ D"]]:
        """Of each pair the last hidden states [C, D] that predict the C tokens of its continuation.

        Neighbours with the same context share its computation.
        """
        return self._separate(pairs) if self._cache is None else self._packed(pairs, self._cache)

    def _packed(self, pairs: Sequence[ContextAndContinuation], cache: DynamicCache) -> list[Float[Tensor, "_ D"]]:
        device = self._shared.device
        packed = pack_pairs(pairs, len(self._prefix))
        prefix = [PREFIX] * len(self._prefix)
        levels = [torch.tensor([prefix + ids], device=device) for ids in (packed.context_ids, packed.continuation_ids)]
        hidden = self._shared.cached_forward(
            torch.tensor([packed.ids], device=device),
            additive_mask(levels, len(packed.ids), self._shared.model.dtype),
            torch.tensor([packed.positions], device=device),
            cache,
        )[0]
        cache.crop(-len(packed.ids))
        self.num_tokens += len(packed.ids)
        return [hidden[places] for places in packed.predictors]

    def _separate(self, pairs: Sequence[ContextAndContinuation]) -> list[Float[Tensor, "_ D"]]:
        rows = [[*self._prefix, *context, *continuation[:-1]] for context, continuation in pairs]
        self.num_tokens += sum(map(len, rows))
        states = unpacked_hidden_states(self._shared, rows)
        return [found[-len(continuation) :] for found, (_, continuation) in zip(states, pairs, strict=True)]

    @torch.no_grad()
    def likelihoods(self, pairs: Sequence[ContextAndContinuation]) -> list[Likelihood]:
        """The likelihood of each continuation; log-probs of the whole vocabulary in fp32, without a temperature."""
        found = []
        for (_, continuation), hidden in zip(pairs, self.hidden_states(pairs), strict=True):
            logprobs = self._shared.head(hidden).float().log_softmax(-1)  # [C, V]
            tokens = torch.tensor(list(continuation), device=logprobs.device)
            greedy = bool((logprobs.argmax(-1) == tokens).all())
            found.append(Likelihood(logprobs.gather(-1, tokens[:, None]).sum().item(), greedy))
        return found
