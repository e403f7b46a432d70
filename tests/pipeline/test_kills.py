"""A hundred random kills, and some full disks, in all stages: what is made in the end is the same, byte for byte."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.runtime.store import Store
from tests.pipeline.killed_run import FINISHED, FULL_DISK, KILLED, run

pytestmark = pytest.mark.slow

KILLS = 100
FULL_DISKS = 0.1  # share of the endings
MEAN = 25.0  # changes of files until the next ending; some stages make 40 from their last state to the end
SETTINGS = (
    "+experiment=self_judged",
    "model=tiny",
    "tracking=disabled",
    "stages=[sft,preferences,reward,ppo,dpo,best_of_n,eval]",
    "principles=verifiable",
    "sft.train.epochs=1",
    "preferences.judge.kind=verifier",
    "preferences.num_prompts=32",
    "preferences.sampling.max_new_tokens=24",
    "reward.pretrain.data=parametric",
    "reward.probe.every=2",
    "reward.train.save_every=2",
    "ppo.num_prompts=8",
    "ppo.held_out_prompts=2",
    "ppo.epochs=2",
    "ppo.sampling.max_new_tokens=6",
    "ppo.rollout_batch=3",
    "ppo.minibatch=3",
    "ppo.eval_every=2",
    "ppo.save_every=2",
    "dpo.train.epochs=1",
    "best_of_n.n=2",
    "eval.tasks=[truthfulqa_mc1,mt_bench]",
    "eval.limit=1",
)
CLOCK = ("time", "tstamp", "perf/")  # when a line was written, and metrics that measure time


def config(folder: Path, cache: Path) -> tuple[Config, dict[str, Any]]:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose("config", [*SETTINGS, f"paths.store={folder}", f"paths.cache={cache}"])
    resolved: Any = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    return to_typed(composed, Config), {key: value for key, value in resolved.items() if key != "paths"}


def contents(store: Path) -> dict[str, Any]:
    """Every file below the store; where a file says what the clock said, all but that."""
    found: dict[str, Any] = {}
    for path in sorted(path for path in store.rglob("*") if path.is_file() and path.suffix != ".lock"):
        content: Any = path.read_bytes()
        if path.name == "metrics.jsonl" or "model_answer" in path.parts:
            content = [timeless(json.loads(line)) for line in content.splitlines()]
        if path.name == "manifest.json":
            content = json.loads(content)
            content["metrics"] = timeless(content["metrics"])
            content |= {"created": None, "seal": None, "files": sorted(content["files"])}
        found[path.relative_to(store).as_posix()] = content
    return found


def timeless(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in figures.items() if not name.startswith(CLOCK)}


def test_kills_and_full_disks_change_nothing(tmp_path: Path) -> None:
    cache, chance, endings = tmp_path / "cache", random.Random(0), list[int]()
    assert run(*config(tmp_path / "straight", cache)) == FINISHED
    straight, chains = contents(tmp_path / "straight"), 0
    assert len([name for name in straight if name.endswith("manifest.json")]) == 9, "six stages, three evaluations"
    while endings.count(KILLED) < KILLS:
        chains += 1
        store, ended = tmp_path / f"chain_{chains}", KILLED
        job = config(store, cache)
        while ended != FINISHED:
            at = 1 + int(chance.expovariate(1 / MEAN))
            ended = run(*job, at=at, full_disk=chance.random() < FULL_DISKS)
            endings.append(ended)
        assert contents(store).keys() == straight.keys()
        assert contents(store) == straight
        for manifest in store.rglob("manifest.json"):
            artifact = Store(store).get(manifest.parent.parent.name, manifest.parent.name)
            assert artifact is not None
            artifact.verify()
    assert FULL_DISK in endings and chains > 1
