"""Checks of files that several stages read, before the first stage starts."""

from salmon.config.schema import Config
from salmon.data.sources import load_prompts
from salmon.errors import SalmonError


def check_prompts(cfg: Config, stage: str, source: str, wanted: int | None) -> None:
    """Read a source of prompts whole.

    Args:
        stage: whose ``num_prompts`` is named in the message.
        wanted: prompts that the stage takes; None: all.

    Raises:
        SalmonError: it cannot be read, a row is bad, or there are fewer rows than prompts wanted.
    """
    rows = len(load_prompts(source, cfg.prompts.on_bad_line))
    if wanted is not None and rows < wanted:
        raise SalmonError(
            f"{stage}.num_prompts={wanted} asks for more prompts than the {rows} rows of prompts.{stage}={source}: "
            "lower it, or give more prompts"
        )
