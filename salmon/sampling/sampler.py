"""Who draws the tokens of responses: the interface of a sampler, and the default one.

A job makes one sampler and hands it to its stages as ``StageContext.sampler``. Importing this module is cheap.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache
from math import ceil
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from salmon.config.sampling import SamplingSettings
from salmon.errors import SalmonError

if TYPE_CHECKING:
    from salmon.models.base import SharedModel
    from salmon.sampling.token_loop import Generation

log = logging.getLogger("salmon")

MIN_STEPS = 16  # decoding steps from which on a copy pays: making a merged one costs about five


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


class CopyingSampler(ABC):
    """Samples from a copy of the base's weights that is made for each call, where one can be made."""

    setting: str

    def __init__(self) -> None:
        self._told = False  # why there is no copy

    @abstractmethod
    def why_not(self, shared: "SharedModel") -> str | None:
        """Why there can be no copy now; None: there can."""

    @abstractmethod
    def copied(self, shared: "SharedModel", adapter: str | None) -> AbstractContextManager[None]:
        """Within the context the base computes with the copy."""

    def refused(self, reason: str) -> None:
        """What to do without a copy: sampling goes on from the weights themselves, and the log says so once."""
        if not self._told:
            log.info("%s: not made, %s", self.setting, reason)
        self._told = True

    def __call__(
        self,
        shared: "SharedModel",
        adapter: str | None,
        prompts: Sequence[list[int]],
        keys: Sequence[tuple],
        sampling: SamplingSettings,
    ) -> "list[Generation]":
        """See ``Sampler``."""
        pays = ceil(len(prompts) / sampling.batch_size) * sampling.max_new_tokens >= MIN_STEPS
        if pays and (reason := self.why_not(shared)) is not None:
            self.refused(reason)
            pays = False
        with self.copied(shared, adapter) if pays else nullcontext():
            return transformers_sampler(shared, adapter, prompts, keys, sampling)


class MergingSampler(CopyingSampler):
    """``rollout.merged_copy``: of a base in fp32 on a CPU, with the adapter merged in."""

    setting = "rollout.merged_copy"

    def why_not(self, shared: "SharedModel") -> str | None:
        from salmon.models.merged_copy import why_no_copy  # torch

        return why_no_copy(shared)

    def copied(self, shared: "SharedModel", adapter: str | None) -> AbstractContextManager[None]:
        from salmon.models.merged_copy import merged_copy  # torch

        return merged_copy(shared, adapter)


class DequantizingSampler(CopyingSampler):
    """``rollout.dequantize``: of a base in NF4, unpacked.

    Args:
        planned: whether the plan has the copy; None: it is required, and an error if there is no room.
    """

    setting = "rollout.dequantize"

    def __init__(self, planned: Callable[[], bool] | None) -> None:
        super().__init__()
        self._required = planned is None
        self._planned = cache(planned) if planned is not None else lambda: True

    def why_not(self, shared: "SharedModel") -> str | None:
        from salmon.models.dequantized import why_not_dequantized  # torch

        return why_not_dequantized(shared) if self._planned() else "by salmon plan it does not fit"

    def copied(self, shared: "SharedModel", adapter: str | None) -> AbstractContextManager[None]:
        from salmon.models.dequantized import dequantized_copy  # torch

        return dequantized_copy(shared)

    def refused(self, reason: str) -> None:
        """
        Raises:
            SalmonError: the copy is required.
        """
        if self._required:
            raise no_room_dequantized(reason)
        super().refused(reason)


def no_room_dequantized(reason: str) -> SalmonError:
    """That ``rollout.dequantize=true`` cannot be done."""
    return SalmonError(f"rollout.dequantize=true: {reason}. Set rollout.dequantize=auto or false")
