"""A real multirun from one file: the sweep in it is run, and the report is there although a job failed."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from sweeps import callback
from sweeps.callback import SweepCallback
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

pytestmark = pytest.mark.slow

EXPERIMENT = """
# @package _global_
defaults:
  - override /model: tiny
  - override /principles: harmless
  - override /tracking: disabled
stages: [sft]
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      principles: paper,honest
      sft.train.batch_size: 0,2
  callbacks:
    sweep:
      kind: controllability
      arm: [principles.name, sft.train.batch_size]
"""


@pytest.fixture
def run(tmp_path):
    def run(experiment=EXPERIMENT, *overrides):
        (tmp_path / "experiment").mkdir()
        (tmp_path / "experiment" / "study.yaml").write_text(experiment)
        command = [
            sys.executable,
            "-m",
            "salmon",
            "--config-dir",
            str(tmp_path),
            "+experiment=study",
            f"paths.store={tmp_path / 'store'}",
            f"hydra.sweep.dir={tmp_path / 'sweep'}",
            *overrides,
        ]
        root = Path(callback.__file__).parents[1]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=300,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(root)},
        )

    return run


def test_one_command_runs_the_sweep_and_reports_it(run, tmp_path):
    done = run()
    assert done.returncode == 1, "failed is failed"
    report = (tmp_path / "sweep" / "report.md").read_text()
    assert "Jobs: 2 of 4 finished." in report, done.stdout + done.stderr
    assert report.count("sft.train.batch_size=0 must be at least 1") == 2, "both refused configs, with the reason"
    saved = json.loads((tmp_path / "sweep" / "report.json").read_text())
    assert {name: arm["jobs"] for name, arm in saved["arms"].items()} == {
        "paper, 0": 1,
        "paper, 2": 1,
        "honest, 0": 1,
        "honest, 2": 1,
    }
    assert len(list((tmp_path / "store" / "sft").glob("*/manifest.json"))) == 1, "the shared stage is made once"
    said = done.stdout.split("Launching 4 jobs")[0]
    assert said.count("this job of the sweep cannot run, the others will: ") == 2, "before anything starts"
    assert "principles=honest sft.train.batch_size=0" in said
    assert done.stdout.count("# Controllability") == 1, "shown once, at the end"
    assert (tmp_path / "sweep" / "report.png").stat().st_size > 0


def test_a_misspelt_option_stops_the_sweep_before_its_first_job(run, tmp_path):
    done = run(EXPERIMENT.replace("kind: contr", "kind: kontr"))
    assert done.returncode == 1
    assert "choose one of study" in done.stderr
    assert not (tmp_path / "sweep").exists()


def test_a_report_that_fails_takes_nothing_along(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(callback, "configure_console", lambda: None)  # it would keep the lines from caplog
    monkeypatch.setattr(logging.getLogger("salmon"), "propagate", True)  # an earlier test may have configured it
    sweep = make_sweep(tmp_path / "sweep", {"principles": ["a"], "ppo.seed": [0]}, kind="controllability")
    ppo = add_artifact(tmp_path / "ppo", {"held_out/length": {0: 1.0}})
    add_job(sweep, "a", ["principles=a", "ppo.seed=0"], arm_config("a", 0), ppo=ppo)
    report = SweepCallback(kind="controllability")
    (ppo / "metrics.jsonl").write_text('{"step": 0, "held_out/length": "long"}\n')
    report.report(sweep, last=True)
    assert "no report, by a fault of the report" in caplog.text
    (sweep / "multirun.yaml").unlink()
    report.report(sweep, last=True)
    assert "no report: " in caplog.text and f"python -m sweeps.report {sweep}" in caplog.text


def test_options_are_checked():
    with pytest.raises(SalmonError, match="unknown option arms"):
        SweepCallback(kind="ablations", arms="name")
