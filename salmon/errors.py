"""The one exception for everything a user can cause and repair, and several of them in one message."""

from collections.abc import Iterator
from contextlib import contextmanager


class SalmonError(Exception):
    """Bad input, a missing file, a full disk, a diverged run: anything that is not a bug of ours.

    The message names the file, line, key or step and says what to do. The command line prints
    it without a traceback; every other exception is a bug and keeps its traceback.
    """


class Findings:
    """What is wrong, collected to be told in one message."""

    def __init__(self) -> None:
        self.found: list[str] = []

    @contextmanager
    def collected(self) -> Iterator[None]:
        """Note what the body refuses, and go on after it."""
        try:
            yield
        except SalmonError as error:
            self.found.append(str(error))

    def refuse(self, heading: str) -> None:
        """End here if anything is wrong.

        Raises:
            SalmonError: the heading, and everything that was found.
        """
        if len(self.found) == 1:
            raise SalmonError(f"{heading}: {self.found[0]}")
        if self.found:
            raise SalmonError("\n  - ".join([f"{heading}:", *self.found]))


class Unfinished(SalmonError):
    """A stage could not do all of its work for a reason that may pass, such as a server that does not answer.

    What it did is kept in its work folder; the same command tries only the rest again.
    """
