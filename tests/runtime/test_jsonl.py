"""JSON lines: what is read, what a message names, and that appending is all or nothing."""

import errno
import gzip
import json
import os
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.runtime.jsonl import append_records, placed_records, read_grown, read_records, rewrite_records

ROWS = [{"n": 1, "text": "Lachs 🐟\u2028"}, {"n": 2, "text": "x\ny"}]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "rows.jsonl"


@pytest.mark.parametrize("ascii_only", [True, False])
def test_what_is_appended_is_read(path: Path, ascii_only: bool) -> None:
    append_records(path, ROWS[:1], ascii_only)
    append_records(path, ROWS[1:], ascii_only)
    assert read_records(path) == read_grown(path) == ROWS
    expected = "".join(json.dumps(row, ensure_ascii=ascii_only) + "\n" for row in ROWS)
    assert path.read_bytes() == expected.encode()


def test_nothing_appended_makes_an_empty_file(path: Path) -> None:
    assert read_grown(path) == []
    append_records(path, [])
    assert path.read_bytes() == b"" and read_grown(path) == []


def test_a_gzipped_file_and_one_with_a_byte_order_mark(tmp_path: Path) -> None:
    lines = b'\xef\xbb\xbf{"n": 1}\r\n\n  \n{"n": 2}'
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(lines))
    for name in ("a.jsonl", "a.jsonl.gz"):
        placed = [(f"{tmp_path / name}, line 1", {"n": 1}), (f"{tmp_path / name}, line 4", {"n": 2})]
        assert list(placed_records(tmp_path / name)) == placed


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"n": ', r"line 2: not valid JSON \(Expecting value at column 7\)\. Mend it"),
        (b"[1]", r"line 2: not a JSON object: \[1\]\. Mend it"),
        (b'{"n": "\xff"}', r"line 2: not UTF-8 text \(byte 8\)\. Mend it"),
        (b"\0", "line 2: not valid JSON"),
    ],
)
def test_a_damaged_line_is_named(path: Path, line: bytes, message: str) -> None:
    append_records(path, ROWS[:1])
    path.write_bytes(path.read_bytes() + line + b"\n")
    append_records(path, ROWS[1:])
    for read in (read_records, read_grown):
        with pytest.raises(SalmonError, match=f"{path}, {message}"):
            read(path, "Mend it")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="rows.jsonl cannot be read: No such file"):
        read_records(tmp_path / "rows.jsonl")
    (tmp_path / "rows.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(SalmonError, match="rows.jsonl.gz cannot be read"):
        read_records(tmp_path / "rows.jsonl.gz")


def test_a_line_torn_at_any_byte_is_not_read_and_not_continued(path: Path) -> None:
    append_records(path, ROWS, ascii_only=False)
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for size in range(len(content)):
        path.write_bytes(content[:size])
        whole = 1 if size >= first else 0
        assert read_grown(path) == ROWS[:whole]
        append_records(path, [{"n": 3}])
        assert read_grown(path) == [*ROWS[:whole], {"n": 3}]


def test_a_full_disk_leaves_no_part_of_what_was_appended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_records(path, ROWS[:1])
    before = path.read_bytes()

    class Full:
        """A file on a disk with room for three bytes."""

        def __init__(self, file):
            self.file, self.room = file, 3

        def write(self, text: bytes) -> int:
            if not self.room:
                raise OSError(errno.ENOSPC, "No space left on device")
            self.room = 0
            return self.file.write(text[:3])

        def __getattr__(self, name):
            return getattr(self.file, name)

        def __enter__(self):
            return self

        def __exit__(self, *error):
            self.file.close()

    opened = Path.open
    monkeypatch.setattr(Path, "open", lambda self, *args, **options: Full(opened(self, *args, **options)))
    with pytest.raises(SalmonError, match="disk is full"):
        append_records(path, ROWS[1:])
    monkeypatch.undo()
    assert path.read_bytes() == before


def test_rewriting_replaces_the_file(path: Path) -> None:
    rewrite_records(path, ROWS)
    rewrite_records(path, ROWS[1:])
    assert read_records(path) == ROWS[1:]
    assert os.listdir(path.parent) == ["rows.jsonl"]
