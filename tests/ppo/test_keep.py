"""``ppo.keep_every``: policies of several moments of one run, the same ones after a kill."""

import pytest
from safetensors import safe_open
from safetensors.torch import load_file

from salmon.errors import SalmonError
from salmon.pipeline.registry import STAGES
from tests.ppo.five_updates import adapters, config

pytestmark = pytest.mark.slow


def test_policies_are_kept_with_their_steps_and_a_kill_changes_none(train):
    straight = train("straight", "ppo.keep_every=2")
    found = adapters(straight.work)
    assert set(found) == {"best/policy", "last/policy", "last/value", "checkpoints/step_2", "checkpoints/step_4"}
    assert straight.checkpoints == {"ppo_step_2": "checkpoints/step_2", "ppo_step_4": "checkpoints/step_4"}
    assert straight.steps == {"ppo_best": 5, "ppo_last": 5, "ppo_step_2": 2, "ppo_step_4": 4}
    policies = [found[name] for name in ("checkpoints/step_2", "checkpoints/step_4", "last/policy")]
    assert len(set(policies)) == 3, "each is of its own moment"
    assert found["best/policy"] == found["last/policy"]

    folder = straight.work / "checkpoints/step_2"
    assert {file.name for file in folder.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        assert all("lora_" in key for key in file.keys()), "the adapter only"

    # Killed in update 3, with a policy on disk and no state; then in update 5, with a state older than the last policy.
    for update in (3, 5):
        killed = train("killed", "ppo.keep_every=2", killed_at=update)
        assert "last/policy" not in adapters(killed.work)
    damaged = killed.work / "checkpoints/step_4/adapter_model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:100])  # as a kill in the middle of writing leaves it
    again = train("killed", "ppo.keep_every=2")
    assert adapters(again.work) == found
    assert (again.steps, again.checkpoints) == (straight.steps, straight.checkpoints)
    assert load_file(damaged)


def test_without_it_nothing_is_kept_and_the_policies_are_the_same(train):
    kept, plain = train("kept", "ppo.keep_every=1"), train("plain")
    assert plain.checkpoints == {} and plain.steps == {"ppo_best": 5, "ppo_last": 5}
    both = adapters(plain.work)
    assert both == {name: digest for name, digest in adapters(kept.work).items() if name in both}
    assert sorted(kept.steps.values()) == [1, 2, 3, 4, 5, 5, 5]


def test_an_artifact_that_kept_other_policies_is_another():
    def settings(*overrides):
        return STAGES["ppo"].settings(config(*overrides))

    assert settings("ppo.keep_every=2") != settings()
    assert settings("ppo.keep_every=2") != settings("ppo.keep_every=3")
    assert "keep_every" not in settings() and "keep_every" not in settings()["ppo"], "as before there was such a thing"
    with pytest.raises(SalmonError, match=r"ppo\.keep_every=0 must be at least 1"):
        config("ppo.keep_every=0")
