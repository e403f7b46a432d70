"""Checks of files that several stages read, before the first stage starts."""

from collections.abc import Callable

from salmon.config.schema import Config
from salmon.data.rows import Prompt
from salmon.data.sources import load_prompts
from salmon.data.split import Split, split_by_prompt
from salmon.sampling.prompts import Wanted, take_prompts


def check_prompts(cfg: Config, source: str, wanted: Callable[[Split[Prompt]], Wanted]) -> None:
    """Read a source of prompts whole, and see whether it has enough of them on both sides of the split.

    Lengths in tokens are not known yet: what is too short or too long is found when the stage runs.

    Args:
        wanted: what the stage asks of the prompts of both sides.

    Raises:
        SalmonError: it cannot be read, a row is bad, or a side has fewer prompts than are wanted.
    """
    distinct = {prompt.prompt.strip(): prompt for prompt in load_prompts(source, cfg.prompts.on_bad_line)}
    split = split_by_prompt(distinct.values(), lambda prompt: prompt.prompt, cfg.prompts.held_out)
    take_prompts(split, wanted(split), source, cfg.prompts.held_out)
