"""Named studies: found from anywhere, each cell of their grids composes, and what the cells share is shared."""

import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, ROOT, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.pipeline.registry import STAGES
from salmon.principles.selection import rl_bank
from sweeps.collect import planned_overrides

pytestmark = pytest.mark.slow

register()

FILES = sorted((ROOT / "sweeps").glob("*.yaml"))
JOBS = {
    "principles_by_size": 36,
    "principles_by_size_laptop": 8,
    "kl": 12,
    "principle_count": 12,
    "interventions": 6,
    "leave_one_principle_out": 30,
}


@cache
def cells(study: str) -> list[Config]:
    plan = OmegaConf.create({"hydra": OmegaConf.to_container(OmegaConf.load(ROOT / f"sweeps/{study}.yaml").hydra)})
    with initialize_config_dir(CONF, version_base="1.3"):
        return [
            to_typed(compose("config", [f"+sweeps={study}", *overrides]), Config)
            for overrides in planned_overrides(plan)
        ]


def test_these_are_the_studies() -> None:
    assert {path.stem for path in FILES} == set(JOBS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_studys_header_is_a_lab_note(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert lines[0] == "# @package _global_"
    header = "\n".join(line for line in lines if line.startswith("#"))
    assert [part for part in ("Question:", "Command:", "Metrics:", "Seeds:", "Cost:") if part not in header] == []
    assert f"+sweeps={path.stem}" in header


@pytest.mark.parametrize("study", JOBS)
def test_every_cell_composes_and_all_before_ppo_is_shared(study: str) -> None:
    jobs = cells(study)
    assert len(jobs) == JOBS[study]
    assert {job.name for job in jobs} == {study} == {job.tracking.group for job in jobs}
    if study == "principles_by_size":
        return  # its prompts are on the hub, and their content belongs to a stage's settings
    made_of = {(job.model.name, job.reward.layers, job.seed) for job in jobs}
    for made in made_of:
        alike = [job for job in jobs if (job.model.name, job.reward.layers, job.seed) == made]
        for stage in ("sft", "preferences", "reward"):
            first, *others = (STAGES[stage].settings(job) for job in alike)
            assert all(other == first for other in others), (made, stage)
        assert len({repr(STAGES["ppo"].settings(job)) for job in alike}) == len(alike)


def test_the_show_piece_has_two_sizes_of_real_weights_and_models_of_their_own_for_two_seeds() -> None:
    jobs, stages = cells("principles_by_size_laptop"), ("sft", "reward", "ppo")
    assert {job.model.name for job in jobs} == {"smollm2_135m"}
    assert {job.reward.layers for job in jobs} == {12, 18}
    assert {(job.seed, job.ppo.seed) for job in jobs} == {(0, 0), (1, 1)} and {tuple(job.stages) for job in jobs} == {
        stages
    }
    made = {stage: {(job.seed, repr(STAGES[stage].settings(job))) for job in jobs} for stage in stages}
    # PPO's own settings do not tell the reward models apart, which are upstream of it.
    assert {stage: len(different) for stage, different in made.items()} == {"sft": 2, "reward": 4, "ppo": 4}


def test_leaving_one_out_leaves_out_each_principle_once() -> None:
    banks = [rl_bank(job.principles).names for job in cells("leave_one_principle_out")]
    whole = max(banks, key=len)
    assert len(whole) == 14 and [len(bank) for bank in banks].count(14) == 2
    left_out = [name for bank in banks for name in set(whole) - set(bank)]
    assert sorted(left_out) == sorted([*whole, *whole]), "once for each of two seeds"


def test_a_study_is_found_from_any_directory_and_a_misspelt_one_is_named(tmp_path: Path) -> None:
    def salmon(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "salmon", *arguments],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    shown = salmon("+sweeps=kl", "--cfg", "hydra", "--package", "hydra.sweeper.params")
    assert (shown.returncode, shown.stdout.strip().splitlines()[-2:]) == (
        0,
        ["ppo.kl.coefficient: 0.01,0.03,0.1,0.3", "ppo.seed: 0,1,2"],
    ), shown.stderr
    wrong = salmon("+sweeps=klx")
    assert wrong.returncode == 1 and "sweeps/klx" in wrong.stderr and "interventions" in wrong.stderr
