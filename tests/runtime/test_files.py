"""Atomic writes, and one clear message for a folder that cannot be written or a disk that is full."""

import errno
import json
import os
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from salmon.errors import SalmonError
from salmon.runtime.files import file_digest, require_writable, storage_errors, write_json_atomic, write_text_atomic


def test_jobs_that_start_together_do_not_take_each_others_probe_away(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as jobs:
        list(jobs.map(require_writable, [tmp_path / "logs"] * 400))
    assert list((tmp_path / "logs").iterdir()) == []


def test_json_is_written_whole_and_readable_by_the_group(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json_atomic(path, {"name": "Größe", "n": [1, 2.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Größe", "n": [1, 2.5, None]}
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_failed_write_leaves_the_old_content_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.json"
    write_json_atomic(path, {"old": 1})

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_json_atomic(path, {"new": 2})
    assert json.loads(path.read_text()) == {"old": 1}
    assert [item.name for item in tmp_path.iterdir()] == ["a.json"]


def test_nan_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json_atomic(tmp_path / "a.json", {"loss": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")  # the test vector of FIPS 180-2
    assert file_digest(tmp_path / "a") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EDQUOT, "disk is full"),
        (errno.EACCES, "cannot be written"),
        (errno.EROFS, "cannot be written"),
        (errno.ENOTDIR, "cannot be written"),
        (errno.EIO, "file system failed"),
    ],
)
def test_errors_of_the_disk_become_advice(tmp_path: Path, code: int, says: str) -> None:
    with pytest.raises(SalmonError, match=says) as caught, storage_errors(tmp_path):
        raise OSError(code, os.strerror(code), "some/file")
    assert str(tmp_path) in str(caught.value)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_folder_below_a_file_is_not_writable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SalmonError, match="cannot be written") as caught,
        storage_errors(tmp_path / "file/store"),
    ):
        (tmp_path / "file/store").mkdir(parents=True)
    assert "paths.store" in str(caught.value)


@pytest.mark.parametrize(
    "error", [ValueError("bug"), KeyError("x"), FileNotFoundError(2, "no such file"), SalmonError("a")]
)
def test_everything_else_passes_unchanged(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, storage_errors(tmp_path):
        raise error
    assert caught.value is error


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk; the full disk is also simulated, without this fixture")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_really_full_disk_is_recognised_whoever_writes(small_disk: Path) -> None:
    weights = {"w": torch.zeros(100_000)}
    with pytest.raises(SalmonError, match="disk is full"), storage_errors(small_disk):
        save_file(weights, small_disk / "w.safetensors")  # raises SafetensorError
    with pytest.raises(SalmonError, match="disk is full"), storage_errors(small_disk):
        torch.save(weights, small_disk / "w.pt")  # raises RuntimeError
    with pytest.raises(SalmonError, match="disk is full"), storage_errors(small_disk):
        write_text_atomic(small_disk / "text", "x" * 100_000)  # raises OSError
    assert not (small_disk / "text").exists()


def test_a_full_disk_is_recognised_from_safetensors_message(tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="disk is full"), storage_errors(tmp_path):
        raise RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
