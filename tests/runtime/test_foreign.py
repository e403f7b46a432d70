"""The door for files: whatever is behind a path, the answer is a value or one message that names the file."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_bytes, read_json, read_text, read_yaml

READERS: tuple[Callable[[Path], Any], ...] = (read_bytes, read_text, read_json, read_yaml)


def refusal(read: Callable[[], Any]) -> str:
    with pytest.raises(SalmonError) as caught:
        read()
    assert str(caught.value).isprintable()
    return str(caught.value)


@pytest.mark.parametrize("read", READERS)
def test_paths_without_a_file_behind(tmp_path: Path, read: Callable[[Path], Any]) -> None:
    folder, pipe = tmp_path / "folder.json", tmp_path / "pipe"
    folder.mkdir()
    os.mkfifo(pipe)
    for path, said in (
        (folder, "it is a folder"),
        (pipe, "it is no regular file"),
        (Path("/dev/zero"), "it is no regular file"),
        (tmp_path / "none", "No such file or directory"),
        (folder / ("x" * 300), "a part of more than 255 bytes"),
        (Path("x/" * 2500), "the path has 4999 bytes"),
        (Path("a\0b"), "the path has a NUL character"),
        (Path("a\ud800b"), "half of a character"),
        (tmp_path / "none" / "deeper", "No such file or directory"),
    ):
        message = refusal(lambda path=path: read(path))
        assert "cannot be read" in message and said in message and len(message) < 500


def test_a_file_that_unpacks_to_more_than_fits(tmp_path: Path) -> None:
    path = tmp_path / "rows.json.gz"
    path.write_bytes(gzip.compress(b"0" * 10_000))
    assert read_bytes(path, largest=10_000) == b"0" * 10_000
    assert "more than 9999 bytes" in refusal(lambda: read_bytes(path, largest=9_999))
    path.write_bytes(path.read_bytes()[:20])
    assert "cannot be read" in refusal(lambda: read_bytes(path))


def test_file_and_line_are_named(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b'{\n"a": NaN\n}')
    assert refusal(lambda: read_json(path)) == f'{path}: "a" is not a finite number (nan)'
    path.write_bytes(b'{\n"a": ,\n}')
    assert refusal(lambda: read_json(path, advice="Delete it")) == (
        f"{path}, line 2: not valid JSON (Expecting value at column 6). Delete it"
    )
    path.write_bytes(b"a: 1\na: 2\n")
    assert refusal(lambda: read_yaml(path)) == f'{path}, line 2: the key "a" is there twice'
    path.write_bytes(b"\n\xff")
    assert refusal(lambda: read_text(path)) == f"{path}, line 2: not UTF-8 text (byte 2). Save it as UTF-8"


def test_the_kind_of_the_value(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf[1]")
    assert read_json(path, list) == read_json(path, None) == read_yaml(path, list) == [1]
    assert refusal(lambda: read_json(path)) == f"{path}: must be an object with keys, not [1]"
    path.write_text("{}")
    assert refusal(lambda: read_yaml(path, list)) == f"{path}: must be a list, not {{}}"
