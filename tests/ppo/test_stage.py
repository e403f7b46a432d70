"""The PPO stage from outside: ten updates, the policies that it keeps, what it refuses."""

import json
import shutil

import pytest
from safetensors.torch import load_file

from salmon.data.split import split_by_prompt
from salmon.errors import SalmonError
from tests.tiny_run import UPDATES, metrics_of, run_tiny

pytestmark = pytest.mark.slow


def policy(folder):
    return load_file(folder / "adapter_model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(one[name].equal(other[name]) for name in one)


@pytest.fixture(scope="module")
def updates(tiny_run):
    return [row for row in metrics_of(tiny_run["ppo"]) if "policy/loss" in row]


@pytest.fixture(scope="module")
def held_out(tiny_run):
    return {row["step"]: row["held_out/reward"] for row in metrics_of(tiny_run["ppo"]) if "held_out/reward" in row}


def test_it_starts_at_the_reference_and_leaves_it(updates):
    assert [row["step"] for row in updates] == list(range(1, UPDATES + 1))
    assert updates[0]["objective/kl"] == pytest.approx(0, abs=1e-5)
    assert updates[-1]["objective/kl_k3"] > 1e-3
    assert max(row["sampler/logprob_difference"] for row in updates) < 1e-5


def test_the_kl_coefficient_follows_the_kl(updates):
    """Below its target of 0.5 nats the charge falls, above it rises (Ziegler et al. 2019)."""
    for before, after in zip(updates, updates[1:], strict=False):
        falls = after["objective/kl_coefficient"] < before["objective/kl_coefficient"]
        assert falls == (before["objective/kl"] < 0.5)


def test_the_best_policy_is_that_of_the_highest_held_out_reward(tiny_run, held_out):
    artifact = tiny_run["ppo"].artifact
    assert list(held_out) == [0, 5, 10]
    best = max((5, 10), key=lambda step: held_out[step])
    assert artifact.manifest["steps"]["ppo_best"] == artifact.metrics["held_out/best_step"] == best
    assert artifact.metrics["held_out/reward_best"] == pytest.approx(held_out[best], abs=1e-6)
    assert artifact.metrics["held_out/reward_start"] == pytest.approx(held_out[0], abs=1e-6)
    assert artifact.metrics["held_out/reward_last"] == pytest.approx(held_out[10], abs=1e-6)
    assert artifact.metrics["held_out/reward_gain"] == pytest.approx(held_out[10] - held_out[0], abs=1e-6)
    folders = artifact.checkpoints
    assert same(policy(folders["ppo_best"]), policy(folders[f"ppo_step_{best}"]))


def test_its_policies_are_of_their_own_moments(tiny_run):
    folders = tiny_run["ppo"].artifact.checkpoints
    assert set(folders) == {"ppo_best", "ppo_last", "ppo_step_5", "ppo_step_10"}
    start, fifth, last = (
        policy(tiny_run["sft"].artifact.checkpoints["sft"]),
        *(policy(folders[name]) for name in ("ppo_step_5", "ppo_last")),
    )
    assert same(policy(folders["ppo_step_10"]), last)
    assert not same(start, fifth) and not same(fifth, last) and start.keys() == last.keys()


def test_the_value_model_has_left_the_reward_model_that_it_started_from(tiny_run):
    value = tiny_run["ppo"].artifact.path / "last/value"
    reward = tiny_run["reward"].artifact.path / "reward"
    assert policy(value).keys() == policy(reward).keys() and not same(policy(value), policy(reward))
    heads = [load_file(folder / "scalar_head.safetensors") for folder in (value, reward)]
    assert not same(*heads)


def test_too_few_prompts_for_a_rollout_are_refused(tiny_run, tiny_cache, tmp_path):
    store = tiny_run["ppo"].artifact.path.parents[1]
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("ppo"))
    prompts = tmp_path / "prompts.jsonl"
    texts = split_by_prompt([f"Ask {n}" for n in range(100)], str, 0.2)
    rows = [{"prompt": text} for text in texts.held_out[:4] + texts.training[:2]]
    prompts.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(
        SalmonError, match=r"2 training prompts \(after 4 held out\) x 1 epochs do not fill one rollout"
    ):
        run_tiny(tmp_path, tiny_cache, "stages=[ppo]", f"prompts.ppo={prompts}", "ppo.num_prompts=null", "ppo.epochs=1")
