"""Chunks of long work are kept as they finish, and never made twice."""

import json
import logging
from collections.abc import Sequence
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.runtime.resumable import map_resumable

ITEMS = list(range(10))


class Killed(BaseException):
    """Not an Exception: like Ctrl-C and a kill, nothing may swallow it."""


class Work:
    """Squares numbers; remembers its chunks, and dies where it is told to."""

    def __init__(self, dies_in_chunk: int | None = None) -> None:
        self.chunks: list[list[int]] = []
        self.dies_in_chunk = dies_in_chunk

    def __call__(self, chunk: Sequence[int]) -> list[dict]:
        if len(self.chunks) == self.dies_in_chunk:
            raise Killed
        self.chunks.append(list(chunk))
        return [{"n": n, "square": n * n, "text": "Lachs 🐟\u2028"} for n in chunk]


EXPECTED = Work()(ITEMS)


def run(path: Path, work: Work, chunk_size: int = 4) -> list[dict]:
    return map_resumable(path, ITEMS, chunk_size, work, "squares")


def test_chunks_are_worked_through_in_order(tmp_path: Path) -> None:
    work = Work()
    assert run(tmp_path / "rows.jsonl", work) == EXPECTED
    assert work.chunks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    lines = (tmp_path / "rows.jsonl").read_text(encoding="utf-8").split("\n")
    assert [json.loads(line) for line in lines[:-1]] == EXPECTED and lines[-1] == ""


@pytest.mark.parametrize("dies_in_chunk", [0, 1, 2])
def test_a_killed_run_continues_after_its_last_chunk(tmp_path: Path, dies_in_chunk: int) -> None:
    path = tmp_path / "rows.jsonl"
    first = Work(dies_in_chunk)
    with pytest.raises(Killed):
        run(path, first)
    second = Work()
    assert run(path, second) == EXPECTED
    assert first.chunks + second.chunks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    run(tmp_path / "whole.jsonl", Work())
    assert path.read_bytes() == (tmp_path / "whole.jsonl").read_bytes()


def test_what_is_finished_is_not_made_again(tmp_path: Path, caplog) -> None:
    run(tmp_path / "rows.jsonl", Work())
    again = Work(dies_in_chunk=0)
    with caplog.at_level(logging.INFO, logger="salmon"):
        assert run(tmp_path / "rows.jsonl", again) == EXPECTED
    assert again.chunks == []
    assert "squares: 10 of 10 were made before the interruption" in caplog.messages


def test_a_file_torn_at_any_byte_is_repaired(tmp_path: Path) -> None:
    """Whole chunks stay; a torn line, and the other rows of its chunk, are made again."""
    path = tmp_path / "rows.jsonl"
    run(path, Work())
    content = path.read_bytes()
    ends = [n for n in range(len(content) + 1) if n == 0 or content[n - 1 : n] == b"\n"]  # after 0, 1, ... 10 rows
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole_rows = sum(end <= size for end in ends) - 1
        whole_chunks = 3 if whole_rows == 10 else whole_rows // 4
        work = Work()
        assert run(path, work) == EXPECTED
        assert work.chunks == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]][whole_chunks:]
        assert path.read_bytes() == content


@pytest.mark.parametrize(
    "damage", [b'{"n": 2, ', b"\0" * 20, b"[1]", b"\xff\xfe"], ids=["cut", "zeros", "list", "not text"]
)
def test_from_a_damaged_line_on_all_is_made_again_and_what_was_there_is_kept(tmp_path: Path, caplog, damage) -> None:
    path = tmp_path / "rows.jsonl"
    run(path, Work())
    content = path.read_bytes()
    lines = content.split(b"\n")
    lines[5] = damage
    path.write_bytes(b"\n".join(lines))
    again = Work()
    assert run(path, again) == EXPECTED
    assert again.chunks == [[4, 5, 6, 7], [8, 9]] and path.read_bytes() == content
    assert f"{path} is damaged (line 6: not" in caplog.text
    assert (tmp_path / ".rows.jsonl.damaged").read_bytes() == b"\n".join(lines)


def test_more_rows_than_there_are_items_are_not_used(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    run(path, Work())
    content = path.read_bytes()
    path.write_bytes(content + content)
    assert run(path, Work(dies_in_chunk=0)) == EXPECTED and path.read_bytes() == content


def test_the_file_grows_chunk_by_chunk(tmp_path: Path) -> None:
    path, sizes = tmp_path / "rows.jsonl", []

    def work(chunk: Sequence[int]) -> list[dict]:
        sizes.append(len(path.read_bytes().splitlines()))
        return [{"n": n} for n in chunk]

    map_resumable(path, ITEMS, 4, work, "rows")
    assert sizes == [0, 4, 8]


def test_no_items_are_no_work(tmp_path: Path) -> None:
    assert map_resumable(tmp_path / "rows.jsonl", [], 4, Work(dies_in_chunk=0), "rows") == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SalmonError, match=str(tmp_path / "file")):
        run(tmp_path / "file" / "rows.jsonl", Work())


def test_a_fault_of_the_work_itself_is_not_blamed_on_the_file(tmp_path: Path) -> None:
    def work(chunk: Sequence[int]) -> list[dict]:
        raise PermissionError(13, "Permission denied", "/somewhere/else")

    with pytest.raises(PermissionError):
        map_resumable(tmp_path / "rows.jsonl", ITEMS, 4, work, "rows")
