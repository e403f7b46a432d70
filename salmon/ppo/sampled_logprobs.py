"""The log-probs that a sampler kept, and whether they are those that the trainer would compute again."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.models.base import SharedModel
from salmon.models.device import computes_in_fp32
from salmon.models.forward import TokenBatch
from salmon.sampling.responses import Response


def sampled_logprobs(responses: Sequence[Response], batch: TokenBatch) -> Float[Tensor, "B R"]:
    """Of each sampled token, under the distribution that it was drawn from; 0 at padding."""
    logprobs = torch.zeros_like(batch.mask)
    for row, response in enumerate(responses):
        logprobs[row, : len(response.ids)] = torch.tensor(response.logprobs)
    return logprobs


def why_computed_again(cfg: Config, shared: SharedModel) -> str | None:
    """Why a sampler's log-probs are not the policy's own; None: they are, up to rounding in fp32.

    Where the answer is None, PPO on them is PPO on the trainer's (``ppo.keep_sampled_logprobs``).
    """
    if cfg.rollout.backend is not RolloutBackend.hf:
        return f"rollout={cfg.rollout.backend.value} samples from weights of its own"
    if not computes_in_fp32(shared.model):
        return "the base is not in fp32, and decoding rounds other sums than reading at once"
    return None
