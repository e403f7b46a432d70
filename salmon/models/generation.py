"""Sampling from the active adapter, one random stream a sequence.

The draw is ours, so that a response depends on its own key only (not on its neighbours in the batch) and its
log-probability under the sampling distribution is kept; transformers' ``generate`` does the rest. Drawing by
inverse CDF also costs a tenth of ``torch.multinomial`` over a 49k vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from transformers import LogitsProcessor, LogitsProcessorList

from salmon.models.base import SharedModel
from salmon.models.shared_prefix import SharedPrefix
from salmon.runtime.seeding import stream

STOP_WINDOW = 16  # latest tokens in which a stop string is looked for


@dataclass(frozen=True)
class Generation:
    ids: list[int]  # sampled tokens [R]; the end token, if any, is the last
    logprobs: list[float]  # log-probability of each under the distribution it was drawn from [R]
    finished: bool  # ended by an end token or stop string, not by the length limit


@dataclass(frozen=True)
class Sampler:
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


def make_sampler(keys: Sequence[tuple], temperature: float, top_p: float, steps: int, device: torch.device) -> Sampler:
    """A sampler of ``steps`` draws for each random key."""
    uniforms = np.stack([stream(*key, "tokens").random(steps) for key in keys])
    return Sampler(torch.from_numpy(uniforms).to(device), temperature, top_p)


class DrawToken(LogitsProcessor):
    """Makes ``generate``'s greedy choice our draw: leaves only the drawn token possible."""

    def __init__(self, sampler: Sampler) -> None:
        self.sampler = sampler
        self.logprobs: list[Tensor] = []  # R tensors [B]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        chosen, logprobs = self.sampler.draw(scores, slice(None), len(self.logprobs))
        self.logprobs.append(logprobs)
        return torch.full_like(scores, -torch.inf).scatter_(-1, chosen[:, None], 0.0)


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
    stop_ids, pad = shared.chat.end_ids, shared.tokenizer.pad_token_id
    order = sorted(range(len(prompts)), key=lambda i: len(prompts[i]))
    results: dict[int, Generation] = {}
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        batch = [list(prompts[i]) for i in rows]
        width = max(map(len, batch))
        ids = torch.tensor([[pad] * (width - len(p)) + p for p in batch], device=shared.device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in batch], device=shared.device)
        draw = DrawToken(make_sampler([keys[i] for i in rows], temperature, top_p, max_new_tokens, shared.device))
        output: Tensor = shared.model.generate(  # type: ignore[operator]  # typed as a submodule
            input_ids=ids, attention_mask=mask, max_new_tokens=max_new_tokens, do_sample=False,
            eos_token_id=sorted(stop_ids), pad_token_id=pad, logits_processor=LogitsProcessorList([draw]),
        )  # fmt: skip
        new, logprobs = output[:, width:].tolist(), torch.stack(draw.logprobs, -1).tolist()
        for row, tokens, values in zip(rows, new, logprobs, strict=True):
            results[row] = cut_at_end(tokens, values, stop_ids)
    return [results[i] for i in range(len(prompts))]


def cut_at_end(tokens: list[int], logprobs: list[float], stop_ids: frozenset[int]) -> Generation:
    """Drop what ``generate`` pads after a row's end token."""
    for index, token in enumerate(tokens):
        if token in stop_ids:
            return Generation(tokens[: index + 1], logprobs[: index + 1], True)
    return Generation(tokens, logprobs, False)


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
    sampler = make_sampler(keys, temperature, top_p, max_new_tokens, shared.device)
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
