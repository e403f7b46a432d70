"""Ten updates of PPO on the tiny model, and the stages before and beside it, give the numbers that are stored.

A refactoring changes none of them. Where a change is meant to: ``python -m tests.invariants.remake_reference``.
"""

import json
import platform
import shutil

import pytest

from tests.invariants.reference import REFERENCE, differences, stored, trajectories
from tests.tiny_run import STAGES, UPDATES, run_tiny

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", STAGES)
def test_the_metrics_are_those_stored(stage, tiny_run):
    found = differences(stored()[stage], trajectories(tiny_run)[stage])
    made_with = json.loads(REFERENCE.read_text())["versions"]
    assert not found, "\n".join(
        [f"{len(found)} of {stage}'s metrics differ (stored with {made_with}, on {platform.processor()})", *found[:20]]
    )


def test_ten_updates_are_stored():
    assert stored().keys() == set(STAGES)
    steps = [step for step, _ in stored()["ppo"]["policy/loss"]]
    assert steps == list(range(1, UPDATES + 1))
    assert 0 < stored()["ppo"]["response/eos_rate"][0][1] < 1, "responses of several lengths"
    assert all(0 < share < 1 for _, share in stored()["ppo"]["policy/clip_fraction"]), "both sides of the clip"


# Two updates are enough to tell: the schedule is constant, so a shorter run begins as the long one does.
SHORT = "ppo.epochs=1"


def first_updates(trajectory):
    shorter = {name: [(step, value) for step, value in values if step in (1, 2)] for name, values in trajectory.items()}
    return {name: values for name, values in shorter.items() if values and not name.startswith("held_out/")}


@pytest.fixture(scope="module")
def rerun(tiny_run, tiny_cache, tmp_path_factory):
    """PPO's first two updates, on the earlier stages' artifacts, with a setting changed."""
    folder = tmp_path_factory.mktemp("changed")
    store = tiny_run["ppo"].artifact.path.parents[1]
    shutil.copytree(store, folder / "store", ignore=lambda _, names: {"ppo", "dpo", "best_of_n"} & set(names))

    def run(*changes):
        made = run_tiny(folder, tiny_cache, "stages=[ppo]", SHORT, *changes)
        return first_updates(trajectories(made)["ppo"])

    return run


def test_a_shorter_run_begins_alike(rerun):
    expected = first_updates(stored()["ppo"])
    assert len(expected) > 40
    assert differences(expected, rerun()) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        "ppo.gamma=0.97",  # 0.98
        "ppo.lam=0.94",  # 0.95
        "ppo.clip_range=0.021",  # 0.02
        "ppo.value_coefficient=0.51",  # 0.5
        "ppo.shaping.length_bonus=0.505",  # 0.5
    ],
)
def test_a_changed_coefficient_is_rejected(rerun, change):
    assert differences(first_updates(stored()["ppo"]), rerun(change))
