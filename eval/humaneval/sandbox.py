"""Runs programs that a model wrote, each in a process of its own behind the fence of ``eval/humaneval/fence.py``."""

import os
import secrets
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from eval.humaneval import fence
from eval.results import Unavailable

PASSED, FAILED, TIMED_OUT = "passed", "failed", "timed out"


@dataclass(frozen=True)
class ProgramLimits:
    seconds: float  # of wall time; CPU time is limited to the next whole second
    memory_mib: int  # address space of each process, the interpreter's own (some 30 MiB) included


@dataclass(frozen=True)
class Outcome:
    verdict: str  # one of the three above
    detail: str = ""  # last line of what a failed program wrote to standard error


def run_program(source: str, limits: ProgramLimits) -> Outcome:
    """Run a Python program; it passed if it came to its end without an error.

    That the end was reached is known from a word that is drawn for this run and printed by the last line: a program
    that leaves early, with whatever exit status, has failed.

    Raises:
        Unavailable: this system cannot fence a program in; none was run.
    """
    word = secrets.token_hex(16)
    with TemporaryDirectory(prefix="salmon-program-") as folder:
        program, out, err = (Path(folder) / name for name in ("program.py", "out", "err"))
        program.write_text(f"{source}\nprint({word!r})\n", encoding="utf-8", errors="replace")
        command = [
            sys.executable,
            "-I",
            fence.__file__,
            str(program),
            str(limits.memory_mib << 20),
            str(int(limits.seconds) + 1),
        ]
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                cwd=folder,
                env={"PATH": os.defpath},
                start_new_session=True,
            )  # no keys in there
        try:
            status = process.wait(limits.seconds)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # the program goes with the fence, its parent
            process.wait()
            return Outcome(TIMED_OUT)
        complaint = err.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        said = out.read_text(encoding="utf-8", errors="replace").split()
    if status == fence.UNFENCED:
        raise Unavailable(
            f"no generated code was run: {' '.join(complaint)}. It takes Linux 5.12 with user "
            "namespaces; in a container, allow unshare, or do this elsewhere"
        )
    if status == 0 and said[-1:] == [word]:
        return Outcome(PASSED)
    return Outcome(FAILED, complaint[-1][:200] if complaint else f"ended early with status {status}")
