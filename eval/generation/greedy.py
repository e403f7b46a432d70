"""Greedy answers of the active adapter, and where a text ends."""

from collections.abc import Sequence

from salmon.models.base import SharedModel
from salmon.models.packing.layout import common_prefix_length
from salmon.sampling.token_loop import Generation, generate_after


def greedy_answers(
    shared: SharedModel, prompts: Sequence[Sequence[int]], max_new_tokens: int, stops: Sequence[str]
) -> list[Generation]:
    """The likeliest continuation of each prompt, all in one batch; what they all begin with is computed once.

    Args:
        stops: texts that end a continuation; they stay in its tokens.
    """
    length = common_prefix_length(prompts)
    return generate_after(
        shared,
        prompts[0][:length],
        [ids[length:] for ids in prompts],
        [(place,) for place in range(len(prompts))],  # greedy: no key matters
        temperature=0.0,
        top_p=1.0,
        max_new_tokens=max_new_tokens,
        stop_strings=stops,
    )


def before_stop(text: str, stops: Sequence[str]) -> str:
    """The text up to the first stop text in it."""
    return text[: min((place for stop in stops if (place := text.find(stop)) >= 0), default=len(text))]
