"""From a prompt source to the prompts that a stage trains on, and those that its results are measured on."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from salmon.config.data import PromptsConfig
from salmon.data.filters import clean_prompts
from salmon.data.rows import Prompt
from salmon.data.sources import load_prompts
from salmon.data.split import Split, split_by_prompt
from salmon.errors import SalmonError
from salmon.runtime.seeding import stream

if TYPE_CHECKING:
    from salmon.models.chat import ChatFormat  # its package imports torch

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Wanted:
    """How many prompts a stage asks for.

    Attributes:
        stage: its settings ``num_prompts`` and ``held_out_setting`` are named in messages.
        total: of both sides; None: all training prompts.
        held_out: of the held-out side.
        held_out_setting: that asks for held-out prompts.
    """

    stage: str
    total: int | None
    held_out: int = 0
    held_out_setting: str = ""


def usable_prompts(source: str, prompts: PromptsConfig, chat: "ChatFormat", seed: int, stage: str) -> Split[Prompt]:
    """Load, clean, shuffle and split a stage's prompts.

    Raises:
        SalmonError: the source cannot be read, or none of its prompts is usable.
    """
    loaded = load_prompts(source, prompts.on_bad_line)
    kept, dropped = clean_prompts(loaded, lambda text: len(chat.encode(text)), prompts.min_tokens, prompts.max_tokens)
    if not kept:
        raise SalmonError(
            f"{stage}: {source} has 0 usable prompts of {len(loaded)}. Widen prompts.min_tokens / prompts.max_tokens"
        )
    order = stream(seed, stage, "prompts").permutation(len(kept))
    split = split_by_prompt([kept[i] for i in order], lambda prompt: prompt.prompt, prompts.held_out)
    log.info(
        "%s: %s has %d usable prompts, %d to train on and %d held out (dropped: %d too short, %d too long, "
        "%d duplicates)",
        stage,
        source,
        split.all,
        len(split.training),
        len(split.held_out),
        dropped.too_short,
        dropped.too_long,
        dropped.duplicates,
    )
    return split


def take_prompts(usable: Split[Prompt], wanted: Wanted, source: str, share: float) -> Split[Prompt]:
    """The first prompts of each side, as many as a stage asks for.

    Args:
        usable: of ``usable_prompts``.
        source: its source, for messages.
        share: ``prompts.held_out``, which made the sides.

    Raises:
        SalmonError: a side has fewer.
    """
    stage, total = wanted.stage, f"{wanted.stage}.num_prompts={wanted.total}"
    found = (
        f"{source} has {usable.all} usable prompts, of which prompts.held_out={share} holds {len(usable.held_out)} out"
    )
    if len(usable.held_out) < wanted.held_out:
        raise SalmonError(
            f"{stage}: {wanted.held_out_setting} asks for {wanted.held_out} held-out prompts, but {found}. Lower it, "
            "raise prompts.held_out, or give more prompts"
        )
    training = None if wanted.total is None else wanted.total - wanted.held_out
    if not usable.training or len(usable.training) < (training or 0):
        less = f" less {wanted.held_out} held-out ones" if wanted.held_out else ""
        raise SalmonError(
            f"{stage}: {total}{less} asks for more than the {len(usable.training)} that may be trained on: {found}. "
            "Lower it or prompts.held_out, widen prompts.min_tokens / prompts.max_tokens, or give more prompts"
        )
    return Split(usable.training[:training], usable.held_out[: wanted.held_out])


def select_prompts(source: str, prompts: PromptsConfig, wanted: Wanted, chat: "ChatFormat", seed: int) -> Split[Prompt]:
    """``usable_prompts``, and of these ``take_prompts``."""
    usable = usable_prompts(source, prompts, chat, seed, wanted.stage)
    return take_prompts(usable, wanted, source, prompts.held_out)
