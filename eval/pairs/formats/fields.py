"""Fields that rows of several formats have."""

from typing import Any

from eval.pairs.files import CATEGORY
from eval.user_files import texts
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record


def category_of(where: str, record: Record, category: str, names: tuple[str, ...] = CATEGORY) -> str:
    """The row's own category, else that of its file.

    Raises:
        SalmonError: it is no text.
    """
    named = next((record[name] for name in names if record.get(name) is not None), category)
    if not isinstance(named, str):
        raise SalmonError(f"{where}: the category must be text, not {named!r}. Correct the line")
    return named


def optional_text(where: str, record: Record, name: str) -> str | None:
    """A text that may be absent, but not blank.

    Raises:
        SalmonError: it is blank or no text.
    """
    return None if record.get(name) is None else texts(where, record, (name,))[0]


def text_list(where: str, name: str, value: Any) -> tuple[str, ...]:
    """A list of at least one text, blank ones among them.

    Raises:
        SalmonError: it is not one.
    """
    if not isinstance(value, list) or not value or not all(isinstance(text, str) for text in value):
        raise SalmonError(f"{where}: {name} must be a list of texts. Correct the line")
    return tuple(value)


def only_known(where: str, record: Record, known: frozenset[str]) -> None:
    """
    Raises:
        SalmonError: the record has another field, which would be ignored.
    """
    if unknown := sorted(record.keys() - known):
        raise SalmonError(f"{where}: unknown {', '.join(unknown)}; a row has {', '.join(sorted(known))}")
