"""Forward passes over prompts and responses: log-probs, values and scores under the active adapter."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

def entropy(l): return l[...,0]  # STUB

from salmon.models.base import SharedModel, positions
from salmon.models.heads import ScalarHead


@dataclass(frozen=True)
class TokenBatch:
    """Prompts padded on the left, responses padded on the right, so that both meet in one column."""

    prompts: Tensor  # [B, P] token ids
    prompt_mask: Tensor  # [B, P], 1 = real token
    responses: Tensor  # [B, R] token ids
    mask: Tensor  # [B, R] float, 1 = real token (the end token included)

    def __len__(self) -> int:
        return self.responses.shape[0]

    def rows(self, index: Sequence[int]) -> "TokenBatch":
        """Some rows [b], without the columns that are padding in all of them."""
        rows = torch.as_tensor(list(index), device=self.prompts.device)
        prompt_mask, mask = self.prompt_mask[rows], self.mask[rows]
        p = int(prompt_mask.sum(-1).max())
        r = max(1, int(mask.sum(-1).max()))
        start = self.prompts.shape[1] - p
        return TokenBatch(self.prompts[rows, start:], prompt_mask[:, start:], self.responses[rows, :r], mask[:, :r])


def token_batch(
    prompts: Sequence[Sequence[int]], responses: Sequence[Sequence[int]], pad: int, device: torch.device
) -> TokenBatch:
    """Pad B prompts and B responses into one batch."""
    p, r = max(map(len, prompts)), max(1, max(map(len, responses)))
    return TokenBatch(
        torch.tensor([[pad] * (p - len(x)) + list(x) for x in prompts], device=device),
        torch.tensor([[0] * (p - len(x)) + [1] * len(x) for x in prompts], device=device),
        torch.tensor([list(x) + [pad] * (r - len(x)) for x in responses], device=device),
        torch.tensor([[1.0] * len(x) + [0.0] * (r - len(x)) for x in responses], device=device),
    )


@dataclass(frozen=True)
class PolicyOutput:
    logprobs: Tensor  # [B, R], 0 at padding
    entropy: Tensor  # [B, R] nats, 0 at padding, without gradient


def policy_forward(shared: SharedModel, batch: TokenBatch, temperature: float) -> PolicyOutput:
    """Log-probs of the responses under the distribution they are sampled from (temperature included)."""
    hidden = _states_before_responses(shared, batch)
    logits = shared.model.get_output_embeddings()(hidden).float() / temperature  # [B, R, V]
    chosen = logits.gather(-1, batch.responses[..., None])[..., 0]
    logprobs = chosen - logits.logsumexp(-1)
    with torch.no_grad():
        nats = entropy(logits)
    return PolicyOutput(logprobs * batch.mask, nats * batch.mask)


def value_forward(shared: SharedModel, head: ScalarHead, batch: TokenBatch) -> Tensor:
    """Value [B, R] of the state before each response token; 0 at padding."""
    return head(_states_before_responses(shared, batch)) * batch.mask


def score_forward(shared: SharedModel, head: ScalarHead, inputs: Sequence[Sequence[int]]) -> Tensor:
    """Score [B] read at the last real token of each input."""
    pad, width = shared.tokenizer.pad_token_id, max(map(len, inputs))
    ids = torch.tensor([list(x) + [pad] * (width - len(x)) for x in inputs], device=shared.device)
    lengths = torch.tensor([len(x) for x in inputs], device=shared.device)
    mask = (torch.arange(width, device=shared.device)[None] < lengths[:, None]).long()
    hidden = shared.hidden_states(ids, mask)
    return head(hidden[torch.arange(len(inputs), device=shared.device), lengths - 1])


def _states_before_responses(shared: SharedModel, batch: TokenBatch) -> Tensor:
    """Hidden states [B, R, D] from which each response token is predicted."""
    ids = torch.cat([batch.prompts, batch.responses], -1)
    mask = torch.cat([batch.prompt_mask, batch.mask.long()], -1)
    hidden = shared.hidden_states(ids, mask)
    start = batch.prompts.shape[1] - 1
    return hidden[:, start : start + batch.responses.shape[1]]


@torch.no_grad()
def next_token_logits(
    shared: SharedModel, groups: Sequence[Sequence[Sequence[int]]], candidates: Sequence[int], batch_size: int
) -> list[Tensor]:
    """Log-odds of candidate next tokens, one tensor [N, C] a group of N token lists.

    The lists of a group share a beginning (a judged pair, with one principle each), which is computed once.
    Only differences between candidates mean something: the values are raw logits.
    """
    from salmon.models.generation import prefix_cache, repeat

    head = shared.model.get_output_embeddings()
    pad = shared.tokenizer.pad_token_id
    index = torch.tensor(list(candidates), device=shared.device)
    results = []
    for group in groups:
        prefix = common_prefix(group)
        cache = prefix_cache(shared, group[0][:prefix]) if prefix else None
        rows = []
        for start in range(0, len(group), batch_size):
            tails = [list(ids[prefix:]) for ids in group[start : start + batch_size]]
            width = max(map(len, tails))
            ids = torch.tensor([t + [pad] * (width - len(t)) for t in tails], device=shared.device)
            lengths = torch.tensor([len(t) for t in tails], device=shared.device)
            mask = torch.tensor([[1] * (prefix + len(t)) + [0] * (width - len(t)) for t in tails], device=shared.device)
            hidden = shared.model.get_decoder()(
                input_ids=ids, attention_mask=mask, position_ids=positions(mask)[:, prefix:],
                past_key_values=repeat(cache, len(tails)) if cache else None, use_cache=cache is not None,
            ).last_hidden_state  # fmt: skip
            last = hidden[torch.arange(len(tails), device=shared.device), lengths - 1]
            rows.append(head(last).float()[:, index])
        results.append(torch.cat(rows))
    return results


def common_prefix(sequences: Sequence[Sequence[int]]) -> int:
    """Length of the beginning that all sequences share, at least one token short of each."""
    limit = min(map(len, sequences)) - 1
    for position in range(limit):
        if len({sequence[position] for sequence in sequences}) > 1:
            return position
    return limit
