"""Seeds of a study: what is repeated, what is shared, and what is said where there are none."""

from pathlib import Path

import pytest
import yaml

from salmon.config.register import CONF
from sweeps.cells import cells_of
from sweeps.collect import NOT_STARTED, SweepJob, read_sweep
from sweeps.differences import Difference, Pairing, difference
from sweeps.seeds import seed_label, seed_notes
from sweeps.statistics import Estimate
from tests.sweeps.sweep_folders import add_artifact, add_job, arm_config, make_sweep

STUDIES = [*Path(CONF).glob("experiment/*.yaml"), *Path(CONF).parent.glob("sweeps/*.yaml")]


def job(*overrides):
    return SweepJob(" ".join(overrides), overrides, NOT_STARTED)


@pytest.mark.parametrize("file", STUDIES, ids=lambda file: file.stem)
def test_every_study_declares_seeds(file):
    params = ((yaml.safe_load(file.read_text()).get("hydra") or {}).get("sweeper") or {}).get("params")
    if params is not None:
        assert [len(str(value).split(",")) for key, value in params.items() if key in ("seed", "ppo.seed")][0] >= 2


def test_the_seed_of_a_job():
    assert seed_label(job("principles=a", "ppo.seed=3")) == "3"
    assert seed_label(job("seed=1", "ppo.seed=3")) == "ppo.seed=3, seed=1"
    assert seed_label(job("ppo.seeded=1")) == ""


def test_a_study_without_seeds_and_different_seeds_are_said():
    without = [job("principles=a"), job("principles=b")]
    assert "No seed is swept, so every cell is one run (n = 1)" in seed_notes(without, {"a": [""], "b": [""]})[0]
    assert seed_notes(without[:1], {"a": [""]}) == [], "one job is no study"
    seeded = [job(f"principles={name}", f"ppo.seed={seed}") for name in "ab" for seed in "01"]
    assert seed_notes(seeded, {"a": ["0", "1"], "b": ["1", "0"]}) == []
    assert "differ: 0, 1 (a); 0 (b)." in seed_notes(seeded, {"a": ["0", "1"], "b": ["0"]})[0]
    assert seed_notes(seeded, {"a": ["0"], "b": ["0"]}) == ["No finished job has seed 1."]
    assert seed_notes(seeded, {"a": [], "b": []}) == [], "the list of unfinished jobs says that"


def cells(folder, rewards, shared=None):
    """A cell for each name with held_out/reward by seed, and figures of an evaluation that seeds may share."""
    seeds = sorted({seed for by_seed in rewards.values() for seed in by_seed})
    sweep = make_sweep(folder / "sweep", {"principles": list(rewards), "ppo.seed": seeds})
    for name, by_seed in rewards.items():
        for seed, reward in by_seed.items():
            policy = add_artifact(folder / f"{name}{seed}", {"held_out/reward": {0: 0.0, 4: reward}})
            add_job(
                sweep,
                f"{name}{seed}",
                [f"principles={name}", f"ppo.seed={seed}"],
                arm_config(name, seed),
                ppo=shared or policy,
            )
    return cells_of(read_sweep(sweep))


def test_differences_are_paired_by_seed(tmp_path):
    """By seed the effect is 1 each; the seeds themselves are 10 apart."""
    a, b = cells(tmp_path, {"a": {0: 1.0, 1: 11.0}, "b": {0: 2.0, 1: 12.0, 2: 99.0}})
    assert difference(b, a, "held_out/reward") == Difference(Estimate(1.0, 0.0, 2), Pairing.paired)


def test_without_a_common_seed_means_are_compared(tmp_path):
    a, b = cells(tmp_path, {"a": {0: 1.0, 1: 1.0}, "b": {2: 3.0, 3: 3.0}})
    assert difference(b, a, "held_out/reward") == Difference(Estimate(2.0, 0.0, 2), Pairing.unpaired)
    assert difference(b, a, "held_out/kl") == Difference(Estimate(None, None, 0), Pairing.none)


def test_seeds_that_share_an_artifact_are_one_measurement(tmp_path):
    """A stage that does not read the seed is made once: three readings of it would look like a sure result."""
    policy = add_artifact(tmp_path / "shared", {"held_out/reward": {0: 0.0, 4: 2.0}})
    a, b = cells(tmp_path, {"a": {0: 0.0, 1: 0.0, 2: 0.0}, "b": {0: 0.0}}, shared=policy)
    assert a.estimate("held_out/reward") == Estimate(2.0, None, 1)
    assert list(a.curves("held_out/reward")) == ["0"]
    assert difference(a, b, "held_out/reward") == Difference(Estimate(0.0, None, 1), Pairing.same)


def test_what_was_not_finite_in_the_end_is_missing(tmp_path):
    policy = add_artifact(tmp_path / "diverged", {"held_out/reward": {0: 0.0, 2: 1.0, 4: None}})
    (a,) = cells(tmp_path, {"a": {0: 0.0}}, shared=policy)
    assert a.estimate("held_out/reward") == Estimate(None, None, 0), "not the value before it diverged"
