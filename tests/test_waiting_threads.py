"""Every way in says how PyTorch's threads wait before torch is loaded, unless the user has said it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("salmon", "eval", "sweeps")  # of the wheel: whatever is run first imports one of them
VARIABLES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def set_by(package: str, given: dict[str, str]) -> dict[str, str]:
    """The variables after a package's import alone; C's view of them too, which is what OpenMP reads."""
    code = (
        f"import ctypes, json, os, sys; import {package}; assert 'torch' not in sys.modules;"
        "getenv = ctypes.CDLL(None).getenv; getenv.restype = ctypes.c_char_p;"
        f"print(json.dumps({{k: getenv(k.encode()).decode() for k in {VARIABLES} if os.environ.get(k)}}))"
    )
    environment = {name: value for name, value in os.environ.items() if name not in VARIABLES} | given
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT, env=environment
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("package", PACKAGES)
def test_threads_spin_shortly_and_then_sleep(package: str) -> None:
    assert set_by(package, {}) == {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "1000"}


@pytest.mark.parametrize("given", [{"OMP_WAIT_POLICY": "active"}, {"GOMP_SPINCOUNT": "1000"}])
def test_what_the_user_says_stays(given: dict[str, str]) -> None:
    assert set_by("salmon", given) == given
