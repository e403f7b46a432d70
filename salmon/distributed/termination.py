"""SIGTERM ends a process in the same way as Ctrl-C: what runs is told, tidies up, and says how to go on."""

import signal
from types import FrameType
from typing import NoReturn


class Terminated(KeyboardInterrupt):
    """SIGTERM came; all that knows how to end for Ctrl-C ends for it too."""

    def __init__(self) -> None:
        super().__init__("stopped by SIGTERM")


def end_on_sigterm() -> None:
    """From now on SIGTERM raises ``Terminated`` in the main thread, once: a second one ends the process at once.

    Whoever has a handler of its own (Slurm's jobs, the processes of torchrun) keeps it.
    """

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise Terminated

    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, stop)


def signal_of(interruption: KeyboardInterrupt) -> signal.Signals:
    """Which signal it was."""
    return signal.SIGTERM if isinstance(interruption, Terminated) else signal.SIGINT


def exit_status(interruption: KeyboardInterrupt) -> int:
    """As shells count: 130 after Ctrl-C, 143 after SIGTERM."""
    return 128 + signal_of(interruption)
