"""Dataclasses from the values of JSON and YAML files: pydantic checks them, a user reads what is wrong."""

import difflib
from collections.abc import Collection, Iterator
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Annotated, Any, TypeVar, get_args, get_type_hints

from pydantic import AllowInfNan, ConfigDict, Strict, StringConstraints, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError

from salmon.config.texts import shown

T = TypeVar("T")

Text = Annotated[str, StringConstraints(strict=True, pattern=r"\S")]  # not blank
Number = Annotated[float, Strict(), AllowInfNan(False)]  # finite; a bool is no number
Flag = Annotated[bool, Strict()]


def whole_number(value: Any) -> Any:
    """For a ``Literal`` of numbers, which also takes what is equal to them: ``True`` and ``1.0``."""
    if type(value) is not int:
        raise PydanticCustomError("int_type", "not a whole number")
    return value


class Checked:
    """Base of dataclasses that are read from files: a key that no field has is refused."""

    __pydantic_config__ = ConfigDict(extra="forbid")


class Problems(ValueError):
    """All that is wrong with a value."""

    def __init__(self, texts: list[str]):
        super().__init__(", ".join(texts))
        self.texts = texts


def read_as(kind: type[T], value: Any, first: int = 0) -> T:
    """A value as a dataclass, with the dataclasses inside of it.

    Args:
        first: number of the first item of a list, in messages.

    Raises:
        Problems: keys are missing or unknown, or values are not of their types.
    """
    try:
        return _adapter(kind).validate_python(value)  # type: ignore[arg-type]  # classes are hashable
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise Problems([_problem(each, kind, first) for each in found]) from error


def suggestion(word: str, known: Collection[str]) -> str:
    """`` (did you mean "x"?)`` where a known word is close, else an empty string."""
    by_fold = {name.casefold(): name for name in known if name != word}
    close = difflib.get_close_matches(word.casefold(), by_fold, n=1)
    return f' (did you mean "{by_fold[close[0]]}"?)' if close else ""


@cache
def _adapter(kind: type[T]) -> TypeAdapter[T]:
    return TypeAdapter(kind)


def _problem(error: Any, kind: type, first: int) -> str:
    """One of pydantic's errors as ``[PLACE: ]"KEY" ...``."""
    *outer, name = map(shown, _names(error["loc"], first) or ["it"])
    place = f"{'.'.join(outer)}: " if outer else ""
    value, details = error["input"], error.get("ctx", {})
    match error["type"]:
        case "unexpected_keyword_argument":
            return f'{place}unknown key "{name}"{suggestion(name, set(_keys(kind)))}'
        case "value_error":  # raised by a check of ours
            return f"{place}{details['error']}"
        case _ if error["type"].startswith("missing") or value is None:
            return f'{place}"{name}" is missing'
        case "string_pattern_mismatch":
            return f'{place}"{name}" is blank'
        case "string_unicode":
            return f'{place}"{name}" has half of a character (a lone surrogate)'
        case "literal_error":
            choices = details["expected"].replace("'", "").replace(" or ", ", ")
            return f'{place}"{name}" must be one of {choices}, not {shown(repr(value))}'
        case "greater_than":
            return f'{place}"{name}" must be a number above {details["gt"]:g}, not {shown(repr(value))}'
        case "less_than_equal":
            return f'{place}"{name}" must be a number of {details["le"]:g} at most, not {shown(repr(value))}'
        case "string_type":
            return f'{place}"{name}" must be text, not {shown(repr(value))} (put it in quotes)'
    expected = {
        "int_type": "a whole number",
        "bool_type": "true or false",
        "float_type": "a finite number",
        "finite_number": "a finite number",
        "tuple_type": "a list",
        "dataclass_type": "an object with keys",
    }.get(error["type"], "something else")
    return f'{place}"{name}" must be {expected}, not {shown(repr(value))}'


def _names(loc: tuple[str | int, ...], first: int) -> list[str]:
    """``("a", 1, "b")`` as ``["a[1]", "b"]``."""
    names: list[str] = []
    for part in loc:
        if isinstance(part, int) and names:
            names[-1] += f"[{part + first}]"
        else:
            names.append(str(part))
    return names


def _keys(kind: Any) -> Iterator[str]:
    """The keys of a dataclass and of those inside of it."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        for field in fields(kind):
            yield field.name
            yield from _keys(hints[field.name])
    for inner in get_args(kind):
        yield from _keys(inner)
