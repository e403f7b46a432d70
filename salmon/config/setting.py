"""What a field of the schema says about itself besides its type: whether it is cosmetic, and which values it takes.

A limit stands beside its field: ``batch_size: int = setting(at_least=1)``. ``salmon/config/walk.py`` checks them all.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from omegaconf import MISSING

from salmon.config.texts import path_problem, shown, text_problem, variable_problem

TextCheck = Callable[[str], str | None]
LARGEST_INT = 2**63 - 1  # of what computes with it


@dataclass(frozen=True)
class Constraints:
    """The values that a setting takes. Null is always allowed where the type allows it.

    Attributes:
        at_least, above, at_most, below: limits of a number; in a mapping, of each of its numbers.
        choices: names that a list may hold, or keys that a mapping may have; () = any.
        url: whether a text must be the address of a server.
        words: texts that a setting takes besides a number, or, without limits, besides true and false; () = a text is
            no stand-in.
        text: what is wrong with a text (salmon/config/texts.py); of a list or a mapping, with each of its texts.
        null: what null stands for, named as a way out ("all").
        reason: why, said behind a number that is refused.
    """

    at_least: float | None = None
    above: float | None = None
    at_most: float | None = None
    below: float | None = None
    choices: tuple[str, ...] = ()
    url: bool = False
    words: tuple[str, ...] = ()
    text: TextCheck = text_problem
    null: str = ""
    reason: str = ""

    def problems(self, key: str, value: Any) -> Iterator[str]:
        """What is wrong with a value, in plain words that name the key and what to do."""
        if isinstance(value, list | dict) and self.choices:
            yield from unknown_names(key, list(value), self.choices)
        for place, part in _parts(key, value):
            yield from self._problems_of_part(place, part)

    def _problems_of_part(self, key: str, value: Any) -> Iterator[str]:
        if isinstance(value, float) and not math.isfinite(value):
            yield f"{key}={value} is not a finite number"
        elif type(value) in (int, float) and not self.hold(value):
            yield f"{key}={shown(value)} must {self.limits(value)}{self._way_out}"
        elif isinstance(value, list | dict):
            yield f"{key} must be one value, not a {type(value).__name__} inside of another"
        elif isinstance(value, str) and self.words and value not in self.words:
            others = self.limits(1) if self._has_limits else "be true or false"
            yield f"{key}={shown(value)} must {others}{self._way_out}"
        elif isinstance(value, str) and (problem := self.text(value)):
            named = key if self.text is variable_problem else f"{key}={shown(value)}"
            yield f"{named} {problem}{self._way_out}"
        elif isinstance(value, str) and self.url and not value.startswith(("http://", "https://")):
            yield (f"{key}={shown(value)} must start with http:// or https:// (and usually ends in /v1){self._way_out}")

    def hold(self, number: float) -> bool:
        """Whether a number is within the limits; a count without a lower limit (an int) is 0 at least."""
        at_least = self._lowest(number)
        return (
            (at_least is None or number >= at_least)
            and (self.above is None or number > self.above)
            and (self.at_most is None or number <= self.at_most)
            and (self.below is None or number < self.below)
            and (type(number) is not int or number <= LARGEST_INT)
        )

    def limits(self, number: float) -> str:
        """The limits of a number: "be at least 1"."""
        if type(number) is int and number > LARGEST_INT:
            return f"be at most {LARGEST_INT}"
        at_least = self._lowest(number)
        if at_least == 0 and self.at_most is None and self.below is None:
            return "not be negative"
        if at_least is not None and at_least == self.at_most:
            return f"be {at_least}"
        if at_least is not None and self.at_most is not None:
            return f"be between {at_least} and {self.at_most}"
        named = {"at least": at_least, "above": self.above, "at most": self.at_most, "below": self.below}
        return "be " + " and ".join(f"{words} {limit}" for words, limit in named.items() if limit is not None)

    @property
    def _has_limits(self) -> bool:
        return any(limit is not None for limit in (self.at_least, self.above, self.at_most, self.below))

    def _lowest(self, number: float) -> float | None:
        """A negative count would slice from the wrong end, so no setting of whole numbers needs to forbid it."""
        return 0 if self.at_least is None and self.above is None and type(number) is int else self.at_least

    @property
    def _way_out(self) -> str:
        ways = [*self.words, *([f"null for {self.null}"] if self.null else [])]
        return "".join(f", or {way}" for way in ways) + (f": {self.reason}" if self.reason else "")


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
    words: Sequence[str] = (),
    text: TextCheck = text_problem,
    null: str = "",
    reason: str = "",
) -> Any:
    """A field of the schema with limits (see ``Constraints``).

    Args:
        cosmetic: changes speed, memory or reporting but not what a stage computes (up to floating-point rounding).
        by_content: names a file, a folder or a bundled piece; what is there decides, not what it is called, so each
            stage that reads it puts the content into its fingerprint.
    """
    text = path_problem if by_content and text is text_problem else text
    constraints = Constraints(at_least, above, at_most, below, tuple(choices), url, tuple(words), text, null, reason)
    return field(default=MISSING, metadata={"cosmetic": cosmetic, "by_content": by_content, "constraints": constraints})


def _parts(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    """A value, or the values of a list, of a mapping, and of the lists in a mapping, each with its place."""
    if isinstance(value, dict):
        for name, item in value.items():
            lists = enumerate(item) if isinstance(item, list) else ()
            yield from ((f"{key}.{shown(name)}[{number}]", inner) for number, inner in lists)
            yield from () if isinstance(item, list) else ((f"{key}.{shown(name)}", item),)
    elif isinstance(value, list):
        yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))
    else:
        yield key, value


def file(*, cosmetic: bool = False) -> Any:
    """A field that may be the path of a file or a folder (there may be other values too, such as "bundled")."""
    return setting(cosmetic=cosmetic, text=path_problem)


def penalty() -> Any:
    """A field that is added to a score and must not raise it."""
    return setting(at_most=0, reason="it is added to the score")


def probability() -> Any:
    """A field from 0 to 1: a probability, a share, or a factor."""
    return setting(at_least=0, at_most=1)


def probabilities(names: Sequence[str]) -> Any:
    """A field of probabilities by name."""
    return setting(at_least=0, at_most=1, choices=names)


def unknown_names(key: str, given: Sequence[str], known: Sequence[str]) -> Iterator[str]:
    """Names in a list that are not known, or come up more than once."""
    given = [name for name in given if isinstance(name, str)]  # another kind of value is refused by the type's own rule
    for name in given:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f" (did you mean {close[0]}?)" if close else ""
            yield f"{key}: unknown {shown(repr(name))}{hint}; known are {', '.join(known)}"
    if len(set(given)) < len(given):
        yield f"{key}: named more than once: {', '.join(sorted({g for g in given if given.count(g) > 1}))}"
