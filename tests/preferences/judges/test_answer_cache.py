"""Answers survive kills, threads and other processes."""

import json
import logging
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.preferences.judges.answer_cache import AnswerCache

# Writes answers 0, 1, 2 ... under keys of its own and says after each that it is kept.
WRITER = """
import sys
from pathlib import Path
from salmon.preferences.judges.answer_cache import AnswerCache
cache, name, count = AnswerCache(Path(sys.argv[1])), sys.argv[2], int(sys.argv[3])
for n in range(count):
    cache.put(f"{name}{n}", float(n))
    print(n, flush=True)
"""


def writer(folder: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), name, str(count)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=os.environ["SALMON_ROOT"],
    )


def test_answers_come_back_in_another_process(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "answers")
    assert not (tmp_path / "answers").exists()  # nothing to keep, no folder
    cache.put("k1", -1.25)
    cache.put("k2", None)
    again = AnswerCache(tmp_path / "answers")
    assert ("k1" in again, "k3" in again, len(again)) == (True, False, 2)
    assert (again["k1"], again["k2"]) == (-1.25, None)


def test_a_line_torn_by_a_kill_is_dropped_and_later_answers_are_whole(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = AnswerCache(tmp_path)
    cache.put("k1", 1.0)
    cache.put("k2", 2.0)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    for end in range(len(whole) - 2, whole.index(b"\n") + 1, -1):  # inside of the last line
        file.write_bytes(whole[:end])
        assert "k2" not in AnswerCache(tmp_path) and AnswerCache(tmp_path)["k1"] == 1.0
    AnswerCache(tmp_path).put("k3", 3.0)  # not glued to what is left of k2
    assert [key in AnswerCache(tmp_path) for key in ("k1", "k2", "k3")] == [True, False, True]
    assert caplog.records == []


@pytest.mark.parametrize("bad", ["\0\0\0", "[1]", '{"key": "k"}', '{"key": "k", "log_odds": "x"}'])
def test_a_broken_line_is_named_and_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: str) -> None:
    lines = [json.dumps({"key": "k1", "log_odds": 1.0}), bad, json.dumps({"key": "k2", "log_odds": 2.0})]
    (tmp_path / "answers-x.jsonl").write_text("\n".join(lines) + "\n")
    with caplog.at_level(logging.WARNING):
        cache = AnswerCache(tmp_path)
    assert (len(cache), cache["k1"], cache["k2"]) == (2, 1.0, 2.0)
    assert "answers-x.jsonl, line 2: not an answer" in caplog.text


def test_threads_lose_nothing(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: cache.put(f"k{n}", float(n)), range(500)))
    again = AnswerCache(tmp_path)
    assert [again[f"k{n}"] for n in range(500)] == [float(n) for n in range(500)]


def test_two_processes_at_once_and_a_kill_in_the_middle(tmp_path: Path) -> None:
    steady, killed = writer(tmp_path, "s", 300), writer(tmp_path, "k", 10**9)
    assert killed.stdout is not None
    said = [int(killed.stdout.readline()) for _ in range(50)][-1]
    killed.kill()
    said = max([said, *(int(line) for line in killed.stdout.read().splitlines()[:-1])])  # the last may be torn
    steady.communicate()
    killed.wait()
    assert steady.returncode == 0
    cache = AnswerCache(tmp_path)
    assert [cache[f"s{n}"] for n in range(300)] == [float(n) for n in range(300)]
    assert said >= 49
    assert [cache[f"k{n}"] for n in range(said + 1)] == [float(n) for n in range(said + 1)]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("a file")
    with pytest.raises(SalmonError, match="answers.*cannot be written"):
        AnswerCache(tmp_path / "answers").put("k", 1.0)
