"""Programs behind the fence: real ones, that try to leave it."""

import os
import socket
import threading
import time
from pathlib import Path

import pytest

from eval.humaneval import fence, sandbox
from eval.humaneval.sandbox import FAILED, PASSED, TIMED_OUT, Outcome, ProgramLimits, run_program
from eval.results import Unavailable

pytestmark = pytest.mark.slow

LIMITS = ProgramLimits(seconds=5, memory_mib=256)


@pytest.fixture(scope="module", autouse=True)
def fenced() -> None:
    try:
        run_program("", LIMITS)
    except Unavailable as reason:
        pytest.skip(str(reason))


def test_a_program_that_comes_to_its_end_has_passed() -> None:
    assert run_program("print('hello')\nassert 1 + 1 == 2", LIMITS) == Outcome(PASSED)


@pytest.mark.parametrize(
    ("program", "detail"),
    [
        ("assert 1 + 1 == 3", "AssertionError"),
        ("def f(:", "SyntaxError: invalid syntax"),
        ("import sys; sys.exit(0)", "ended early with status 0"),
        ("import os; os._exit(0)", "ended early with status 0"),
        ("print('0' * 32); import os; os._exit(0)", "ended early with status 0"),
        ("[0] * 10**9", "MemoryError"),
        ("while True: print('x' * 1000)", "OSError: [Errno 27] File too large"),
        ("x = '\\ud800'; raise ValueError('h\\u00e9')", "ValueError: h\u00e9"),
    ],
)
def test_other_ends_are_failures(program: str, detail: str) -> None:
    assert run_program(program, LIMITS) == Outcome(FAILED, detail)


@pytest.mark.parametrize(
    "program",
    [
        "while True: pass",
        "import time; time.sleep(60)",
        "import os; os.setsid()\nwhile True: pass",
        "import os, time\nif os.fork(): time.sleep(60)\nos.setsid(); time.sleep(60)",
    ],
)
def test_a_program_that_does_not_end_is_ended_with_its_children(program: str) -> None:
    before = set(running())
    assert run_program(program, ProgramLimits(seconds=1, memory_mib=256)).verdict == TIMED_OUT
    deadline = time.monotonic() + 10
    while set(running()) - before:  # the kernel ends them, a moment later
        assert time.monotonic() < deadline
        time.sleep(0.01)


def running() -> list[str]:
    """Processes that run a program of the sandbox."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if b"salmon-program-" in (folder / "cmdline").read_bytes():
                found.append(folder.name)
        except OSError:
            pass  # it ended meanwhile
    return found


def test_nothing_can_be_written_removed_or_changed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    kept.chmod(0o600)
    for attempt in (
        f"open({str(kept)!r}, 'w')",
        f"os.remove({str(kept)!r})",
        f"os.chmod({str(kept)!r}, 0o777)",
        f"os.utime({str(kept)!r})",
        f"os.rename({str(kept)!r}, {str(tmp_path / 'moved')!r})",
        f"os.mkdir({str(tmp_path / 'new')!r})",
        "open('here', 'w')",
        "open('/dev/shm/there', 'w')",
    ):
        outcome = run_program(f"import os\n{attempt}", LIMITS)
        assert (outcome.verdict, "Read-only file system" in outcome.detail) == (FAILED, True), attempt
    assert (kept.read_text(), kept.stat().st_mode & 0o777) == ("as it was", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept"]


def test_writing_cannot_be_allowed_again(tmp_path: Path) -> None:
    undo = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
NEW_USER_AND_MOUNTS = 0x10020000
libc.unshare(NEW_USER_AND_MOUNTS)
clear = (ctypes.c_uint64 * 4)(0, 1, 0, 0)
libc.syscall(442, -100, b"/", 0x8000, clear, ctypes.c_size_t(32))
open({str(tmp_path / "out")!r}, "w")
"""
    outcome = run_program(undo, LIMITS)
    assert outcome.verdict == FAILED and "Read-only file system" in outcome.detail


def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.1)
        port = server.getsockname()[1]
        connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)"
        outcome = run_program(connect, LIMITS)
        assert (outcome.verdict, "unreachable" in outcome.detail) == (FAILED, True)
        with pytest.raises(TimeoutError):
            server.accept()
        threading.Thread(target=lambda: exec_connect(port)).start()
        assert server.accept(), "outside the fence the same connection works"


def exec_connect(port: int) -> None:
    socket.create_connection(("127.0.0.1", port), 2).close()


def test_other_processes_and_the_environment_are_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    assert run_program("import os\nassert os.getpid() == 1\nassert 'OPENAI_API_KEY' not in os.environ", LIMITS) == (
        Outcome(PASSED)
    )
    assert run_program(f"import os\nos.kill({os.getpid()}, 9)", LIMITS).detail.startswith("ProcessLookupError")


def test_without_a_fence_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "fence.py"
    source = Path(fence.__file__).read_text()
    broken.write_text(source.replace("_MOUNT_SETATTR = 442", "_MOUNT_SETATTR = 100000"))
    monkeypatch.setattr(sandbox.fence, "__file__", str(broken))
    with pytest.raises(Unavailable, match=r"no generated code was run: cannot fence the program in \(.*mount_setattr"):
        run_program(f"open({str(tmp_path / 'ran')!r}, 'w')", LIMITS)
    assert not (tmp_path / "ran").exists()
