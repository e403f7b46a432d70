"""Score, reward, return, value and the value's clip range are in one unit: a factor on rewards changes nothing else."""

from dataclasses import replace

import pytest
import torch

from salmon.config.ppo import ValueInit
from salmon.data.rows import Prompt
from salmon.ppo.models import load_ppo_models
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import collect_rollout
from salmon.ppo.update import minibatch_gradients
from salmon.principles.bank import Bank, Principle

BANK = Bank("test", (Principle("Concise", "It is short."),))
BATCH = PromptBatch([Prompt("a", "Name a fish."), Prompt("b", "Who are you?")], [(0, "a"), (0, "b")])
PAPER = 10.0  # ``ppo.shaping.scale`` of ppo=paper


@pytest.fixture
def first_update(load_tiny, ppo_folders, ppo_config, rollout_setup):
    """The value model's statistics in the first minibatch of a run, after its values have moved by ``moved`` scores."""

    def run(scale: float, value_init: ValueInit, moved: float = 0.0) -> dict[str, float]:
        ppo = ppo_config(shaping=replace(ppo_config().shaping, scale=scale), value_init=value_init)
        models = load_ppo_models(load_tiny(), *ppo_folders, value_init, scale)
        rollout = collect_rollout(rollout_setup(models, ppo, BANK), BATCH, 1, kl_coefficient=0.05)
        with torch.no_grad():
            models.value_head.bias.add_(moved * scale)
        stats = minibatch_gradients(models, rollout, range(2), ppo, train_policy=False)
        return stats | {"mean_return": rollout.targets.returns[rollout.batch.mask.bool()].abs().mean().item()}

    return run


@pytest.mark.parametrize("value_init", list(ValueInit))
def test_the_first_updates_value_error_is_in_the_units_of_the_returns(first_update, value_init: ValueInit) -> None:
    plain, scaled = (first_update(scale, value_init) for scale in (1.0, PAPER))
    assert plain["value/error"] > 0.1
    assert scaled["value/error"] == pytest.approx(PAPER * plain["value/error"], rel=1e-3)
    assert scaled["value/loss"] == pytest.approx(PAPER**2 * plain["value/loss"], rel=1e-3)


def test_a_head_of_zeros_misses_the_returns_by_themselves(first_update) -> None:
    stats = first_update(PAPER, ValueInit.reward_zero_head)
    assert stats["value/error"] == pytest.approx(stats["mean_return"], rel=1e-3)


@pytest.mark.parametrize("scale", [1.0, PAPER])
def test_a_value_may_move_by_the_clip_range_of_the_score(first_update, scale: float) -> None:
    """The range is 0.2: values that have moved by 0.15 scores towards the returns are free, by 0.25 they are held."""
    towards = first_update(scale, ValueInit.reward_zero_head, moved=-0.15)
    assert towards["value/error"] < towards["mean_return"]
    assert towards["value/clip_fraction"] == 0.0
    assert first_update(scale, ValueInit.reward_zero_head, moved=-0.25)["value/clip_fraction"] == 1.0
