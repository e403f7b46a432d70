"""What the terminal shows: our lines with a clock, and nothing of other libraries below a warning."""

import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

SIGPIPE_STATUS = 141  # what a shell gives a program that wrote to a pipe that nobody reads


def escape_unprintable() -> None:
    """What a terminal or pipe cannot show (an ASCII or Latin-1 locale) is written as ``\\uXXXX`` and stops nothing.

    Every command does this first.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def unread_is_no_error() -> Iterator[None]:
    """What only prints ends quietly where its reader has gone (``salmon plan | head -3``).

    Not for what trains: there a broken pipe may be one between processes.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        sys.exit(SIGPIPE_STATUS)


def configure_console() -> None:
    """Send the ``salmon`` logger to standard output; call once a process (again is harmless)."""
    escape_unprintable()
    log = logging.getLogger("salmon")
    log.setLevel(logging.INFO)
    log.propagate = False
    if not log.handlers:
        handler = logging.StreamHandler(sys.stdout)
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
        log.addHandler(handler)
    libraries = (
        "httpx",
        "deepspeed",
        "DeepSpeed",
        "accelerate",
        "absl",
        "lm_eval",
        "datasets",
        "urllib3",
        "bitsandbytes",
    )
    for name in libraries:
        logging.getLogger(name).setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", category=FutureWarning)  # between libraries; nothing the user can act on
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=UserWarning, module="peft")  # says which adapter is active
