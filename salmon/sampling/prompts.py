"""From a prompt source to the prompts that a stage works on."""

import logging
from typing import TYPE_CHECKING

from salmon.config.data import PromptsConfig
from salmon.data.filters import clean_prompts
from salmon.data.rows import Prompt
from salmon.data.sources import load_prompts
from salmon.errors import SalmonError
from salmon.runtime.seeding import stream

if TYPE_CHECKING:
    from salmon.models.chat import ChatFormat  # its package imports torch

log = logging.getLogger("salmon")


def select_prompts(
    source: str, prompts: PromptsConfig, limit: int | None, chat: "ChatFormat", seed: int, stage: str
) -> list[Prompt]:
    """Load, clean and shuffle a stage's prompts, and keep the first ``limit``.

    Raises:
        SalmonError: none is left, or fewer than ``limit``.
    """
    loaded = load_prompts(source, prompts.on_bad_line)
    kept, dropped = clean_prompts(loaded, lambda text: len(chat.encode(text)), prompts.min_tokens, prompts.max_tokens)
    log.info(
        "%s: %d prompts of %d usable ones in %s (dropped: %d too short, %d too long, %d duplicates)",
        stage,
        len(kept) if limit is None else limit,
        len(kept),
        source,
        dropped.too_short,
        dropped.too_long,
        dropped.duplicates,
    )
    if not kept or (limit is not None and len(kept) < limit):
        raise SalmonError(
            f"{stage}: {source} has {len(kept)} usable prompts of {len(loaded)}, but "
            f"{stage}.num_prompts={limit} asks for more. Lower it, or widen prompts.min_tokens / "
            "prompts.max_tokens"
        )
    order = stream(seed, stage, "prompts").permutation(len(kept))
    return [kept[i] for i in order[:limit]]
