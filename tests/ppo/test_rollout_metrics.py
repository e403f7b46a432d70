"""The metrics of a rollout, worked out by hand: two responses, of three tokens and of one."""

import pytest
import torch
from torch import Tensor

from salmon.data.rows import Prompt
from salmon.models.forward import TokenBatch
from salmon.ppo.learning_signal import LearningSignal, ValueTargets
from salmon.ppo.passes import ModelOutputs
from salmon.ppo.rollout_metrics import rollout_metrics
from salmon.ppo.shaping import ScoredResponses
from salmon.principles.bank import Principle
from salmon.sampling.responses import Response

CONCISE, KIND = Principle("Concise", "It is short."), Principle("Kind", "It is friendly.")
MASK = torch.tensor([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0]])
RUBBISH = 7.0  # at padding, where it must not count


def at(first: list[float], second: float) -> Tensor:
    return torch.tensor([first, [second, RUBBISH, RUBBISH]])


@pytest.fixture
def metrics() -> dict[str, float]:
    scored = ScoredResponses(
        [Prompt("a", "Name a fish."), Prompt("b", "Hi")],
        [Response([5], [1, 2, 3], [-1.0, -2.0, -3.0], True, "a b c"), Response([5], [4], [-0.5], False, "d")],
        [(CONCISE, KIND), (KIND,)],
        scores=torch.tensor([2.0, 5.0]),
        unfinished=torch.tensor([0.0, 1.0]),
        empty=torch.tensor([0.0, 1.0]),
        penalty=torch.tensor([0.0, -3.0]),
        bonus=torch.tensor([1.0, 2.0]),
    )
    batch = TokenBatch(torch.ones(2, 1).long(), torch.ones(2, 1).long(), torch.ones(2, 3).long(), MASK)
    # Log-ratios to the reference: 1, -1, 0 and 2.
    outputs = ModelOutputs(
        logprobs=at([-1.0, -2.0, -3.0], -0.4),
        entropies=at([1.0, 2.0, 3.0], 6.0),
        reference_logprobs=at([-2.0, -1.0, -3.0], -2.4) - torch.tensor([[0.0, 0, 0], [0.0, 1, 1]]),
        values=torch.zeros(2, 3),
    )
    signal = LearningSignal(
        kl=torch.tensor([[1.0, -1.0, 0.0], [2.0, 0.0, 0.0]]),
        kl_in_reward=0.5,
        rewards=torch.tensor([[-0.5, 0.5, 3.0], [3.0, 0.0, 0.0]]),
        advantages=at([1.0, 2.0, 3.0], 2.0),
        targets=ValueTargets(torch.zeros(2, 3), torch.zeros(2, 3)),
    )
    return rollout_metrics(scored, batch, outputs, signal, kl_coefficient=0.5)


def test_sums_over_a_response_are_means_over_responses(metrics: dict[str, float]) -> None:
    assert metrics["objective/kl"] == pytest.approx((0 + 2) / 2)
    # exp(-d) - 1 + d of 1, -1, 0 and 2, summed over each response
    assert metrics["objective/kl_k3"] == pytest.approx((0.367879 + 0.718282 + 0 + 1.135335) / 2, abs=1e-5)
    assert metrics["objective/non_score_reward"] == pytest.approx((0 - 0.5 * 2) / 2)
    assert metrics["objective/shaped_reward"] == pytest.approx((3 + 3) / 2)
    assert metrics["response/length"] == 2.0


def test_means_over_tokens_leave_padding_out(metrics: dict[str, float]) -> None:
    assert metrics["objective/entropy"] == pytest.approx((1 + 2 + 3 + 6) / 4)
    assert metrics["advantage/mean"] == pytest.approx((1 + 2 + 3 + 2) / 4)
    assert metrics["advantage/std"] == pytest.approx(0.5**0.5)  # of 1, 2, 3, 2: deviations -1, 0, 1, 0
    assert metrics["sampler/logprob_difference"] == pytest.approx(0.1 / 4)  # the last token: -0.5 and -0.4


def test_means_over_responses(metrics: dict[str, float]) -> None:
    expected = {
        "objective/score": 3.5,
        "objective/score_std": 1.5,
        "objective/length_bonus": 1.5,
        "objective/unfinished_rate": 0.5,
        "objective/empty_rate": 0.5,
        "response/eos_rate": 0.5,
        "objective/kl_coefficient": 0.5,
        "objective/score_uncertainty": 0.190865,  # sigmoid(5 - 2) = 0.952574
        "response/repetition": 0.0,
        "principle/Concise/score": 2.0,
        "principle/Kind/score": 3.5,
    }
    assert {name: metrics[name] for name in expected} == pytest.approx(expected)
    assert len(metrics) == len(expected) + 9
