"""``python -m sweeps.status``: a line a job, from hand-made folders; and a process that is gone."""

import json
import os
import socket
import subprocess

import pytest

from sweeps import status
from sweeps.collect import read_sweep
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

pytestmark = pytest.mark.slow

RUNNING = {
    "state": "running",
    "stage": "ppo",
    "error": None,
    "process": os.getpid(),
    "host": socket.gethostname(),
    "progress": {
        "unit": "updates",
        "done": 12,
        "total": 100,
        "seconds_left": 361.0,
        "columns": {"score": -1.23456, "kl": 0.5, "length": 9.0},
    },
}


@pytest.fixture
def sweep(tmp_path):
    folder = make_sweep(tmp_path / "sweep", {"principles": ["a", "b", "c", "d"]}, kind="controllability")
    ppo = add_artifact(tmp_path / "ppo", {"held_out/length": {0: 10.0}})
    done = add_job(folder, "0_a", ["principles=a"], arm_config("a", 0), ppo=ppo)
    (done / "results.json").write_text(json.dumps({"ppo": {"held_out/reward_last": 2.5, "objective/kl": 0.25}}))
    add_job(folder, "1_b", ["principles=b"], arm_config("b", 0), RUNNING)
    add_job(
        folder,
        "2_c",
        ["principles=c"],
        arm_config("c", 0),
        {"state": "failed", "stage": "reward", "error": "loss is NaN\nat step 3"},
    )
    return folder


def lines(capsys, *arguments):
    status.main([str(argument) for argument in arguments])
    return capsys.readouterr().out.splitlines()


def test_each_job_has_a_line(sweep, capsys):
    header, done, running, failed, waiting, _, last = lines(capsys, sweep)
    assert header.split() == ["job", "state", "stage", "step", "left", "reward", "KL", "error"]
    assert done.split() == ["0_a", "finished", "2.5", "0.25"]
    assert running.split() == ["1_b", "running", "ppo", "12/100", "updates", "6m", "01s", "-1.235", "0.5"]
    assert failed.split() == ["2_c", "failed", "reward", *"loss is NaN at step 3".split()]
    assert waiting.split() == ["principles=d", "not", "started"]
    assert last == "4 jobs: 1 finished, 1 running, 1 failed, 1 not started"
    assert running.index("-1.235") == done.index("2.5") == header.index("reward"), "in columns"


def test_a_job_that_writes_its_last_file_has_a_line_too(sweep, capsys):
    (sweep / "0_a" / "results.json").unlink()
    assert lines(capsys, sweep)[1].split() == ["0_a", "finished"]


def test_watching_ends_with_the_last_job(sweep, capsys, monkeypatch):
    waits = []

    def wait(seconds):
        waits.append(seconds)
        (sweep / "1_b" / "status.json").write_text('{"state": "failed", "stage": "ppo", "error": "stopped"}')
        add_job(sweep, "3_d", ["principles=d"], arm_config("d", 0), {"state": "failed", "stage": None, "error": "no"})

    monkeypatch.setattr(status.time, "sleep", wait)
    out = lines(capsys, sweep, "--watch", 7)
    assert waits == [7.0]
    assert [line for line in out if line.startswith("4 jobs")] == [
        "4 jobs: 1 finished, 1 running, 1 failed, 1 not started",
        "4 jobs: 1 finished, 3 failed",
    ]


def test_a_job_whose_process_is_gone_has_failed_and_one_on_another_machine_runs(sweep):
    ended = subprocess.Popen(["true"])
    ended.wait()
    (sweep / "1_b" / "status.json").write_text(json.dumps(RUNNING | {"process": ended.pid}))
    job = read_sweep(sweep)[1]
    assert job.state == "failed" and f"its process {ended.pid} is gone" in str(job.error)
    (sweep / "1_b" / "status.json").write_text(json.dumps(RUNNING | {"process": ended.pid, "host": "elsewhere"}))
    assert read_sweep(sweep)[1].state == "running"


def test_another_folder_is_named(tmp_path):
    with pytest.raises(SystemExit, match="multirun.yaml"):
        status.main([str(tmp_path)])
