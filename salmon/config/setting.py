"""What a field of the schema says about itself besides its type: whether it is cosmetic, and which values it takes.

A limit stands beside its field: ``batch_size: int = setting(at_least=1)``. ``salmon/config/walk.py`` checks them all.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from omegaconf import MISSING


@dataclass(frozen=True)
class Constraints:
    """The values that a setting takes. Null is always allowed where the type allows it.

    Attributes:
        at_least, above, at_most, below: limits of a number; in a mapping, of each of its numbers.
        choices: names that a list may hold, or keys that a mapping may have; () = any.
        url: whether a text must be the address of a server.
        null: what null stands for, named as a way out ("all").
        reason: why, said behind a number that is refused.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    url: bool = False
    null: str = ""
    reason: str = ""

    def problems(self, key: str, value: Any) -> Iterator[str]:
        """What is wrong with a value, in plain words that name the key and what to do."""
        if isinstance(value, list | dict) and self.choices:
            yield from unknown_names(key, list(value), self.choices)
        numbers = {f"{key}.{name}": item for name, item in value.items()} if isinstance(value, dict) else {key: value}
        for place, number in numbers.items():
            if isinstance(number, float) and not math.isfinite(number):
                yield f"{place}={number} is not a finite number"
            elif type(number) in (int, float) and not self.hold(number):
                yield f"{place}={number} must {self.words(number)}{self._way_out}"
        if self.url and value is not None and not value.startswith(("http://", "https://")):
            yield f"{key}={value} must start with http:// or https:// (and usually ends in /v1){self._way_out}"

    def hold(self, number: float) -> bool:
        """Whether a number is within the limits; a count without a lower limit (an int) is 0 at least."""
        at_least = self._lowest(number)
        return (
            (at_least is None or number >= at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
        )

    def words(self, number: float) -> str:
        """The limits of a number: "be at least 1"."""
        at_least = self._lowest(number)
        if at_least == 0 and self.at_most is None and self.below is None:
            return "not be negative"
        if at_least is not None and at_least == self.at_most:
            return f"be {at_least}"
        if at_least is not None and self.at_most is not None:
            return f"be between {at_least} and {self.at_most}"
        named = {"at least": at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return "be " + " and ".join(f"{words} {limit}" for words, limit in named.items() if limit is not None)

    def _lowest(self, number: float) -> float | None:
        """A negative count would slice from the wrong end, so no setting of whole numbers needs to forbid it."""
        return 0 if self.at_least is None and self.above is None and type(number) is int else self.at_least

    @property
    def _way_out(self) -> str:
        return (f", or null for {self.null}" if self.null else "") + (f": {self.reason}" if self.reason else "")


def setting(
    *,
    cosmetic: bool = False,
    by_content: bool = False,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    choices: Sequence[str] = (),
    url: bool = False,
    null: str = "",
    reason: str = "",
) -> Any:
    """A field of the schema with limits (see ``Constraints``).

    Args:
        cosmetic: changes speed, memory or reporting but not what a stage computes (up to floating-point rounding).
        by_content: names a file, a folder or a bundled piece; what is there decides, not what it is called, so each
            stage that reads it puts the content into its fingerprint.
    """
    constraints = Constraints(at_least, above, at_most, below, tuple(choices), url, null, reason)
    return field(default=MISSING, metadata={"cosmetic": cosmetic, "by_content": by_content, "constraints": constraints})


def probability() -> Any:
    """A field from 0 to 1: a probability, a share, or a factor."""
    return setting(at_least=0, at_most=1)


def probabilities(names: Sequence[str]) -> Any:
    """A field of probabilities by name."""
    return setting(at_least=0, at_most=1, choices=names)


def unknown_names(key: str, given: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """Names in a list that are not known, or come up more than once."""
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            yield f"{key}: unknown {name!r}{hint}; known are {', '.join(known)}"
    if len(set(given)) < len(given):
        yield f"{key}: named more than once: {', '.join(sorted({g for g in given if given.count(g) > 1}))}"
