"""Sampling responses to prompts from a policy (synthetic preferences, PPO, held-out evaluation)."""

from collections.abc import Sequence
from dataclasses import dataclass

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt
from salmon.distributed.world import world
from salmon.models.base import SharedModel
from salmon.sampling.sampler import Sampler


@dataclass(frozen=True)
class Response:
    """A sampled response to a prompt."""

    prompt_ids: list[int]  # [P] the chat-formatted prompt
    ids: list[int]  # [R] exactly the sampled tokens, the end token included
    logprobs: list[float]  # [R] of the sampler
    finished: bool
    text: str  # without special tokens, and without white space at both ends


def sample_responses(
    sampler: Sampler,
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[Prompt],
    sampling: SamplingSettings,
    keys: Sequence[tuple],
) -> list[Response]:
    """One response per prompt under ``adapter`` (None: the base); ``keys`` are the random keys (see ``Sampler``)."""
    if not prompts:
        return []
    prompt_ids = [shared.chat.user_ids(prompt.prompt) for prompt in prompts]
    generations = sampler(shared, adapter, prompt_ids, keys, sampling)
    return [
        Response(ids, g.ids, g.logprobs, g.finished, shared.chat.decode(g.ids).strip())
        for ids, g in zip(prompt_ids, generations, strict=True)
    ]


def sample_sharded(
    sampler: Sampler,
    shared: SharedModel,
    adapter: str | None,
    prompts: Sequence[Prompt],
    sampling: SamplingSettings,
    keys: Sequence[tuple],
) -> list[Response]:
    """The same, divided among the job's processes: each samples for some prompts, and all get all responses."""
    here = world()
    places = here.shard(range(len(prompts)))
    sampled = sample_responses(
        sampler, shared, adapter, [prompts[i] for i in places], sampling, [keys[i] for i in places]
    )
    everywhere = dict(item for part in here.all_gather(list(zip(places, sampled, strict=True))) for item in part)
    return [everywhere[i] for i in range(len(prompts))]
