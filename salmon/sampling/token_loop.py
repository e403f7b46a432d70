"""Sampling from the active adapter, with one random stream for each sequence.

The loop over tokens is ours, not ``transformers.generate``: so a response depends on its own random key only (not on
its neighbours in the batch), its log-prob under the sampling distribution is kept, and sequences that have ended leave
the batch. Drawing by inverse CDF also costs a tenth of ``torch.multinomial`` over a vocabulary of 49k.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import DynamicCache

from salmon.errors import SalmonError
from salmon.models.base import SharedModel, positions
from salmon.models.capabilities import no_cache
from salmon.models.packing.cached_prefix import GrowingSequences
from salmon.runtime.seeding import stream
from salmon.sampling.prefill import started

LEAVING_SHARE = 1 / 4  # ended rows leave the batch together, once they are this share of it
STOP_WINDOW = 16  # a stop string is looked for in so many of the latest tokens


@dataclass(frozen=True)
class Generation:
    """A sampled continuation of R tokens."""

    ids: list[int]  # [R] the end token, if any, is the last
    logprobs: list[float]  # [R] log-prob of each token under the distribution it was drawn from, in nats
    finished: bool  # ended by an end token or stop string, not by the length limit


@dataclass(frozen=True)
class TokenSampler:
    """Draws the tokens of B sequences, each from its own stream."""

    uniforms: Float[Tensor, "B R"]  # one number for each draw, in [0, 1)
    temperature: float  # 0 is greedy
    top_p: float

    def draw(
        self, logits: Float[Tensor, "b V"], rows: Sequence[int] | slice, step: int
    ) -> tuple[Int[Tensor, " b"], Float[Tensor, " b"]]:
        """Draw the next token of some sequences.

        Args:
            logits: of these sequences.
            rows: which of the B sequences they are.
            step: number of the draw, from 0.

        Returns:
            The tokens and their log-probs under the distribution they are drawn from.
        """
        if self.temperature == 0:
            logprobs, tokens = torch.log_softmax(logits.float(), -1), logits.argmax(-1)
        else:
            logprobs = torch.log_softmax(logits.float() / self.temperature, -1)
            if self.top_p < 1:
                logprobs = nucleus(logprobs, self.top_p)
            tokens = inverse_cdf(logprobs.exp(), self.uniforms[rows, step])
        return tokens, logprobs.gather(-1, tokens[:, None])[:, 0]


def make_token_sampler(
    keys: Sequence[tuple], temperature: float, top_p: float, steps: int, device: torch.device
) -> TokenSampler:
    """A token sampler of ``steps`` draws for each random key."""
    uniforms = np.stack([stream(*key, "tokens").random(steps) for key in keys])
    return TokenSampler(torch.from_numpy(uniforms).to(device), temperature, top_p)


def nucleus(logprobs: Float[Tensor, "B V"], top_p: float) -> Float[Tensor, "B V"]:
    """Log-probs of the smallest set of tokens with mass >= ``top_p``, renormalised."""
    ordered, index = logprobs.sort(-1, descending=True)
    mass_before = ordered.exp().cumsum(-1) - ordered.exp()
    kept = ordered.masked_fill(mass_before >= top_p, -torch.inf)
    return torch.log_softmax(torch.empty_like(logprobs).scatter(-1, index, kept), -1)


def inverse_cdf(probabilities: Float[Tensor, "B V"], uniforms: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
    """Draw tokens: where the cumulative sum of each row of probabilities passes its uniform number."""
    cumulative = probabilities.double().cumsum(-1)
    threshold = uniforms[:, None] * cumulative[:, -1:]
    tokens = torch.searchsorted(cumulative, threshold, right=True)[:, 0]
    return tokens.clamp(max=probabilities.shape[-1] - 1)


@torch.no_grad()
def generate(
    shared: SharedModel,
    prompts: Sequence[Sequence[int]],
    keys: Sequence[tuple],
    *,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    batch_size: int,
) -> list[Generation]:
    """Continue each prompt with the active adapter.

    Args:
        prompts: token ids of N prompts.
        keys: a random key for each prompt; equal keys and prompts give equal continuations.
        temperature: 0 is greedy.
        top_p: mass of the nucleus; 1 is the whole vocabulary.
        batch_size: sequences generated together; does not change what is generated.

    Returns:
        N continuations, in the order of the prompts.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results: dict[int, Generation] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        sampler = make_token_sampler([keys[i] for i in rows], temperature, top_p, max_new_tokens, shared.device)
        generations = generate_batch(shared, [prompts[i] for i in rows], sampler, max_new_tokens)
        results |= zip(rows, generations, strict=True)
    return [results[i] for i in range(len(prompts))]


