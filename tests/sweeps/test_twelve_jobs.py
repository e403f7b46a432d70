"""A study as it is used: 3 principle sets x 2 sizes x 2 seeds, two jobs killed, one that cannot run, and run again."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from transformers import LlamaConfig, LlamaForCausalLM

from salmon.config.register import CONF
from salmon.models.weights import resolve
from salmon.runtime.status import read_state
from sweeps.collect import FAILED, FINISHED, RUNNING, read_sweep

pytestmark = pytest.mark.slow

SHARED = ("sft", "preferences", "reward")
STUDY = """
# @package _global_
defaults:
  - /experiment/self_judged
  - override /model: tiny
  - override /tracking: disabled
  - _self_
name: twelve
stages: [sft, preferences, reward, ppo]
sft: {num_prompts: 4}
ppo:
  kl:
    coefficient: ${oc.decode:${oc.env:CELL_${model.name}_${principles.name}_${ppo.seed},"0.05"}}
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      model: tiny,deep
      principles: paper,harmless,honest
      ppo.seed: 0,1
"""


def make_choices(folder: Path, cache: Path) -> None:
    """A ``--config-dir`` with the study and a second size: tiny with four layers instead of two."""
    deep = folder / "deep"
    shutil.copytree(resolve("random:tiny", cache), deep)
    config = LlamaConfig.from_pretrained(deep, num_hidden_layers=4)
    LlamaForCausalLM(config).save_pretrained(deep)
    for name, text in {
        "experiment/twelve": STUDY,
        "model/deep": f"defaults: [tiny]\nname: deep\npath: {deep}\n",
        "scale/deep": "# @package _global_\ndefaults: [tiny]\n",
    }.items():
        file = folder / "conf" / f"{name}.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(text)


class Killer(threading.Thread):
    """Kills the first job seen in each of the given stages, at a random moment."""

    def __init__(self, sweep: Path, stages: tuple[str, ...]) -> None:
        super().__init__(daemon=True)
        self.sweep, self.stages = sweep, stages
        self.killed: list[str] = []

    def run(self) -> None:
        moments = random.Random(12)
        for stage in self.stages:
            while not (found := self.running(stage)):
                time.sleep(0.05)
            time.sleep(moments.uniform(0, 0.5))
            folder, process = found
            os.kill(process, signal.SIGKILL)
            self.killed.append(folder.name)

    def running(self, stage: str) -> tuple[Path, int] | None:
        for file in sorted(self.sweep.glob("*/status.json")):
            status = read_state(file) or {}
            at_work = status.get("progress") is not None or stage != "reward"  # not one that waits for another's
            if (status.get("state"), status.get("stage")) == (RUNNING, stage) and at_work:
                return file.parent, int(status["process"])
        return None


def test_twelve_jobs(tmp_path: Path, tiny_cache: Path) -> None:
    make_choices(tmp_path, tiny_cache)
    sweep = tmp_path / "sweep"
    command = [
        sys.executable,
        "-m",
        "salmon",
        "--config-dir",
        str(tmp_path / "conf"),
        "+experiment=twelve",
        f"paths.store={tmp_path / 'store'}",
        f"paths.cache={tiny_cache}",
        f"hydra.sweep.dir={sweep}",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]
    environment = os.environ | {
        "PYTHONPATH": str(Path(CONF).parent),
        "OMP_NUM_THREADS": "1",
        "CELL_deep_honest_1": "-1",
    }
    killer = Killer(sweep, ("reward", "ppo"))
    killer.start()
    outputs = []
    for _ in range(2):
        done = subprocess.run(command, capture_output=True, text=True, timeout=900, cwd=tmp_path, env=environment)
        assert done.returncode == 1, done.stdout + done.stderr  # failed is failed
        outputs.append(done.stdout)
        states = Counter(job.state for job in read_sweep(sweep))
        assert states == ({FINISHED: 9, FAILED: 3} if len(outputs) == 1 else {FINISHED: 11, FAILED: 1}), done.stdout
    assert len(set(killer.killed)) == 2
    for name in killer.killed:
        assert f"job {name} failed: killed by SIGKILL" in outputs[0]
    made = Counter(re.findall(r"^\S+ (\S+): done in ", "".join(outputs), flags=re.MULTILINE))
    assert made == {**dict.fromkeys(SHARED, 2), "ppo": 11}, "each shared stage once for each size"
    assert {stage: len(list((tmp_path / "store" / stage).glob("*/manifest.json"))) for stage in made} == made

    report = (sweep / "report.md").read_text()
    assert "Jobs: 11 of 12 finished." in report
    (failed,) = [job for job in read_sweep(sweep) if job.state == FAILED]
    assert set(failed.overrides) == {"model=deep", "principles=honest", "ppo.seed=1"} | {
        part for part in failed.overrides if part.startswith(("+", "paths."))
    }
    assert f"| {failed.name} | failed |" in report and "ppo.kl.coefficient" in report
    assert json.loads((sweep / "report.json").read_text())
