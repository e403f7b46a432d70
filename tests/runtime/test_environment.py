import platform
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from salmon.runtime import environment
from salmon.runtime.environment import git_revision, peak_memory_gib, reset_peak_memory, versions


def test_versions_name_what_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = versions()
    assert found["torch"] == torch.__version__
    assert found["python"] == "{}.{}.{}".format(*sys.version_info[:3])
    monkeypatch.setattr(environment, "_PACKAGES", ("torch", "no-such-package"))
    assert set(versions()) == {"python", "torch"}


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the module in a package of its own, inside an empty git work tree."""
    git(tmp_path, "init", "-q")
    package = tmp_path / "salmon"
    (package / "runtime").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(environment, "__file__", str(package / "runtime" / "environment.py"))
    return package


def test_git_revision_of_a_clean_and_an_edited_tree(package: Path) -> None:
    assert git_revision() is None  # the package is not under version control yet
    git(package, "add", ".")
    assert git_revision() is None  # there is no commit yet
    git(package, "commit", "-q", "-m", "first")
    commit = git(package, "rev-parse", "HEAD")
    assert len(commit) == 40
    assert git_revision() == commit
    (package / "__init__.py").write_text("edited")
    assert git_revision() == commit + "+dirty"
    git(package, "checkout", "-q", ".")
    (package.parent / "new.py").touch()  # a new module anywhere in the tree may be imported
    assert git_revision() == commit + "+dirty"


def test_no_revision_from_a_foreign_work_tree_or_without_git(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (package.parent / "theirs").touch()
    git(package.parent, "add", "theirs")
    git(package.parent, "commit", "-q", "-m", "theirs")
    assert git_revision() is None  # e.g. installed into a virtual environment within the user's own repository
    git(package, "add", ".")
    git(package, "commit", "-q", "-m", "ours")
    assert git_revision() is not None
    monkeypatch.setenv("PATH", "")
    assert git_revision() is None


def test_peak_memory_of_the_process_grows_and_can_be_reset() -> None:
    reset_peak_memory()
    before = peak_memory_gib()
    block = bytearray(256 * 2**20)  # zeros: touched page by page below, or the system would not give it
    block[::4096] = b"\x01" * (len(block) // 4096)
    grown = peak_memory_gib()
    assert 0.24 < grown - before < 0.35
    del block
    assert peak_memory_gib() == pytest.approx(grown, abs=0.005)  # a peak stays ...
    reset_peak_memory()
    assert peak_memory_gib() < grown - 0.2  # ... until reset


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc gives free memory back when asked")
def test_memory_that_is_free_does_not_count_for_the_next_peak() -> None:
    reset_peak_memory()
    before = peak_memory_gib()
    blocks = [bytearray(b"\x01" * 2**15) for _ in range(2**13)]
    blocks = blocks[-1:]  # behind the others, so they do not go back by themselves
    reset_peak_memory()
    assert peak_memory_gib() - before < 0.05, "of 0.25 GiB"
    assert len(blocks) == 1


def test_peak_memory_of_the_gpu_when_one_is_in_use(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    cuda = SimpleNamespace(
        is_initialized=lambda: True,
        max_memory_allocated=lambda: 3 * 2**30,
        reset_peak_memory_stats=lambda: calls.append("reset"),
    )
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=cuda))
    assert peak_memory_gib() == 3.0
    reset_peak_memory()
    assert calls == ["reset"]
