import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from eval.benchmark_run import Evaluation
from eval.checkpoints import adapter_hash
from eval.evaluate import evaluate_checkpoint
from eval.results import write_results
from eval.tables.__main__ import main as tables

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


def evaluate(cwd: Path, *overrides: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "eval", *overrides],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "SALMON_CACHE": str(cwd / "cache")},
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_the_command_from_any_folder(tmp_path, adapter):
    tiny = ["model=tiny", "tracking=disabled", "output=out", "eval.limit=1", "eval.mt_bench.max_new_tokens=4"]
    done = evaluate(tmp_path, f'checkpoint="base,{adapter}"', *tiny)
    assert done.returncode == 0, done.stderr
    table = [line.split("/")[0] for line in done.stdout.splitlines() if "(n=" in line]
    assert table == ["truthfulqa_mc1", "truthfulqa_mc2", "bbh_direct", "mt_bench"], "one line a benchmark"
    assert "SMOKE TEST" in done.stdout and "LIMITED to the first 1 items" in done.stdout
    assert done.stderr == ""
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    rows = results["rows"]
    assert {row["checkpoint"] for row in rows} == {"base", "adapter"}
    assert all(row["value"] is not None for row in rows)
    assert results["checkpoints"] == {"base": "base", "adapter": adapter_hash(adapter)} and results["seed"] == 0
    assert "-m eval" in results["command"] and "model=tiny" in results["command"]
    conditions = {row["task"]: row["provenance"] for row in rows}
    assert all(how["smoke_test"] and how["limit"] == 1 and how["data"] for how in conditions.values())
    assert conditions["truthfulqa_mc2"]["task_version"] == "3.0" and conditions["bbh_direct"]["shots"] == 3
    assert conditions["mt_bench"]["judge"].startswith("local") and conditions["mt_bench"]["references"] == "mini"


def test_the_papers_tables_of_an_evaluation(tiny, suite, tmp_path, capsys):
    rows = evaluate_checkpoint(tiny, None, "base", Evaluation(suite, None, 0, tmp_path), tmp_path / "base")
    write_results(tmp_path, rows, {"model": "tiny"})
    tables([str(tmp_path)])
    shown = capsys.readouterr().out
    assert "| LLaMA-2-70b | BBH direct | 53.1 [r] | base |" in shown and "SMOKE TEST" in shown
    assert "| LLaMA-2-70b | MC1 |  | base |" in shown and "| LLaMA-2-70b | average |" not in shown
    for unlike in ("scope 2 of 27 tasks instead of 27 of 27 tasks", "limit 2 instead of none", "smoke_test yes"):
        assert unlike in shown
    assert "- Not measured: base: no mt_bench: " in shown and "no judge (kind=none)" in shown


def test_errors_come_without_a_traceback(tmp_path):
    done = evaluate(tmp_path, "checkpoint=/nowhere", "model=tiny")
    assert done.returncode != 0
    assert "neither an artifact folder" in done.stderr and "Traceback" not in done.stderr


def test_a_multirun_gives_each_checkpoint_a_folder(tmp_path, adapter):
    words = [
        "-m",
        f"checkpoint=base,{adapter}",
        "suite=mini",
        "task=truthfulqa_mc1",
        "model=tiny",
        "eval.limit=1",
        "tracking=disabled",
        "output=out",
    ]
    done = evaluate(tmp_path, *words)
    assert done.returncode == 0, done.stderr
    results = {path.parent.name: json.loads(path.read_text()) for path in tmp_path.glob("out/*/results.json")}
    assert sorted(name for content in results.values() for name in content["checkpoints"]) == ["adapter", "base"]
    assert all(content["suite"] == "mini" for content in results.values())
    again = evaluate(tmp_path, *words)
    assert again.stdout.count("truthfulqa is done already") == 2, again.stdout
