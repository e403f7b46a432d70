"""Sampling from the active adapter, one random stream a sequence.

The loop over tokens is ours: a response then depends on its own key only (not on its neighbours in the batch), its
log-probability under the sampling distribution is kept, and rows that have ended leave the batch. Drawing by inverse
CDF also costs a tenth of ``torch.multinomial`` over a 49k vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import DynamicCache

from salmon.models.base import SharedModel, positions
from salmon.models.shared_prefix import SharedPrefix
from salmon.runtime.seeding import stream

LEAVING = 1 / 4  # share of a batch's rows that have ended and leave it together
STOP_WINDOW = 16  # latest tokens in which a stop string is looked for


@dataclass(frozen=True)
class Generation:
    ids: list[int]  # sampled tokens [R]; the end token, if any, is the last
    logprobs: list[float]  # log-probability of each under the distribution it was drawn from [R]
    finished: bool  # ended by an end token or stop string, not by the length limit


@dataclass(frozen=True)
class TokenSampler:
    """Draws the tokens of B sequences, each from its own stream."""

    uniforms: Tensor  # [B, R] one number a draw
    temperature: float  # 0 is greedy
    top_p: float

    def draw(self, logits: Tensor, rows: Sequence[int] | slice, step: int) -> tuple[Tensor, Tensor]:
        """The next tokens [b] of some rows and their log-probs [b], from logits [b, V]."""
        if self.temperature == 0:
            logprobs, chosen = torch.log_softmax(logits.float(), -1), logits.argmax(-1)
        else:
            logprobs = torch.log_softmax(logits.float() / self.temperature, -1)
            if self.top_p < 1:
                logprobs = nucleus(logprobs, self.top_p)
            chosen = inverse_cdf(logprobs.exp(), self.uniforms[rows, step])
        return chosen, logprobs.gather(-1, chosen[:, None])[:, 0]


def make_token_sampler(
    keys: Sequence[tuple], temperature: float, top_p: float, steps: int, device: torch.device
) -> TokenSampler:
    """A token sampler of ``steps`` draws for each random key."""
    uniforms = np.stack([stream(*key, "tokens").random(steps) for key in keys])
    return TokenSampler(torch.from_numpy(uniforms).to(device), temperature, top_p)


def nucleus(logprobs: Tensor, top_p: float) -> Tensor:
    """Log-probs [B, V] of the smallest set of tokens with mass >= ``top_p``, renormalised."""
    ordered, index = logprobs.sort(-1, descending=True)
    mass_before = ordered.exp().cumsum(-1) - ordered.exp()
    kept = ordered.masked_fill(mass_before >= top_p, -torch.inf)
    return torch.log_softmax(torch.empty_like(logprobs).scatter(-1, index, kept), -1)


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
) -> list[Generation]:
    """Continue each prompt with the active adapter, in the order given.

    Args:
        keys: one random key a prompt; equal keys and prompts give equal continuations.
        temperature: 0 is greedy.
        batch_size: sequences generated together; does not change what is generated.
    """
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results: dict[int, Generation] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        sampler = make_token_sampler([keys[i] for i in rows], temperature, top_p, max_new_tokens, shared.device)
        made = generate_together(shared, [prompts[i] for i in rows], sampler, max_new_tokens)
        results |= zip(rows, made, strict=True)
    return [results[i] for i in range(len(prompts))]


def generate_together(
    shared: SharedModel, prompts: Sequence[Sequence[int]], sampler: TokenSampler, max_new_tokens: int
) -> list[Generation]:
    """Continue prompts as one batch, which rows that have ended leave."""
    width, pad = max(map(len, prompts)), shared.tokenizer.pad_token_id
    ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=shared.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=shared.device)
    cache = DynamicCache(config=shared.model.config)
    tokens: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    finished = [False] * len(prompts)
    rows = list(range(len(prompts)))  # those in the batch
    for step in range(max_new_tokens):
        # 1. The next token of each row.
        drawn, values = sampler.draw(next_logits(shared, ids, mask, cache), rows, step)
        for row, token, value in zip(rows, drawn.tolist(), values.tolist(), strict=True):
            if not finished[row]:
                tokens[row].append(token)
                logprobs[row].append(value)
                finished[row] = token in shared.chat.end_ids
        # 2. Rows that have ended leave when they are many enough to be worth a copy of the others' keys and values.
        going_on = [place for place, row in enumerate(rows) if not finished[row]]
        if not going_on:
            break
        if len(going_on) <= (1 - LEAVING) * len(rows):
            places = torch.tensor(going_on, device=shared.device)
            cache.batch_select_indices(places)
            drawn, mask, rows = drawn[places], mask[places], [rows[place] for place in going_on]
        # 3. The tokens drawn are what the model reads next.
        ids, mask = drawn[:, None], torch.cat([mask, mask.new_ones(len(rows), 1)], -1)
    return [Generation(*row) for row in zip(tokens, logprobs, finished, strict=True)]


def next_logits(shared: SharedModel, ids: Tensor, mask: Tensor, cache: DynamicCache) -> Tensor:
    """Logits [b, V] after new tokens [b, n], which the cache takes in; the mask [b, L] is of all tokens so far."""
    hidden = shared.model.get_decoder()(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions(mask)[:, -ids.shape[1] :],
        past_key_values=cache,
        use_cache=True,
    ).last_hidden_state
    logits: Tensor = shared.model.get_output_embeddings()(hidden[:, -1])
    return logits


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
        stop_strings: texts that end a continuation, besides the end tokens; they stay in its tokens.
    """
    sampler = make_token_sampler(keys, temperature, top_p, max_new_tokens, shared.device)
    packed, head = SharedPrefix(shared, prefix), shared.model.get_output_embeddings()
    tokens: list[list[int]] = [[] for _ in prompts]
    logprobs: list[list[float]] = [[] for _ in prompts]
    finished = [False] * len(prompts)
    fresh = {row: list(ids) for row, ids in enumerate(prompts)}  # what each active row must still read
    for step in range(max_new_tokens):
        active = list(fresh)
        chosen, values = sampler.draw(head(packed.extend(fresh)), active, step)
        fresh = {}
        for row, token, value in zip(active, chosen.tolist(), values.tolist(), strict=True):
            tokens[row].append(token)
            logprobs[row].append(value)
            tail = shared.tokenizer.decode(tokens[row][-STOP_WINDOW:])
            finished[row] = token in shared.chat.end_ids or any(stop in tail for stop in stop_strings)
            if not finished[row]:
                fresh[row] = [token]
        if not fresh:
            break
    return [Generation(*row) for row in zip(tokens, logprobs, finished, strict=True)]
