"""The stage with each estimator: what it keeps and logs, and that a kill changes nothing."""

import json
from pathlib import Path

import pytest

from salmon.config.ppo import OF_VALUE_MODEL
from salmon.pipeline.registry import STAGES
from tests.ppo.five_updates import adapters, config

pytestmark = pytest.mark.slow

FOUR_ANSWERS = ("ppo.rollout_batch=4", "ppo.answers_per_prompt=2", "ppo.max_updates=5")
ARMS = {
    "rloo": ("ppo/advantage=rloo", *FOUR_ANSWERS),
    "grpo": ("ppo/advantage=grpo", *FOUR_ANSWERS),
    "reinforce_pp": ("ppo/advantage=reinforce_pp",),
    "gae": FOUR_ANSWERS,  # it may have several answers a prompt too
}


def logged(work: Path) -> list[dict[str, float]]:
    """All metrics but those of the clock."""
    rows = [json.loads(line) for line in (work / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if not key.startswith(("time", "perf/"))} for row in rows]


@pytest.mark.parametrize("name", ARMS)
def test_a_kill_changes_nothing_and_there_is_a_value_model_for_gae_only(train, name: str) -> None:
    straight = train("straight", *ARMS[name])
    found = adapters(straight.work)
    assert set(found) == {"best/policy", "last/policy"} | ({"last/value"} if name == "gae" else set())
    updates = [row for row in logged(straight.work) if "policy/loss" in row]
    assert [row["step"] for row in updates] == [1, 2, 3, 4, 5]
    for row in updates:
        assert None not in row.values(), "all finite"
        assert any(key.startswith("value/") for key in row) == (name == "gae")
        assert ("advantage/equal_groups" in row) == (name != "reinforce_pp")
        assert ("policy/reference_kl" in row) == (name == "grpo")
    assert updates[-1]["objective/kl_k3"] > 1e-6, "the policy has moved"

    for update in (3, 5):  # before the first state, and after it
        train("killed", *ARMS[name], killed_at=update)
    again = train("killed", *ARMS[name])
    assert adapters(again.work) == found
    assert logged(again.work) == logged(straight.work)


def test_settings_of_the_value_model_are_in_no_fingerprint_without_one() -> None:
    def identity(*overrides: str) -> dict:
        return STAGES["ppo"].settings(config(*overrides))

    gae, rloo = identity(), identity(*ARMS["rloo"])
    assert set(gae["ppo"]) - set(rloo["ppo"]) == set(OF_VALUE_MODEL)
    assert identity(*ARMS["rloo"], "ppo.lam=0.5", "ppo.value_init=reward") == rloo
    assert identity("ppo.lam=0.5") != gae
    assert identity(*ARMS["rloo"], "ppo.answers_per_prompt=4") != rloo
