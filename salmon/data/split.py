"""One split of all prompts of a job: those that are trained on, and those that results are measured on.

The text alone decides the side of a prompt. So a prompt is on the same side in every source, stage, seed and job, under
any id and however often it is repeated, and no stage's prompts depend on another stage's settings. ``prompts.held_out``
is the expected share of the held-out side; a larger share keeps every prompt held out that a smaller one does.
"""

import hashlib
import logging
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from salmon.errors import SalmonError

log = logging.getLogger("salmon")

Row = TypeVar("Row")

KEY = b"salmon prompts"  # of the hash: other hashes of the same text (ids, seeds) are independent of it


@dataclass(frozen=True)
class Split(Generic[Row]):
    """Rows by the side of their prompt, each side in the given order."""

    training: list[Row]
    held_out: list[Row]

    @property
    def all(self) -> int:
        """Rows of both sides."""
        return len(self.training) + len(self.held_out)


def is_held_out(prompt: str, share: float) -> bool:
    """Whether no stage may train on a prompt.

    Args:
        prompt: its text. Letters and digits alone count, without case, in any Unicode form (full width, composed or
            not), so that other spacing, quotes or a missing full stop make no new prompt of it.
        share: expected share of all prompts that are held out, from 0 to 1.
    """
    return _position(prompt) < share


def split_by_prompt(rows: Iterable[Row], prompt_of: Callable[[Row], str], share: float) -> Split[Row]:
    """Rows by the side of their prompt.

    Args:
        prompt_of: the text of a row's prompt.
        share: as for ``is_held_out``.
    """
    split = Split[Row]([], [])
    for row in rows:
        (split.held_out if is_held_out(prompt_of(row), share) else split.training).append(row)
    return split


def training_rows(rows: Iterable[Row], prompt_of: Callable[[Row], str], share: float, source: str) -> list[Row]:
    """Given rows (demonstrations, pairs) without those whose prompts are held out.

    Args:
        prompt_of, share: as for ``split_by_prompt``.
        source: of the rows, for messages.

    Raises:
        SalmonError: none is left.
    """
    split = split_by_prompt(rows, prompt_of, share)
    if split.held_out:
        log.info("%s: %d of %d rows are left out: their prompts are held out", source, len(split.held_out), split.all)
    if not split.training:
        raise SalmonError(f"{source}: prompts.held_out={share} holds out the prompts of all {split.all} rows. Lower it")
    return split.training


def _position(prompt: str) -> float:
    """A number from 0 to 1 (1 excluded), uniform over texts."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", prompt).casefold())
    letters = "".join(character for character in folded if character.isalnum())
    digest = hashlib.blake2b(letters.encode("utf-8", "surrogatepass"), digest_size=8, key=KEY).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53
