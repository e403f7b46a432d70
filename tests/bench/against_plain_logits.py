"""Log-probs by chunks beside the plain way: ``python -m tests.bench.against_plain_logits [OVERRIDES]``.

One training pass over a micro-batch of random tokens, each way in turn, in this process: bytes that torch holds at the
peak above what was there before, and seconds.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from salmon.models.base import SharedModel
from salmon.models.forward import TokenBatch, response_logprobs, token_batch
from salmon.models.loading import load_base
from salmon.plan.command import compose_config
from tests.plan.against_measured import allocated_peak

ROWS, PROMPT, RESPONSE, TEMPERATURE = 2, 16, 256, 0.7
Way = Callable[[SharedModel, TokenBatch, float], Tensor]


def with_all_logits(shared: SharedModel, batch: TokenBatch, temperature: float) -> Tensor:
    """Log-probs [B, R] from logits [B, R, V]."""
    ids, mask = torch.cat([batch.prompts, batch.responses], -1), torch.cat([batch.prompt_mask, batch.mask.long()], -1)
    states = shared.hidden_states(ids, mask)[:, PROMPT - 1 : -1]
    logits = shared.model.get_output_embeddings()(states).float() / temperature
    return (logits.gather(-1, batch.responses[..., None])[..., 0] - logits.logsumexp(-1)) * batch.mask


def main(overrides: list[str]) -> None:
    cfg = compose_config(["model=smollm2_135m", "model.gradient_checkpointing=true", *overrides])
    shared = load_base(cfg.model, Path(cfg.paths.cache))
    shared.add_adapter("policy", seed=0)
    drawn = torch.randint(shared.model.config.vocab_size, (ROWS, PROMPT + RESPONSE)).tolist()
    batch = token_batch([row[:PROMPT] for row in drawn], [row[PROMPT:] for row in drawn], 0, shared.device)
    ways: dict[str, Way] = {"all logits": with_all_logits, "chunks": response_logprobs}
    peaks, seconds = dict.fromkeys(ways, 0), {name: list[float]() for name in ways}
    with shared.using("policy"):
        for round_ in range(3):
            for name, way in ways.items():
                began = time.perf_counter()
                if round_:
                    way(shared, batch, TEMPERATURE).sum().backward()
                    seconds[name].append(time.perf_counter() - began)
                else:  # the first pass of a process allocates what the others find
                    way(shared, batch, TEMPERATURE).sum().backward()
                    peaks[name] = allocated_peak(lambda way=way: way(shared, batch, TEMPERATURE).sum().backward())
    for name in ways:
        print(f"{name:<11} {peaks[name] / 2**20:7.0f} MiB {min(seconds[name]):7.2f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
