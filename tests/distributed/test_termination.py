"""SIGTERM as an exception of this process."""

import os
import signal
from collections.abc import Iterator

import pytest

from salmon.cli import leave_interrupted
from salmon.distributed.termination import (
    Terminated,
    end_on_sigterm,
    exit_status,
    signal_of,
)


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGTERM, before)


def test_sigterm_is_raised_once() -> None:
    end_on_sigterm()
    with pytest.raises(KeyboardInterrupt) as stopped:
        os.kill(os.getpid(), signal.SIGTERM)
    assert isinstance(stopped.value, Terminated) and str(stopped.value) == "stopped by SIGTERM"
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL, "a second one ends the process"


def test_a_handler_that_is_there_stays() -> None:
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    end_on_sigterm()
    os.kill(os.getpid(), signal.SIGTERM)
    assert heard == [signal.SIGTERM]


@pytest.mark.parametrize(
    ("interruption", "by", "status"), [(KeyboardInterrupt(), "SIGINT", 130), (Terminated(), "SIGTERM", 143)]
)
def test_how_a_process_ends(
    interruption: KeyboardInterrupt, by: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert signal_of(interruption).name == by and exit_status(interruption) == status
    with pytest.raises(SystemExit) as ended:
        leave_interrupted(interruption, "salmon", "Go on.")
    assert ended.value.code == status and capsys.readouterr().err == f"\nsalmon: interrupted by {by}. Go on.\n"
