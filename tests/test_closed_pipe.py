"""A command that only prints, and whose reader has gone (``| head``), ends without a traceback."""

import subprocess
import sys

import pytest

from salmon.runtime.console import SIGPIPE_STATUS

COMMANDS = (
    ("salmon", "--help"),
    ("salmon", "plan", "model=tiny"),
    ("salmon", "store", "list", "."),
    ("eval.tables",),
    ("eval.curves", "--help"),
    ("sweeps.status", "--help"),
    ("sweeps.compare", "--help"),
)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_traceback(command: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode in (0, SIGPIPE_STATUS)  # argparse ignores the closed pipe, and ends with 0
