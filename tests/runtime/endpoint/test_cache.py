"""Replies survive kills, threads and other processes."""

import json
import logging
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.messages import Reply

# Writes replies 0, 1, 2 ... under keys of its own and says after each that it is kept.
WRITER = """
import sys
from pathlib import Path
from salmon.runtime.endpoint.cache import ReplyCache
from salmon.runtime.endpoint.messages import Reply
cache, name, count = ReplyCache(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for n in range(count):
    cache.put(f"{name}{n}", {}, Reply(str(n)))
    print(n, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.environ["SALMON_ROOT"],
    )


REQUEST = {"prompt": "Why?"}
FULL = Reply("yes", None, "stop", 7, 1, ((("yes", -0.5), ("no", -1.5)), ()))


def test_replies_come_back_in_another_process(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path / "replies")
    assert not (tmp_path / "replies").exists()  # nothing to keep, no folder
    cache.put("k1", REQUEST, FULL)
    cache.put("k2", REQUEST, Reply(""))
    again = ReplyCache(tmp_path / "replies")
    assert (again.get("k3"), len(again)) == (None, 2)
    assert (again.get("k1"), again.get("k2")) == (replace(FULL, cached=True), Reply("", cached=True))
    assert cache.get("k1") == again.get("k1")


def test_what_another_process_adds_is_found_after_a_refresh(tmp_path: Path) -> None:
    cache, other = ReplyCache(tmp_path), ReplyCache(tmp_path)
    for n in range(3):
        other.put(f"k{n}", REQUEST, Reply(str(n)))
        assert cache.get(f"k{n}") is None
        cache.refresh()
        assert cache.get(f"k{n}") == Reply(str(n), cached=True)


@pytest.mark.parametrize("with_requests", [True, False])
def test_requests_are_kept_where_that_is_wanted(tmp_path: Path, with_requests: bool) -> None:
    ReplyCache(tmp_path, with_requests).put("k1", REQUEST, FULL)
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text()).get("request") == (REQUEST if with_requests else None)
    assert ReplyCache(tmp_path).get("k1") == replace(FULL, cached=True)


def test_a_line_torn_by_a_kill_is_dropped_and_later_replies_are_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = ReplyCache(tmp_path)
    cache.put("k1", REQUEST, Reply("1"))
    cache.put("k2", REQUEST, Reply("2"))
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for end in range(len(whole) - 1, whole.index(b"\n") + 1, -1):  # inside of the last line
        file.write_bytes(whole[:end])
        found = ReplyCache(tmp_path)
        assert found.get("k2") is None and found.get("k1") == Reply("1", cached=True)
    ReplyCache(tmp_path).put("k3", REQUEST, Reply("3"))  # not glued to what is left of k2
    assert [ReplyCache(tmp_path).get(key) is not None for key in ("k1", "k2", "k3")] == [True, False, True]
    assert caplog.records == []


@pytest.mark.parametrize("bad", ["\0\0\0", "[1]", '{"key": "k"}', '{"key": "k", "reply": {"text": 1}}'])
def test_a_broken_line_is_named_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    (tmp_path / "replies-y.jsonl").touch()
    cache = ReplyCache(tmp_path)
    cache.put("k1", REQUEST, Reply("1"))
    cache.put("k2", REQUEST, Reply("2"))
    (file,) = (path for path in tmp_path.iterdir() if path.stat().st_size)
    first, second = file.read_text().splitlines()
    (tmp_path / "replies-x.jsonl").write_text(f"{first}\n{bad}\n{second}\n")
    file.unlink()
    with caplog.at_level(logging.WARNING):
        cache = ReplyCache(tmp_path)
        cache.refresh()
    assert (len(cache), cache.get("k1"), cache.get("k2")) == (2, Reply("1", cached=True), Reply("2", cached=True))
    assert len(caplog.records) == 1 and "replies-x.jsonl, line 2: not a reply" in caplog.text


def test_threads_lose_nothing(tmp_path: Path) -> None:
    cache = ReplyCache(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: cache.put(f"k{n}", REQUEST, Reply(str(n))), range(500)))
    again = ReplyCache(tmp_path)
    assert [again.get(f"k{n}") for n in range(500)] == [Reply(str(n), cached=True) for n in range(500)]


def test_two_processes_at_once_and_a_kill_in_the_middle(tmp_path: Path) -> None:
    steady, killed = writer(tmp_path, "s", 300), writer(tmp_path, "k", 10**9)
    assert killed.stdout is not None
    said = [int(killed.stdout.readline()) for _ in range(50)][-1]
    killed.kill()
    said = max([said, *(int(line) for line in killed.stdout.read().splitlines()[:-1])])  # the last may be torn
    steady.communicate()
    killed.wait()
    assert steady.returncode == 0
    cache = ReplyCache(tmp_path)
    assert [cache.get(f"s{n}") for n in range(300)] == [Reply(str(n), cached=True) for n in range(300)]
    assert said >= 49
    assert [cache.get(f"k{n}") for n in range(said + 1)] == [Reply(str(n), cached=True) for n in range(said + 1)]


def test_a_claim_is_of_one_at_a_time_and_leaves_nothing(tmp_path: Path) -> None:
    inside, most = 0, 0

    def work(_: int) -> None:
        nonlocal inside, most
        with ReplyCache(tmp_path).claim("k"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.01)
            inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert most == 1 and list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "replies").write_text("a file")
    with pytest.raises(SalmonError, match="replies.*cannot be written"):
        ReplyCache(tmp_path / "replies").put("k", REQUEST, FULL)
    with pytest.raises(SalmonError, match="replies.*cannot be written"), ReplyCache(tmp_path / "replies").claim("k"):
        pass
