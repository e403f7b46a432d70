"""IFBench's constraints: what the package ``if-verifiable`` checks, and what it needs for that.

The package fetches data of NLTK when it is imported. Here nothing is fetched: constraints whose data are not on this
machine are left unchecked, by name, and ``python -m nltk.downloader NAME`` brings the data.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

from salmon.errors import SalmonError

PACKAGE = "if-verifiable"
_PUNKT, _TAGGER, _STOPWORDS = (
    "tokenizers/punkt_tab",
    "taggers/averaged_perceptron_tagger_eng",
    "corpora/stopwords",
)
NLTK_DATA = {  # constraint -> what its checker reads of NLTK's data
    "ratio:stop_words": (_STOPWORDS,),
    "words:start_verb": (_PUNKT, _TAGGER),
    "words:keywords_specific_position": (_PUNKT,),
    "words:words_position": (_PUNKT,),
    "format:title_case": (_PUNKT,),
}


class CheckerError(Exception):
    """A checker broke on a text."""


class _Given(int):
    """An argument that is there: some checkers take 0 for none, and would draw a number at random."""

    def __bool__(self) -> bool:
        return True


@dataclass(frozen=True)
class Constraint:
    """One constraint of a prompt.

    Attributes:
        id: the instruction id, such as "count:numbers".
        arguments: of the constraint, such as {"N": 3}; all that it has.
    """

    id: str
    arguments: tuple[tuple[str, str | int | float], ...] = ()

    def follows(self, text: str) -> bool:
        """Whether a text obeys.

        Raises:
            CheckerError: the checker breaks on the text.
        """
        checker = _checkers()[self.id](self.id)
        try:
            checker.build_description(
                **{name: _Given(value) if isinstance(value, int) else value for name, value in self.arguments}
            )
            return bool(checker.check_following(text))
        except Exception as error:  # whatever its code meets: an empty list, a csv that is none
            raise CheckerError(f"{self.id}: {type(error).__name__}: {error}") from error


def require_checkers() -> None:
    """
    Raises:
        SalmonError: the package that checks is not installed.
    """
    if find_spec("if_verifiable") is None:
        raise SalmonError(
            f"task=ifbench needs the package {PACKAGE}, which is not installed: pip install -e '.[ifbench]', or leave "
            "ifbench out of eval.tasks"
        )


def constraint_ids() -> tuple[str, ...]:
    """The ids of all constraints that the package knows.

    Raises:
        SalmonError: the package is not installed.
    """
    return tuple(_checkers())


@cache
def argument_names(constraint: str) -> tuple[str, ...]:
    """The arguments that a constraint needs, by the package's names."""
    return tuple(_checkers()[constraint](constraint).get_instruction_args_keys())


def lacking_data() -> dict[str, tuple[str, ...]]:
    """Every constraint that cannot be checked on this machine, with the data of NLTK that it lacks."""
    from nltk.data import find  # more than a second

    def lacks(resource: str) -> bool:
        try:
            find(resource)
        except LookupError:
            return True
        return False

    missing = {resource for resource in {name for names in NLTK_DATA.values() for name in names} if lacks(resource)}
    found = {key: tuple(name for name in names if name in missing) for key, names in NLTK_DATA.items()}
    return {key: names for key, names in found.items() if names}


def without_check(used: Sequence[str], lacking: Mapping[str, Sequence[str]]) -> str:
    """Which of the constraints ``used`` are not checked, how often each occurs, and what would help; "" for none."""
    counts = {key: used.count(key) for key in lacking if key in used}
    if not counts:
        return ""
    names = sorted({name.rpartition("/")[2] for key in counts for name in lacking[key]})
    listed = ", ".join(f"{key} ({count})" for key, count in counts.items())
    return f"NOT CHECKED {listed}: python -m nltk.downloader {' '.join(names)}"


def checkers_identity() -> dict[str, Any]:
    """What decides the verdicts: the package's version, and what it cannot check here.

    Raises:
        SalmonError: the package is not installed.
    """
    require_checkers()
    return {PACKAGE: version(PACKAGE), "unchecked": sorted(lacking_data())}


@cache
def _checkers() -> dict[str, Any]:
    """The package's checker of each constraint."""
    require_checkers()
    with _nothing_fetched():
        from if_verifiable.ifbench.instructions_registry import INSTRUCTION_DICT
    return dict(INSTRUCTION_DICT)


@contextmanager
def _nothing_fetched() -> Iterator[None]:
    """While the package is imported, which would wait for a network that may not answer."""
    import nltk

    original = nltk.download
    nltk.download = lambda *_, **__: False
    try:
        yield
    finally:
        nltk.download = original
