"""Sweeps on Slurm: on the real one where this machine has it, and everywhere on stand-ins for its commands."""

import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.run import Engine
from salmon.errors import SalmonError
from salmon.runtime.status import read_state
from sweeps import slurm_queue
from sweeps.collect import FAILED, FINISHED, REQUEUED, RUNNING, read_sweep
from sweeps.slurm import SlurmLauncher, by_choice, is_finished, with_processes
from sweeps.slurm_queue import SqueueWatcher, queued
from tests.pipeline.stage_lock import sft_lock
from tests.sweeps.sweep_folders import add_artifact, add_job

pytestmark = pytest.mark.slow

register()

# Slurm's commands as far as submitit and the launcher use them: tasks are plain processes. While a file named full lies
# beside them, no job begins.
STAND_INS = {
    "sbatch": """
import json, os, re, sys
from pathlib import Path
here = Path(__file__).parent
job = len(list(here.glob("*.sh"))) + 1
script = here / f"{job}.sh"
script.write_text(Path(sys.argv[1]).read_text())
last = re.search(r"--array=0-([0-9]+)", script.read_text())
tasks = re.search(r"--ntasks-per-node=([0-9]+)", script.read_text())[1]
for task in range(int(last[1]) + 1) if last else [None]:
    array = {} if task is None else {"SLURM_ARRAY_JOB_ID": str(job), "SLURM_ARRAY_TASK_ID": str(task)}
    name = str(job) if task is None else f"{job}_{task}"
    (here / f"{name}.env").write_text(json.dumps(os.environ | array | {
        "SLURM_JOB_ID": str(job), "SLURM_NTASKS": tasks, "SLURM_JOB_NUM_NODES": "1"}))
    os.system(f"{here}/scontrol requeue {name}")
print(f"Submitted batch job {job}")
""",
    "scontrol": """
import json, subprocess, sys
from pathlib import Path
here, name = Path(__file__).parent, sys.argv[2]
with open(here / f"{name}.log", "a") as log:
    begin = f"while [ -e {here}/full ]; do sleep 0.1; done; exec bash {here}/{name.split('_')[0]}.sh"
    child = subprocess.Popen(["bash", "-c", begin], stdin=subprocess.DEVNULL, stdout=log,
                             env=json.loads((here / f"{name}.env").read_text()), stderr=log, start_new_session=True)
(here / f"{name}.pid").write_text(str(child.pid))
""",
    "srun": """
import os, subprocess, sys
words = sys.argv[1:]
while words[0].startswith("-"):
    words = words[2:] if words[0] in ("--output", "--error") else words[1:]
tasks = int(os.environ["SLURM_NTASKS"])
if tasks == 1:
    os.execvp(words[0], words)
started = [subprocess.Popen(words, env=os.environ | {"SLURM_PROCID": str(n), "SLURM_LOCALID": str(n)})
           for n in range(tasks)]
sys.exit(max(abs(process.wait()) for process in started))
""",
    "squeue": """
from pathlib import Path
for file in Path(__file__).parent.glob("*.pid"):
    stat = Path("/proc") / file.read_text() / "stat"
    if stat.exists() and stat.read_text().rsplit(")")[1].split()[0] != "Z":
        print(f"{file.stem}|RUNNING")
""",
}


