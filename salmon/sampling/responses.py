"""Sampling responses to prompts from a policy (synthetic preferences, PPO, held-out evaluation)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt
from salmon.distributed.world import world
from salmon.models.base import SharedModel
from salmon.sampling.token_loop import Generation, generate

# (model, adapter's name or None for the base, prompts' tokens, one random key a prompt, settings) -> one a prompt.
# Equal keys and prompts give equal continuations, as far as the backend's arithmetic does not depend on the batch.
Sampler = Callable[[SharedModel, str | None, Sequence[list[int]], Sequence[tuple], SamplingSettings], list[Generation]]


def transformers_sampler(
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[list[int]],
    keys: Sequence[tuple],
    sampling: SamplingSettings,
) -> list[Generation]:
    """``rollout=hf``: the trained weights themselves sample."""
    with shared.using(adapter):
        return generate(
            shared,
            prompts,
            keys,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens,
            batch_size=sampling.batch_size,
        )


_sampler: Sampler = transformers_sampler


@contextmanager
def sampling_with(sampler: Sampler) -> Iterator[None]:
    """All responses are sampled by ``sampler`` inside the block."""
    global _sampler
    before, _sampler = _sampler, sampler
    try:
        yield
    finally:
        _sampler = before


@dataclass(frozen=True)
class Response:
    prompt_ids: list[int]  # [P] the chat-formatted prompt
    ids: list[int]  # [R] exactly the sampled tokens, the end token included
    logprobs: list[float]  # [R] of the sampler
    finished: bool
    text: str  # without special tokens and outer blanks


def sample_responses(
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[Prompt],
    sampling: SamplingSettings,
    keys: Sequence[tuple],
) -> list[Response]:
    """One response a prompt under ``adapter`` (None: the base); ``keys`` are the random streams (see ``Sampler``)."""
    if not prompts:
        return []
    prompt_ids = [shared.chat.user_ids(prompt.prompt) for prompt in prompts]
    generations = _sampler(shared, adapter, prompt_ids, keys, sampling)
    return [
        Response(ids, g.ids, g.logprobs, g.finished, shared.chat.decode(g.ids).strip())
        for ids, g in zip(prompt_ids, generations, strict=True)
    ]


def sample_sharded(
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[Prompt],
    sampling: SamplingSettings,
    keys: Sequence[tuple],
) -> list[Response]:
    """The same, shared out over the job's processes: each samples for some prompts, and all get all responses."""
    here = world()
    places = here.shard(range(len(prompts)))
    sampled = sample_responses(shared, adapter, [prompts[i] for i in places], sampling, [keys[i] for i in places])
    everywhere = dict(item for part in here.all_gather(list(zip(places, sampled, strict=True))) for item in part)
    return [everywhere[i] for i in range(len(prompts))]
