"""Inputs of given lengths that no text has: what is measured depends on lengths, not on words."""

from collections.abc import Sequence
from typing import Any

import torch

from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.models.forward import TokenBatch, token_batch


class RandomTokens:
    """Sequences of given lengths; no two begin alike."""

    def __init__(self, shared: SharedModel) -> None:
        self._generator = torch.Generator().manual_seed(0)
        self._vocab, self._device = shared.model.config.vocab_size, shared.device

    def __call__(self, length: int) -> list[int]:
        """One sequence."""
        return torch.randint(4, self._vocab, (length,), generator=self._generator).tolist()

    def rows(self, count: int, length: int) -> list[list[int]]:
        """The first row is shorter by one, so that the batch is padded, as batches of texts are."""
        return [self(length - (row == 0)) for row in range(count)]

    def answered(self, count: int, prompt: int, response: int) -> TokenBatch:
        """Prompts and their responses."""
        return token_batch(self.rows(count, prompt), [self(response) for _ in range(count)], 0, self._device)


class Endless:
    """A chat format whose end never comes: every response has its greatest length."""

    end_ids = frozenset({-1})

    def __init__(self, chat: ChatFormat) -> None:
        self._chat = chat

    def ends(self, ids: Sequence[int]) -> bool:
        return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chat, name)
