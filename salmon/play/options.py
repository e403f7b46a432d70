"""The command line of ``salmon play``: [CHECKPOINT ...] [--answers N] [--tokens N] [--port N] [--share] [--open]."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from salmon.errors import SalmonError

HOST = "127.0.0.1"
PORT = 7860


@dataclass
class PlayOptions:
    """What the command line says."""

    checkpoints: list[str] = field(default_factory=list)
    answers: int = 8  # of each policy at first
    tokens: int = 64  # longest answer
    port: int = PORT
    share: bool = False
    open: bool = False


def parse_play(arguments: Sequence[str]) -> PlayOptions:
    """
    Raises:
        SalmonError: an unknown option, or a value that is no whole number in its range.
    """
    options, words = PlayOptions(), list(arguments)
    limits = {"answers": (1, 16), "tokens": (1, 4096), "port": (1, 65535)}
    while words:
        word = words.pop(0)
        name, given, value = word.removeprefix("--").partition("=")
        if not word.startswith("-"):
            options.checkpoints.append(word)
        elif word in ("--share", "--open"):
            setattr(options, name, True)
        elif word.startswith("--") and name in limits:
            value = value if given else (words.pop(0) if words else "")
            low, high = limits[name]
            if not (value.isascii() and value.isdigit()) or not low <= int(value) <= high:
                raise SalmonError(f"salmon play --{name} takes a whole number from {low} to {high}, not {value!r}")
            setattr(options, name, int(value))
        else:
            raise SalmonError(f"salmon play has no option {word}: salmon play --help lists them")
    return options
