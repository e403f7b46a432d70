"""Sampling from the active adapter, one random stream a sequence.

transformers' ``generate`` does the work; the draw itself is ours, so that a response depends on its own
key only (not on its neighbours in the batch) and its log-probability under the sampling distribution is
kept. Drawing by inverse CDF also costs a tenth of ``torch.multinomial`` over a 49k vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache, LogitsProcessor, LogitsProcessorList

from salmon.models.base import SharedModel, positions
from salmon.runtime.seeding import stream


@dataclass(frozen=True)
class Generation:
    ids: list[int]  # sampled tokens [R]; the end token, if any, is the last
    logprobs: list[float]  # log-probability of each under the distribution it was drawn from [R]
    finished: bool  # ended by an end token, not by the length limit


class KeyedSampler(LogitsProcessor):
    """Draws each row's next token from its own stream and leaves only that token possible."""

    def __init__(self, keys: Sequence[tuple], temperature: float, top_p: float, steps: int, device: torch.device):
        uniforms = [stream(*key, "tokens").random(steps) for key in keys]
        self.uniforms = torch.from_numpy(np.stack(uniforms)).to(device)  # [B, R]
        self.temperature, self.top_p = temperature, top_p
        self.logprobs: list[Tensor] = []  # R tensors [B]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        if self.temperature == 0:
            logprobs, chosen = torch.log_softmax(scores.float(), -1), scores.argmax(-1)
        else:
            logprobs = torch.log_softmax(scores.float() / self.temperature, -1)
            if self.top_p < 1:
                logprobs = nucleus(logprobs, self.top_p)
            chosen = inverse_cdf(logprobs.exp(), self.uniforms[:, len(self.logprobs)])
        self.logprobs.append(logprobs.gather(-1, chosen[:, None])[:, 0])
        return torch.full_like(scores, -torch.inf).scatter_(-1, chosen[:, None], 0.0)


def nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Log-probs [B, V] of the smallest set of tokens with mass >= ``top_p``, renormalised."""
    ordered, index = logprobs.sort(-1, descending=True)
    mass_before = ordered.exp().cumsum(-1) - ordered.exp()
    kept = torch.full_like(logprobs, -torch.inf).scatter(-1, index, ordered.masked_fill(mass_before >= top_p, -torch.inf))
    return torch.log_softmax(kept, -1)


def inverse_cdf(probabilities: Tensor, uniforms: Tensor) -> Tensor:
    """The token [B] at which each row's cumulative probability [B, V] passes its uniform number [B]."""
    cumulative = probabilities.double().cumsum(-1)
    threshold = uniforms[:, None] * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, threshold, right=True)[:, 0]
    return chosen.clamp(max=probabilities.shape[-1] - 1)


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
    prefix: Sequence[int] = (),
    stop_ids: frozenset[int] | None = None,
    stop_strings: Sequence[str] = (),
) -> list[Generation]:
    """Continue each prompt with the active adapter, in the order given.

    Args:
        keys: one random key a prompt; equal keys and prompts give equal continuations.
        temperature: 0 is greedy.
        prefix: tokens before every prompt, computed once.
        stop_ids: tokens that end a continuation; default the chat format's end tokens.
        stop_strings: texts that end a continuation (they stay in its tokens).
    """
    stop_ids = shared.chat.end_ids if stop_ids is None else stop_ids
    cache = prefix_cache(shared, prefix) if prefix else None
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results: dict[int, Generation] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = [list(prompts[i]) for i in rows]
        width, pad = max(map(len, batch)), shared.tokenizer.pad_token_id
        ids = torch.tensor([[*prefix, *[pad] * (width - len(p)), *p] for p in batch], device=shared.device)
        mask = torch.tensor([[1] * len(prefix) + [0] * (width - len(p)) + [1] * len(p) for p in batch],
                            device=shared.device)
        sampler = KeyedSampler([keys[i] for i in rows], temperature, top_p, max_new_tokens, shared.device)
        extra = {"stop_strings": list(stop_strings), "tokenizer": shared.tokenizer} if stop_strings else {}
        output = shared.model.generate(
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False,
            eos_token_id=sorted(stop_ids), pad_token_id=pad, logits_processor=LogitsProcessorList([sampler]),
            past_key_values=repeat(cache, len(rows)) if cache else None, **extra,
        )  # fmt: skip
        new, logprobs = output[:, ids.shape[1] :].tolist(), torch.stack(sampler.logprobs, -1).tolist()
        for row, tokens, values in zip(rows, new, logprobs, strict=True):
            results[row] = cut_at_end(tokens, values, stop_ids)
    return [results[i] for i in range(len(prompts))]


def cut_at_end(tokens: list[int], logprobs: list[float], stop_ids: frozenset[int]) -> Generation:
    """Drop what ``generate`` pads after a row's end token."""
    for index, token in enumerate(tokens):
        if token in stop_ids:
            return Generation(tokens[: index + 1], logprobs[: index + 1], True)
    return Generation(tokens, logprobs, False)


def prefix_cache(shared: SharedModel, prefix: Sequence[int]) -> DynamicCache:
    """Keys and values of tokens that many sequences start with."""
    ids = torch.tensor([list(prefix)], device=shared.device)
    cache = DynamicCache(config=shared.model.config)
    mask = torch.ones_like(ids)
    shared.model.get_decoder()(input_ids=ids, attention_mask=mask, position_ids=positions(mask), past_key_values=cache,
                               use_cache=True)
    return cache


def repeat(cache: DynamicCache, times: int) -> DynamicCache:
    """A copy of a one-row cache for ``times`` rows."""
    copies = DynamicCache()
    for index, layer in enumerate(cache.layers):
        copies.update(layer.keys.expand(times, -1, -1, -1).contiguous(),
                      layer.values.expand(times, -1, -1, -1).contiguous(), index)
    return copies
