"""Forward passes over prompts and responses: log-probs, values and scores under the active adapter."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from salmon.models.base import SharedModel
from salmon.models.chunked_head import logprobs_and_entropies, token_logprobs
from salmon.models.heads import Head, ScalarHead
from salmon.models.packing.forward import last_states


@dataclass(frozen=True)
class TokenBatch:
    """Prompts padded on the left, responses padded on the right, so that both meet in one column."""

    prompts: Int[Tensor, "B P"]  # token ids
    prompt_mask: Int[Tensor, "B P"]  # 1 = real token
    responses: Int[Tensor, "B R"]  # token ids
    mask: Float[Tensor, "B R"]  # 1 = real token (the end token included)

    def __len__(self) -> int:
        return self.responses.shape[0]

    @property
    def lengths(self) -> list[int]:
        """Real tokens of each row."""
        lengths: list[int] = (self.prompt_mask.sum(-1) + self.mask.sum(-1).long()).tolist()
        return lengths

    @property
    def sequences(self) -> tuple[list[list[int]], list[list[int]]]:
        """Prompts and responses without padding."""
        prompts = zip(self.prompts.tolist(), self.prompt_mask.sum(-1).tolist(), strict=True)
        responses = zip(self.responses.tolist(), self.mask.sum(-1).long().tolist(), strict=True)
        return [ids[len(ids) - n :] for ids, n in prompts], [ids[:n] for ids, n in responses]

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


def response_logprobs(shared: SharedModel, batch: TokenBatch, temperature: float) -> Float[Tensor, "B R"]:
    """Log-probs of the responses under the distribution they are sampled from (temperature included); 0 at padding."""
    (states,) = response_states(shared, batch)
    return read_logprobs(shared, states, batch, temperature)


def score_forward(shared: SharedModel, head: Head, inputs: Sequence[Sequence[int]]) -> Float[Tensor, " B"]:
    """Score read at the last token of each input; prefixes that inputs share are computed once."""
    return head(last_states(shared, inputs, head.layers))


def response_states(
    shared: SharedModel, batch: TokenBatch, layers: int | None = None, parts: int = 1
) -> Float[Tensor, "S N D"]:
    """Hidden states from which the N real response tokens are predicted, row by row.

    What the rows begin with is computed once, where the base can do that.

    Args:
        shared: the model.
        batch: the tokens.
        layers: as for ``SharedModel.hidden_states``.
        parts: S, how many times: of each adapter of ``SharedModel.using_together``.
    """
    if not shared.can.flatten:
        return _padded_states(shared, batch, layers, parts)[:, batch.mask.bool()]
    prompts, responses = batch.sequences
    # A response's last token predicts nothing that is asked for.
    sequences = [[*p, *r[:-1]] for p, r in zip(prompts, responses, strict=True)]
    states, flat = shared.flat_states(sequences, layers, parts)
    before = [path[len(p) - 1 :][: len(r)] for path, p, r in zip(flat.paths, prompts, responses, strict=True)]
    places = [place for row in before for place in row]
    return states[:, torch.tensor(places, dtype=torch.long, device=states.device)]  # there may be none


def _padded_states(shared: SharedModel, batch: TokenBatch, layers: int | None, parts: int) -> Float[Tensor, "S B R D"]:
    ids = torch.cat([batch.prompts, batch.responses], -1).repeat(parts, 1)
    mask = torch.cat([batch.prompt_mask, batch.mask.long()], -1).repeat(parts, 1)
    hidden = shared.hidden_states(ids, mask, layers)
    start = batch.prompts.shape[1] - 1
    return hidden[:, start : start + batch.responses.shape[1]].unflatten(0, (parts, -1))


def read_logprobs(
    shared: SharedModel, states: Float[Tensor, "N D"], batch: TokenBatch, temperature: float
) -> Float[Tensor, "B R"]:
    """``response_logprobs``, from the states before the N real response tokens."""
    return _placed(token_logprobs(shared.head, states, _tokens(batch), temperature), batch)


@torch.no_grad()
def read_logprobs_and_entropy(
    shared: SharedModel, states: Float[Tensor, "N D"], batch: TokenBatch, temperature: float
) -> tuple[Float[Tensor, "B R"], Float[Tensor, "B R"]]:
    """The same log-probs without gradient, and the entropy in nats of the distributions; 0 at padding."""
    logprobs, entropies = logprobs_and_entropies(shared.head, states, _tokens(batch), temperature)
    return _placed(logprobs, batch), _placed(entropies, batch)


def read_values(head: ScalarHead, states: Float[Tensor, "N D"], batch: TokenBatch) -> Float[Tensor, "B R"]:
    """Value of the state before each response token, from the N of them; 0 at padding."""
    return _placed(head(states), batch)


def _tokens(batch: TokenBatch) -> Int[Tensor, " N"]:
    """The N real response tokens, row by row."""
    return batch.responses[batch.mask.bool()]


def _placed(values: Float[Tensor, " N"], batch: TokenBatch) -> Float[Tensor, "B R"]:
    """Values of the N real response tokens in their places; 0 at padding."""
    return torch.zeros_like(batch.mask, dtype=values.dtype).masked_scatter(batch.mask.bool(), values)
