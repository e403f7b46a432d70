"""The one exception for everything a user can cause and repair, and several of them in one message."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager


class SalmonError(Exception):
    """Bad input, a missing file, a full disk, a diverged run: anything that is not a bug of ours.

    The message names the file, line, key or step and says what to do. The command line prints
    it without a traceback; every other exception is a bug and keeps its traceback.
    """


class Findings:
    """What is wrong, each thing once, collected to be told in one message."""

    def __init__(self) -> None:
        self._found: dict[str, SalmonError] = {}

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Note what the body refuses, and go on after it."""
        try:
            yield
        except SalmonError as error:
            self._found.setdefault(str(error), error)

    def refuse(self, heading: str = "") -> None:
        """End here if anything is wrong.

        Raises:
            SalmonError: the heading, and everything that was found; without a heading how much it is.
        """
        if len(self._found) == 1:
            ((text, error),) = self._found.items()
            raise SalmonError(f"{heading}: {text}") if heading else error
        if self._found:
            raise SalmonError("\n  - ".join([f"{heading or f'{len(self._found)} problems'}:", *self._found]))


def check_all(checks: Iterable[Callable[[], object]], heading: str = "") -> None:
    """Run every check, also after one that fails.

    Raises:
        SalmonError: what is wrong, each thing once, below the heading.
    """
    findings = Findings()
    for check in checks:
        with findings.collected():
            check()
    findings.refuse(heading)


class Unfinished(SalmonError):
    """A stage could not do all of its work for a reason that may pass, such as a server that does not answer.

    What it did is kept in its work folder; the same command tries only the rest again.
    """
