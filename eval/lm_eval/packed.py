"""Continuations of some contexts behind one prefix: the prefix computed once, and each context once a call.

The contexts and their continuations stand one after the other in one sequence without padding, and a mask keeps them
apart: a context sees the prefix and itself, a continuation sees these and itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel

Pair = tuple[Sequence[int], Sequence[int]]  # (rest of the context after the prefix, continuation); one token at least


@dataclass(frozen=True)
class Likelihood:
    """How likely a continuation is."""

    logprob: float  # of all its tokens together, in nats
    greedy: bool  # whether greedy decoding would give it


class PackedContinuations:
    """Keys and values of a prefix [P] (it may be empty) under the adapter that is active when it is made."""

    @torch.no_grad()
    def __init__(self, shared: SharedModel, prefix: Sequence[int]) -> None:
        self._decoder, self._device, self._dtype = shared.model.get_decoder(), shared.device, shared.model.dtype
        self._head = shared.model.get_output_embeddings()
        self._cache = DynamicCache(config=shared.model.config)
        self._prefix = len(prefix)
        self.tokens = 0  # that went through the model, the prefix apart
        if prefix:
            self._decoder(
                input_ids=torch.tensor([list(prefix)], device=self._device), past_key_values=self._cache, use_cache=True
            )

    @torch.no_grad()
    def hidden_states(self, pairs: Sequence[Pair]) -> list[Tensor]:
        """Of each pair the last hidden states [C, D] that predict the C tokens of its continuation.

        Neighbours with the same context share its computation.
        """
        ids: list[int] = []
        positions: list[int] = []
        context_of: list[int] = []  # number of the context that a token belongs to, or continues
        continuation_of: list[int] = []  # number of the pair; -1: a token of a context
        wanted: list[list[int]] = []  # places whose hidden states each pair wants
        for number, (context, group) in enumerate(groupby(enumerate(pairs), key=lambda item: tuple(item[1][0]))):
            ids += context
            positions += range(self._prefix, self._prefix + len(context))
            continuation_of += [-1] * len(context)
            end = len(ids)
            for pair, (_, continuation) in group:
                fed = continuation[:-1]  # the last token predicts nothing that is asked for
                wanted.append([end - 1, *range(len(ids), len(ids) + len(fed))])
                ids += fed
                positions += range(self._prefix + len(context), self._prefix + len(context) + len(fed))
                continuation_of += [pair] * len(fed)
            context_of += [number] * (len(ids) - len(context_of))
        hidden = self._decoder(
            input_ids=torch.tensor([ids], device=self._device),
            position_ids=torch.tensor([positions], device=self._device),
            attention_mask=self._mask(torch.tensor(context_of), torch.tensor(continuation_of)),
            past_key_values=self._cache,
            use_cache=True,
        ).last_hidden_state[0]
        self._cache.crop(-len(ids))
        self.tokens += len(ids)
        return [hidden[places] for places in wanted]

    @torch.no_grad()
    def likelihoods(self, pairs: Sequence[Pair]) -> list[Likelihood]:
        """The likelihood of each continuation; log-probs of the whole vocabulary in fp32, without a temperature."""
        found = []
        for (_, continuation), hidden in zip(pairs, self.hidden_states(pairs), strict=True):
            logprobs = self._head(hidden).float().log_softmax(-1)
            wanted = torch.tensor(list(continuation), device=logprobs.device)
            greedy = bool((logprobs.argmax(-1) == wanted).all())
            found.append(Likelihood(logprobs.gather(-1, wanted[:, None]).sum().item(), greedy))
        return found

    def _mask(self, contexts: Tensor, continuations: Tensor) -> Tensor:
        """Additive mask [1, 1, T, P + T] of the T tokens that follow the prefix."""
        contexts, continuations = contexts.to(self._device), continuations.to(self._device)
        of_context = continuations[None] == -1
        seen = (contexts[None] == contexts[:, None]) & (of_context | (continuations[None] == continuations[:, None]))
        seen = seen.tril()
        allowed = torch.cat([seen.new_ones(len(contexts), self._prefix), seen], dim=-1)
        mask = torch.zeros(allowed.shape, dtype=self._dtype, device=self._device)
        return mask.masked_fill(~allowed, torch.finfo(self._dtype).min)[None, None]