@dataclass(frozen=True)
class Sweep:
    """A multirun of two jobs over a Slurm: one makes the SFT policy, one fails for want of preferences."""

    folder: Path
    environment: dict[str, str]

    def start(self, *overrides: str) -> subprocess.Popen[str]:
        command = [
            sys.executable,
            "-m",
            "salmon",
            "-m",
            "+experiment=self_judged",
            "model=tiny",
            "tracking=disabled",
            f"paths.store={self.folder / 'store'}",
            f"hydra.sweep.dir={self.folder / 'sweep'}",
            *(overrides or ["hydra/launcher=slurm", "stages=[sft],[reward]"]),
        ]
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )

    def run(self, *overrides: str) -> tuple[int, str]:
        with self.start(*overrides) as process:
            output, _ = process.communicate(timeout=240)
        return process.returncode, output

    def states(self) -> dict[str, str]:
        return {job.overrides[-1]: job.state for job in read_sweep(self.folder / "sweep")}

    def until_sft_waits(self) -> int:
        """Process of the job that waits for the lock."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for file in (self.folder / "sweep").glob("*/status.json"):
                status = read_state(file)
                if status and (status["state"], status["stage"]) == (RUNNING, "sft"):
                    return int(status["process"])
            time.sleep(0.1)
        pytest.fail("the job did not come to its stage")


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = tmp_path / "commands"
    commands.mkdir()
    for name, code in STAND_INS.items():
        (commands / name).write_text(f"#!{sys.executable}\n{code}")
        (commands / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{commands}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(params=["stand-ins", "real"])
def sweep(request: pytest.FixtureRequest, tmp_path: Path) -> Sweep:
    if request.param == "stand-ins":
        request.getfixturevalue("stand_ins")
    elif (
        shutil.which("scontrol") is None
        or subprocess.run(["scontrol", "ping"], capture_output=True, check=False).returncode
    ):
        pytest.skip("no Slurm answers on this machine")
    return Sweep(tmp_path, os.environ | {"PYTHONPATH": str(Path(CONF).parent), "OMP_NUM_THREADS": "1"})


def test_a_sweep_that_is_killed_is_taken_up_again_and_repeats_nothing(sweep: Sweep) -> None:
    with sft_lock(sweep.folder / "store"):
        with sweep.start() as first:
            sweep.until_sft_waits()
            first.kill()  # the jobs go on
        second = sweep.start()
        lines = iter(second.stdout.readline, "")
        seen = [next(line for line in lines if "jobs are finished" in line)]
    output, _ = second.communicate(timeout=240)
    assert second.returncode == 1, "failed is failed"
    assert "0 of 2 jobs are finished, 1 wait or run in Slurm" in seen[0] or "2 wait" in seen[0]
    assert "stage reward needs the result of stage preferences" in output
    assert sweep.states() == {"stages=[sft]": FINISHED, "stages=[reward]": FAILED}

    status, output = sweep.run()
    assert (status, "1 of 2 jobs are finished, 0 wait or run" in output) == (1, True), output
    assert "is Slurm job" in output and "stages=[sft]" not in output.split("is Slurm job")[1].splitlines()[0]


def test_a_job_that_is_killed_is_a_failed_one(sweep: Sweep) -> None:
    with sft_lock(sweep.folder / "store"):
        process = sweep.start()
        os.kill(sweep.until_sft_waits(), signal.SIGKILL)
        output, _ = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "without a result" in output and "The same command continues it" in output
    assert sweep.states() == {"stages=[sft]": FAILED, "stages=[reward]": FAILED}


def test_a_job_that_is_told_of_its_time_limit_goes_back_into_the_queue_and_on(stand_ins: None, tmp_path: Path) -> None:
    sweep = Sweep(tmp_path, os.environ | {"PYTHONPATH": str(Path(CONF).parent), "OMP_NUM_THREADS": "1"})
    with sft_lock(sweep.folder / "store"):
        process = sweep.start()
        first = sweep.until_sft_waits()
        (tmp_path / "commands" / "full").touch()  # no room in the queue: the job's next try begins later
        os.kill(first, signal.SIGUSR2)
        deadline = time.monotonic() + 120
        while REQUEUED not in sweep.states().values():
            assert process.poll() is None and time.monotonic() < deadline, sweep.states()
            time.sleep(0.1)
        (tmp_path / "commands" / "full").unlink()
        assert sweep.until_sft_waits() != first
    output, _ = process.communicate(timeout=240)
    assert sweep.states() == {"stages=[sft]": FINISHED, "stages=[reward]": FAILED}, output


def test_a_job_of_two_processes_is_one_job(sweep: Sweep) -> None:
    """Slurm starts both tasks, which share out batches of two rows. The other job's cannot be shared, which the first
    process says."""
    status, output = sweep.run("hydra/launcher=slurm_multi", "engine=ddp", "stages=[sft]", "sft.train.batch_size=2,3")
    assert status == 1 and "batches do not divide by 2 processes" in output, output
    jobs = {job.overrides[-1]: job for job in read_sweep(sweep.folder / "sweep")}
    assert {name: job.state for name, job in jobs.items()} == {
        "sft.train.batch_size=2": FINISHED,
        "sft.train.batch_size=3": FAILED,
    }
    returned = [file.name.split("_")[-2] for file in (sweep.folder / "sweep/.slurm").glob("*/*_result.pkl")]
    assert sorted(returned) == ["0", "0", "1"], "both tasks of the one, the first of the other"


def test_each_model_has_its_own_resources(tmp_path: Path, stand_ins: None) -> None:
    (tmp_path / "commands" / "sbatch").write_text("#!/bin/sh\necho Submitted batch job 1\n")  # runs nothing
    launcher = SlurmLauncher(
        {"tiny": {"gpus_per_node": None, "mem_gb": 4}, "llama2_7b": {"timeout_min": 90}},
        submitit_folder=str(tmp_path / "%j"),
        max_num_timeout=0,
        name="a",
        gpus_per_node=2,
        timeout_min=30,
        mem_gb=64,
        additional_parameters={"requeue": True},
    )
    for model, expected in {
        "tiny": "--mem=4GB --time=30 --requeue",
        "other": "--gpus-per-node=2 --mem=64GB --time=30",
        "llama2_7b": "--gpus-per-node=2 --mem=64GB --time=90",
    }.items():
        jobs = launcher._submit(model, "single", {4: ["a=b"], 7: ["a=c"]})
        assert {number: job.job_id for number, job in jobs.items()} == {4: "1_0", 7: "1_1"}
        script = (tmp_path / "1" / "1_submission.sh").read_text()
        assert "--array=0-1%" in script and all(f"#SBATCH {word}\n" in script for word in expected.split()), script
        assert ("--gpus-per-node" in script) == (model != "tiny")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"partitoin": "x"}, "model=tiny were not submitted.*partitoin"),
        ({"nodes": 2}, "nodes=2, tasks_per_node=1, but with engine=single a job is one process: add engine=ddp"),
        ({"tasks_per_node": 4}, "nodes=1, tasks_per_node=4, but with engine=single"),
        ({"mem_gb": "much"}, "model=tiny were not submitted.*mem_gb"),
    ],
)
def test_a_wrong_resource_is_refused(
    tmp_path: Path, stand_ins: None, parameters: dict[str, object], message: str
) -> None:
    launcher = SlurmLauncher({"tiny": parameters}, submitit_folder=str(tmp_path), max_num_timeout=0, name="a")
    with pytest.raises(SalmonError, match=f"(?s){message}"):
        launcher._submit("tiny", "single", {0: []})


@pytest.mark.parametrize(
    ("parameters", "engine", "tasks"),
    [
        ({"gpus_per_node": 8, "nodes": 2}, "zero3", 8),
        ({"gpus_per_node": 8, "tasks_per_node": 2}, "ddp", 2),
        ({"gpus_per_node": None}, "ddp", 1),
        ({"gpus_per_node": 2}, "single", 1),
    ],
)
def test_a_job_has_a_process_a_gpu(parameters: dict[str, object], engine: str, tasks: int) -> None:
    assert with_processes(parameters, engine) == parameters | {"tasks_per_node": tasks}


def test_states_of_jobs() -> None:
    watcher = SqueueWatcher()
    watcher._registered |= {"7_0", "7_1", "8", "9"}
    watcher._info_dict = watcher.read_info("7_0|RUNNING\n7_1|PENDING\n8|FAILED\n")
    assert {job: watcher.is_done(job, mode="cache") for job in sorted(watcher._registered)} == {
        "7_0": False,
        "7_1": False,
        "8": True,
        "9": True,
    }, "a forgotten job has ended"


def test_a_slurm_that_does_not_answer_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_queue, "_SQUEUE", ("false",))
    with pytest.raises(SalmonError, match="^false --user .*: Slurm does not answer"):
        queued()


def test_only_a_job_of_this_very_config_is_finished(tmp_path: Path) -> None:
    composed = OmegaConf.create({"hydra": {"job": {}}, "name": "a", "ppo": {"seed": 0}})
    assert not is_finished(tmp_path / "a", composed)
    ppo = add_artifact(tmp_path / "ppo", {})
    folder = add_job(tmp_path, "a", ["ppo.seed=0"], {"name": "a", "ppo": {"seed": 0}}, ppo=ppo)
    assert is_finished(folder, composed)
    assert not is_finished(folder, OmegaConf.merge(composed, {"ppo": {"lr": 1}})), "another config"
    shutil.rmtree(ppo)
    assert not is_finished(folder, composed), "its artifact is gone"


def test_jobs_are_grouped_by_their_model_and_engine() -> None:
    jobs = {
        n: OmegaConf.create({"hydra": {"runtime": {"choices": {"model": model}}}, "engine": {"kind": engine}})
        for n, (model, engine) in enumerate(
            [("tiny", "ddp"), ("llama2_7b", Engine.ddp), ("tiny", Engine.ddp), ("tiny", "single")]
        )
    }
    assert by_choice(jobs) == [(("tiny", "ddp"), [0, 2]), (("llama2_7b", "ddp"), [1]), (("tiny", "single"), [3])]