def generate_batch(
    shared: SharedModel,
    prompts: Sequence[Sequence[int]],
    sampler: TokenSampler,
    max_new_tokens: int,
    stop_strings: Sequence[str] = (),
) -> list[Generation]:
    """Continue B prompts as one batch, which sequences that have ended leave.

    Raises:
        SalmonError: the base keeps no cache that a batch can be taken from.
    """
    if not shared.can.cache:
        raise SalmonError(no_cache(shared))
    ids, mask, cache = started(shared, prompts)
    tokens: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    finished = [False] * len(prompts)
    rows = list(range(len(prompts)))  # the prompts whose sequences are in the batch
    for step in range(max_new_tokens):
        # 1. The next token of each sequence.
        drawn, values = sampler.draw(next_logits(shared, ids, mask, cache), rows, step)  # [b] each
        for row, token, logprob in zip(rows, drawn.tolist(), values.tolist(), strict=True):
            if not finished[row]:
                tokens[row].append(token)
                logprobs[row].append(logprob)
                finished[row] = ends(shared, tokens[row], stop_strings)
        # 2. Ended sequences leave when they are many enough to be worth a copy of the others' keys and values.
        unfinished = [place for place, row in enumerate(rows) if not finished[row]]
        if not unfinished:
            break
        if len(unfinished) <= (1 - LEAVING_SHARE) * len(rows):
            places = torch.tensor(unfinished, device=shared.device)
            # Beam search's: state spaces have no other way to drop rows.
            cache.reorder_cache(places)  # type: ignore[arg-type]  # the kind that it is
            drawn, mask, rows = drawn[places], mask[places], [rows[place] for place in unfinished]
        # 3. The tokens drawn are what the model reads next.
        ids, mask = drawn[:, None], torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
    return [Generation(*row) for row in zip(tokens, logprobs, finished, strict=True)]


def next_logits(
    shared: SharedModel, ids: Int[Tensor, "b n"], mask: Int[Tensor, "b L"], cache: DynamicCache
) -> Float[Tensor, "b V"]:
    """Logits of the next token of each sequence in a batch.

    Args:
        ids: the n new tokens of each, which the cache takes in.
        mask: of all L tokens so far, 1 = real token.
        cache: keys and values of the L - n tokens before the new ones.
    """
    hidden = shared.cached_forward(ids, mask, positions(mask)[:, -ids.shape[1] :], cache)
    return shared.head(hidden[:, -1])


@torch.no_grad()
def generate_after(
    shared: SharedModel,
    prefix: Sequence[int],
    prompts: Sequence[Sequence[int]],
    keys: Sequence[tuple],
    *,
    temperature: float,
    top_p: float,
    max_new_tokens: int,
    stop_strings: Sequence[str],
) -> list[Generation]:
    """Like ``generate``, for prompts (all in one batch) that follow one long prefix.

    Args:
        prefix: token ids; computed once, and packed with the prompts and their continuations, where the base can do it.
        stop_strings: texts that end a continuation, besides the end tokens; they stay in its tokens.
    """
    sampler = make_token_sampler(keys, temperature, top_p, max_new_tokens, shared.device)
    if not shared.can.pack:
        return generate_batch(shared, [[*prefix, *ids] for ids in prompts], sampler, max_new_tokens, stop_strings)
    packed = GrowingSequences(shared, prefix)
    tokens: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    finished = [False] * len(prompts)
    unread = {row: list(ids) for row, ids in enumerate(prompts)}  # what the model has not read of unfinished sequences
    for step in range(max_new_tokens):
        rows = list(unread)
        drawn, values = sampler.draw(shared.head(packed.extend(unread)), rows, step)  # [b] each
        unread = {}
        for row, token, logprob in zip(rows, drawn.tolist(), values.tolist(), strict=True):
            tokens[row].append(token)
            logprobs[row].append(logprob)
            finished[row] = ends(shared, tokens[row], stop_strings)
            if not finished[row]:
                unread[row] = [token]
        if not unread:
            break
    return [Generation(*row) for row in zip(tokens, logprobs, finished, strict=True)]


def ends(shared: SharedModel, tokens: Sequence[int], stop_strings: Sequence[str]) -> bool:
    """Whether the last of a sequence's tokens ends it."""
    tail = shared.tokenizer.decode(tokens[-STOP_WINDOW:]) if stop_strings else ""
    return shared.chat.ends(tokens) or any(stop in tail for stop in stop_strings)
