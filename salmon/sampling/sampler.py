"""Who draws the tokens of responses: the interface of a sampler, and the default one.

A job makes one sampler and hands it to its stages as ``StageContext.sampler``. Importing this module is cheap.
"""

import logging
from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from salmon.config.sampling import SamplingSettings

if TYPE_CHECKING:
    from salmon.models.base import SharedModel
    from salmon.sampling.token_loop import Generation

log = logging.getLogger("salmon")

MIN_STEPS = 16  # decoding steps from which on a merged copy pays: making it costs about five


@runtime_checkable
class Sampler(Protocol):
    """Continues prompts under one adapter."""

    def __call__(
        self,
        shared: "SharedModel",
        adapter: str | None,
        prompts: Sequence[list[int]],
        keys: Sequence[tuple],
        sampling: SamplingSettings,
    ) -> "list[Generation]":
        """One continuation per prompt, in the order given.

        Equal keys and prompts give equal continuations, as far as the backend's arithmetic does not depend on which
        prompts are in one batch.

        Args:
            shared: the model.
            adapter: name of the adapter that samples; None: the base model.
            prompts: tokens of each prompt.
            keys: one random key per prompt.
            sampling: temperature, length limit and batch size.
        """
        ...


def transformers_sampler(
    shared: "SharedModel",
    adapter: str | None,
    prompts: Sequence[list[int]],
    keys: Sequence[tuple],
    sampling: SamplingSettings,
) -> "list[Generation]":
    """``rollout=hf``: the trained weights themselves sample. See ``Sampler``."""
    from salmon.sampling.token_loop import generate  # torch: seconds that a job without sampling need not wait

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


class MergingSampler:
    """``rollout.merged_copy``: from a copy of the weights with the adapter merged in, where one can be made."""

    def __init__(self) -> None:
        self._told = False  # why there is no copy

    def __call__(
        self,
        shared: "SharedModel",
        adapter: str | None,
        prompts: Sequence[list[int]],
        keys: Sequence[tuple],
        sampling: SamplingSettings,
    ) -> "list[Generation]":
        """See ``Sampler``."""
        if ceil(len(prompts) / sampling.batch_size) * sampling.max_new_tokens < MIN_STEPS:
            return transformers_sampler(shared, adapter, prompts, keys, sampling)
        from salmon.models.merged_copy import merged_copy, why_no_copy  # torch

        if (reason := why_no_copy(shared)) is not None:
            if not self._told:
                log.info("rollout.merged_copy: not made, %s", reason)
            self._told = True
            return transformers_sampler(shared, adapter, prompts, keys, sampling)
        with merged_copy(shared, adapter):
            return transformers_sampler(shared, adapter, prompts, keys, sampling)
