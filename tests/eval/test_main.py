import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def evaluate(cwd: Path, *overrides: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "eval", *overrides],
        cwd=cwd,
        env=os.environ
        | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "SALMON_CACHE": str(cwd / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_from_any_folder(tmp_path, adapter):
    tiny = ["model=tiny", "tracking=disabled", "output=out", "eval.limit=1", "eval.mt_bench.max_new_tokens=4"]
    done = evaluate(tmp_path, f'checkpoint="base,{adapter}"', *tiny)
    assert done.returncode == 0, done.stderr
    assert "| task | metric | base | adapter |" in done.stdout
    assert "SMOKE TEST" in done.stdout and "LIMITED to the first 1 items" in done.stdout
    assert done.stderr == ""
    rows = json.loads((tmp_path / "out" / "results.json").read_text())["rows"]
    assert {row["checkpoint"] for row in rows} == {"base", "adapter"}
    assert all(row["value"] is not None for row in rows)


def test_errors_come_without_a_traceback(tmp_path):
    done = evaluate(tmp_path, "checkpoint=/nowhere", "model=tiny")
    assert done.returncode != 0
    assert "neither an artifact folder" in done.stderr and "Traceback" not in done.stderr
