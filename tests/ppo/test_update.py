"""How an update walks through a rollout: steps, learning rates, early stop; and what stops it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch

from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.forward import TokenBatch
from salmon.ppo.learning_signal import ValueTargets
from salmon.ppo.passes import ModelOutputs
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import Rollout, collect_rollout
from salmon.ppo.update import update
from salmon.principles.bank import Bank, Principle
from salmon.runtime.seeding import stream
from salmon.training.trainer import StepStats
from tests.typechecked import unchecked

BANK = Bank("test", (Principle("Concise", "It is short."),))
BATCH = PromptBatch([Prompt("a", "Name a fish."), Prompt("b", "Who are you?")], [(0, "a"), (0, "b")])
ONES = torch.ones(6, 2)


class Steps:
    """In the place of a trainer: what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, int]] = []

    def step(self, step: int, schedule_step: int, total_steps: int) -> StepStats:
        self.asked.append((step, schedule_step, total_steps))
        return StepStats(lr=0.1, grad_norm=float(len(self.asked)))


@pytest.fixture
def walked(monkeypatch: pytest.MonkeyPatch, ppo_config):
    """Updates six responses without a model; gives the metrics, the trainer's steps and the minibatches.

    A minibatch is its rows, and whether the policy is trained.
    """

    def run(step: int = 4, approx_kl: float = 0.0, **changes):
        minibatches: list[tuple[list[int], bool]] = []

        def gradients(models, rollout, rows, ppo, train_policy):
            minibatches.append((rows, train_policy))
            policy = {"policy/approx_kl": approx_kl * len(minibatches)} if train_policy else {}
            return policy | {"value/loss": float(len(minibatches))}

        monkeypatch.setattr("salmon.ppo.update.minibatch_gradients", gradients)
        trainer, batch = Steps(), TokenBatch(ONES[:, :1].long(), ONES[:, :1].long(), ONES.long(), ONES)
        returns = torch.arange(12.0).view(6, 2)
        rollout = Rollout(None, batch, ONES, ONES, ONES, ValueTargets(ONES, returns), kl_coefficient=0.05, metrics={})
        metrics = update(None, trainer, rollout, ppo_config(**changes), step, total_steps=10)  # type: ignore[arg-type]
        return metrics, trainer.asked, minibatches

    return run


@pytest.fixture(autouse=True)
def _any_type() -> Iterator[None]:
    """The stand-ins are of other types than the annotations."""
    with unchecked():
        yield


def test_every_step_of_an_update_has_the_updates_learning_rate(walked) -> None:
    """Two inner epochs of two minibatches; the first update is at the beginning of the schedule."""
    assert walked(step=4)[1] == [(4, 3, 10)] * 4
    assert walked(step=1)[1][0] == (1, 0, 10)


def test_metrics_are_means_over_the_optimiser_steps(walked) -> None:
    metrics, _, _ = walked()
    assert metrics["optim/grad_norm"] == metrics["value/loss"] == 2.5
    assert metrics["policy/optimiser_steps"] == 4.0
    assert metrics["value/explained_variance"] == 0.0, "constant values"
    assert 0 <= metrics["time/update_s"] < 60


def test_an_update_ends_where_it_has_gone_too_far(walked) -> None:
    """0.02 after the first step, 0.04 after the second: over the limit, and nothing of the second epoch follows."""
    assert len(walked(approx_kl=0.02, target_kl=0.03)[1]) == 2
    assert len(walked(approx_kl=0.02, target_kl=0.04)[1]) == 3, "the limit itself is not too far"


def test_the_policy_waits_for_the_value_model(walked) -> None:
    """Meanwhile there is no KL of the update that could end it."""
    assert [walked(step=step, critic_warmup_updates=3)[2][0][1] for step in (3, 4)] == [False, True]
    assert len(walked(step=3, critic_warmup_updates=3, target_kl=0.03)[1]) == 4


def test_the_order_of_the_rows_has_a_stream_of_its_own(walked) -> None:
    """Its name is part of what makes a run repeatable."""
    rows = [row for rows, _ in walked(step=4, seed=7)[2] for row in rows]
    streams = [stream(7, "minibatches", 4, inner_epoch) for inner_epoch in (0, 1)]
    assert rows == [row for order in streams for row in order.permutation(6).tolist()]


@pytest.mark.parametrize("name", ["logprobs", "reference_logprobs", "values"])
def test_what_a_model_says_must_be_finite(name: str, ppo_models, ppo_config, rollout_setup, monkeypatch) -> None:
    def outputs(models, batch, ppo, kept) -> ModelOutputs:
        zeros = torch.zeros_like(batch.mask)
        return replace(ModelOutputs(zeros, zeros, zeros, zeros), **{name: zeros + float("nan")})

    monkeypatch.setattr("salmon.ppo.rollout.model_outputs", outputs)
    with pytest.raises(SalmonError, match=f"step 7: {name} is nan"):
        collect_rollout(rollout_setup(ppo_models, ppo_config(), BANK), BATCH, step=7, kl_coefficient=0.05)
