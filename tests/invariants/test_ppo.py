"""What must hold of every PPO update: where it starts, what it moves, and that batching is invisible."""

import math
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from typing import Any

import pytest
import torch
from torch import Tensor

from salmon.config.ppo import (
    AdvantageEstimator,
    KLEstimator,
    KLPlace,
    KLSettings,
    LossMean,
    PPOConfig,
    ValueInit,
)
from salmon.core.gae import gae
from salmon.core.shaping import shaped_rewards
from salmon.data.rows import Prompt
from salmon.distributed.world import World, use_world
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import score_forward
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels, load_ppo_models
from salmon.ppo.passes import policy_logprobs
from salmon.ppo.principle_choice import PrincipleChoice
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import Rollout, collect_rollout
from salmon.ppo.setup import RolloutSetup
from salmon.ppo.update import minibatch_gradients, update
from salmon.principles.bank import Bank, Principle
from salmon.reward.inputs import reward_input
from salmon.runtime.micro_batches import micro_batches
from salmon.sampling.responses import Response, sample_responses
from salmon.sampling.sampler import transformers_sampler
from salmon.training.trainer import Trainer
from tests.ends import end_with

pytestmark = pytest.mark.slow

BANK = Bank(
    "test",
    (
        Principle("Concise", "It is short."),
        Principle("Exact", "Its numbers are right."),
        Principle("Kind", "It is friendly."),
    ),
)
PROMPTS = [
    Prompt("a", "Name a fish."),
    Prompt("b", "What is 17 times 3, and why is it?", "reasoning"),
    Prompt("c", "Hi"),
    Prompt("d", "Tell me how salmon find their river."),
    Prompt("e", "Who are you?"),
    Prompt("f", "How do I poach salmon?", "red_teaming"),
]
KEYS = [(0, "rollout", prompt.id) for prompt in PROMPTS]
BATCH = PromptBatch(PROMPTS, KEYS)

# What each estimator brings; a rollout has six responses in all of them, in groups of three where answers are compared.
GROUPED = {"answers_per_prompt": 3, "whiten_advantages": False}
ESTIMATORS: dict[str, dict[str, Any]] = {
    "gae": {},
    "rloo": GROUPED | {"advantage": AdvantageEstimator.rloo},
    "grpo": GROUPED
    | {
        "advantage": AdvantageEstimator.grpo,
        "loss_mean": LossMean.responses,
        "kl": KLSettings(KLPlace.loss, KLEstimator.k3, coefficient=0.5, adaptive=False, target=6.0, horizon=10000.0),
    },
    "reinforce_pp": {"advantage": AdvantageEstimator.reinforce_pp},
}
every_estimator = pytest.mark.parametrize("advantage", ESTIMATORS, indirect=True)


@pytest.fixture
def advantage(request: pytest.FixtureRequest) -> str:
    """The paper's, unless a test is of every estimator."""
    return getattr(request, "param", "gae")


@pytest.fixture
def ppo_config(ppo_config: Callable[..., PPOConfig], advantage: str) -> Callable[..., PPOConfig]:
    return lambda **changes: ppo_config(**ESTIMATORS[advantage] | changes)


@pytest.fixture
def load_models(load_tiny, ppo_folders, advantage: str) -> Callable[[], PPOModels]:
    """Loads fresh models, a value model only where the estimator has one."""
    return lambda: load_ppo_models(load_tiny(), *ppo_folders, ValueInit.reward if advantage == "gae" else None)


@pytest.fixture
def ppo_models(load_models) -> PPOModels:
    return load_models()


def asked(ppo: PPOConfig) -> PromptBatch:
    """So many prompts that six responses answer them."""
    count = len(PROMPTS) // ppo.answers_per_prompt
    return PromptBatch(PROMPTS[:count], KEYS[:count])


@pytest.fixture
def setup(ppo_models: PPOModels, ppo_config, rollout_setup) -> RolloutSetup:
    return rollout_setup(ppo_models, ppo_config(), BANK)


@pytest.fixture
def rollout(setup: RolloutSetup) -> Rollout:
    ends_sometimes(setup.models.shared, setup.ppo)
    return collect_rollout(setup, asked(setup.ppo), step=1, kl_coefficient=setup.ppo.kl.coefficient)


def ends_sometimes(shared: SharedModel, ppo: PPOConfig) -> None:
    """An end token that the random policy does write (the fourth of an answer), so that lengths differ."""
    token = sample_responses(transformers_sampler, shared, POLICY, PROMPTS, ppo.sampling, KEYS)[1].ids[3]
    end_with(shared, token)


def snapshot(ppo_models: PPOModels) -> dict[str, dict[str, Tensor]]:
    state = ppo_models.shared.model.state_dict()
    parts = {role: {k: v for k, v in state.items() if f".{role}." in k} for role in (POLICY, REFERENCE, VALUE, REWARD)}
    parts["base"] = {k: v for k, v in state.items() if "lora_" not in k}
    heads = {"value_head": ppo_models.value_head, "reward_head": ppo_models.reward_head}
    parts |= {name: {} if head is None else head.state_dict() for name, head in heads.items()}
    without = {VALUE, "value_head"} if ppo_models.value_head is None else set()
    assert {part for part, tensors in parts.items() if not tensors} == without
    return {part: {k: v.clone() for k, v in tensors.items()} for part, tensors in parts.items()}


def moved(before: dict[str, dict[str, Tensor]], after: dict[str, dict[str, Tensor]]) -> set[str]:
    return {
        part for part, tensors in before.items() if any(not torch.equal(t, after[part][k]) for k, t in tensors.items())
    }


# --- the reward --------------------------------------------------------------------------------


def test_what_is_added_at_the_last_token(ppo_models: PPOModels, setup: RolloutSetup) -> None:
    """Penalty -1.5 without an end and -3 without a word; bonus 2 x clamp(multiplier x length / 8, -0.5, 0.5)."""
    lengths, finished = [2, 5, 8, 6, 1, 4], [True, False, True, True, False, True]
    texts = ["text", "text", "text", " ...\n", "", "text"]
    responses = [
        Response([5], [60] * n, [0.0] * n, done, text) for n, done, text in zip(lengths, finished, texts, strict=True)
    ]
    principles = [BANK.principles[:1]] * 6
    scored = setup.score(PROMPTS, responses, principles)
    assert scored.penalty.tolist() == [0.0, -1.5, 0.0, -3.0, -4.5, 0.0]
    # general 1.0, reasoning -0.4, red_teaming 0.0: 2 x (2/8, -0.4 x 5/8, cap, cap, 1/8, 0).
    assert scored.bonus.tolist() == pytest.approx([0.5, -0.5, 1.0, 1.0, 0.25, 0.0])
    assert torch.equal(scored.total, scored.scores + scored.penalty + scored.bonus)


def test_scores_are_those_of_the_reward_adapter_under_the_shown_principles(
    ppo_models: PPOModels, setup: RolloutSetup
) -> None:
    responses = [Response([5], [60] * 4, [0.0] * 4, True, f"An answer of {'many ' * n}words.") for n in range(6)]
    principles = [BANK.principles[: 1 + n % 3] for n in range(6)]
    scored = setup.score(PROMPTS, responses, principles)
    with torch.no_grad(), ppo_models.shared.using(REWARD):
        for n, (prompt, response, shown) in enumerate(zip(PROMPTS, responses, principles, strict=True)):
            ids = reward_input(
                ppo_models.shared.chat,
                response.text,
                prompt.prompt,
                [p.definition for p in shown],
                setup.ppo.reward_input,
                ppo_models.reward_head.kind,
            ).ids
            alone = score_forward(ppo_models.shared, ppo_models.reward_head, [ids]).item()
            assert scored.scores[n].item() == pytest.approx(alone, abs=1e-4)
    other = setup.score(PROMPTS, responses, [BANK.principles[2:]] * 6)
    assert (other.scores - scored.scores).abs().min() > 1e-4  # principles matter


def test_principles_are_boosted_by_question_type_and_interventions_come_first(ppo_config) -> None:
    extra = Principle("Always", "It is always shown.")
    choice = PrincipleChoice(BANK, (extra,), ppo_config().principles)
    drawn = {
        kind: [choice.for_prompt(Prompt(str(n), "?", kind), 0, n) for n in range(60)]
        for kind in ("general", "reasoning")
    }
    for shown in (*drawn["general"], *drawn["reasoning"]):
        assert shown[0] == extra and len(shown) == 2
    exact = {kind: sum(shown[1].name == "Exact" for shown in rows) for kind, rows in drawn.items()}
    assert exact["reasoning"] >= 58  # 1001 of 1003 draws
    assert 8 <= exact["general"] <= 32  # a third of 60, within three standard errors of 3.65
    assert choice.for_prompt(PROMPTS[0], 0, "x") == choice.for_prompt(PROMPTS[0], 0, "x")


def test_without_principles_the_reward_model_reads_its_generic_criteria(
    ppo_models: PPOModels, ppo_config, rollout_setup
) -> None:
    """principles.rl=null: a bank without principles, and only the interventions are shown."""
    always = Principle("Always", "It is always shown.")
    blank, told = (
        rollout_setup(ppo_models, ppo_config(), Bank("none", ()), interventions) for interventions in ((), (always,))
    )
    assert set(blank.principles_of(BATCH)) == {()}
    assert set(told.principles_of(BATCH)) == {(always,)}
    made = collect_rollout(blank, BATCH, step=1, kl_coefficient=0.05)
    assert not any(name.startswith("principle/") for name in made.metrics)
    inputs = [
        reward_input(
            ppo_models.shared.chat,
            response.text,
            prompt.prompt,
            (),
            blank.ppo.reward_input,
            ppo_models.reward_head.kind,
        ).ids
        for prompt, response in zip(PROMPTS, made.scored.responses, strict=True)
    ]
    with torch.no_grad(), ppo_models.shared.using(REWARD):
        alone = [score_forward(ppo_models.shared, ppo_models.reward_head, [ids]).item() for ids in inputs]
    assert made.scored.scores.tolist() == pytest.approx(alone, abs=1e-4)
    other = told.score(PROMPTS, made.scored.responses, [(always,)] * 6)
    assert (other.scores - made.scored.scores).abs().min() > 1e-4


def test_advantages_come_from_reward_minus_kl(rollout: Rollout, setup: RolloutSetup, ppo_models: PPOModels) -> None:
    """At the start the KL is 0, so the reward is the score at the last token alone."""
    mask = rollout.batch.mask
    assert len(set(mask.sum(-1).tolist())) > 1  # lengths differ
    rewards = torch.zeros_like(mask)
    for row, total in enumerate(rollout.scored.total):
        rewards[row, int(mask[row].sum()) - 1] = total
    advantages, returns = gae(rewards, rollout.targets.old, mask, 1.0, 0.95)
    torch.testing.assert_close(rollout.targets.returns, returns, atol=1e-4, rtol=1e-4)
    real = mask.bool()
    whitened = (advantages - advantages[real].mean()) / advantages[real].std(correction=0)
    torch.testing.assert_close(rollout.advantages, whitened * mask, atol=1e-3, rtol=1e-3)
    mutant = shaped_rewards(rollout.scored.total, torch.zeros_like(mask), torch.ones_like(mask), 0.05, 1.0, False)
    assert not torch.allclose(gae(mutant, rollout.targets.old, torch.ones_like(mask), 1.0, 0.95)[1] * mask, returns)


def test_principle_scores_are_means_over_the_responses_that_were_shown_them(rollout: Rollout) -> None:
    scored, metrics = rollout.scored, rollout.metrics
    for principle in BANK.principles:
        values = [s for s, shown in zip(scored.scores.tolist(), scored.principles, strict=True) if principle in shown]
        if values:
            assert metrics[f"principle/{principle.name}/score"] == pytest.approx(sum(values) / len(values))
        else:
            assert f"principle/{principle.name}/score" not in metrics


# --- where an update starts --------------------------------------------------------------------


@pytest.mark.parametrize("estimator", list(KLEstimator))
def test_before_the_first_update_the_kl_is_zero(
    ppo_models: PPOModels, ppo_config, rollout_setup, estimator: KLEstimator
) -> None:
    ppo = ppo_config(kl=replace(ppo_config().kl, estimator=estimator))
    rollout = collect_rollout(rollout_setup(ppo_models, ppo, BANK), BATCH, 1, kl_coefficient=1.0)
    assert rollout.metrics["objective/kl"] == pytest.approx(0.0, abs=1e-6)
    assert rollout.metrics["objective/non_score_reward"] == pytest.approx(0.0, abs=1e-6)
    assert rollout.metrics["objective/shaped_reward"] == pytest.approx(rollout.scored.total.mean().item(), abs=1e-5)


def test_the_baseline_is_subtracted_from_the_last_token(ppo_models: PPOModels, setup: RolloutSetup) -> None:
    plain, centered = (collect_rollout(setup, BATCH, 1, 0.05, baseline) for baseline in (0.0, 3.0))
    reward = "objective/shaped_reward"
    assert centered.metrics[reward] == pytest.approx(plain.metrics[reward] - 3.0 * setup.ppo.shaping.scale, abs=1e-4)
    assert torch.equal(centered.scored.total, plain.scored.total)  # what is reported is the score


@pytest.mark.parametrize("estimator", list(KLEstimator))
def test_a_policy_that_has_moved_has_a_kl(
    ppo_models: PPOModels, ppo_config, rollout_setup, randomise, estimator: KLEstimator
) -> None:
    randomise(ppo_models.shared, POLICY, seed=9)
    ppo = ppo_config(kl=replace(ppo_config().kl, estimator=estimator))
    rollout = collect_rollout(rollout_setup(ppo_models, ppo, BANK), BATCH, 1, kl_coefficient=1.0)
    assert rollout.metrics["objective/kl"] > 0.1
    assert rollout.metrics["objective/non_score_reward"] < -0.1


def test_sampler_and_trainer_agree(rollout: Rollout) -> None:
    assert 0 <= rollout.metrics["sampler/logprob_difference"] < 1e-4
    assert rollout.metrics["objective/entropy"] > 0
    assert rollout.metrics["response/length"] == pytest.approx(rollout.batch.mask.sum().item() / 6)


def test_before_the_first_step_the_ratio_is_one(ppo_models: PPOModels, rollout: Rollout, setup: RolloutSetup) -> None:
    stats = minibatch_gradients(ppo_models, rollout, range(6), setup.ppo, train_policy=True)
    assert stats["policy/ratio"] == pytest.approx(1.0, abs=1e-5)
    assert stats["policy/approx_kl"] == pytest.approx(0.0, abs=1e-8)
    assert stats["policy/clip_fraction"] == 0 and stats["value/clip_fraction"] == 0
    # Whitened advantages average to 0, and so does the loss where the ratio is 1.
    assert stats["policy/loss"] == pytest.approx(0.0, abs=1e-5)
    real = rollout.batch.mask.bool()
    errors = (rollout.targets.old - rollout.targets.returns)[real]
    assert stats["value/error"] == pytest.approx(errors.abs().mean().item(), rel=1e-4)
    assert stats["value/loss"] == pytest.approx(0.5 * (errors**2).mean().item(), rel=1e-4)


@every_estimator
def test_a_rollout_depends_on_neither_micro_batches_nor_neighbours(
    ppo_models: PPOModels, ppo_config, rollout_setup, randomise
) -> None:
    """A prompt's answers are what they are among others', and so is what they teach before anything is whitened."""
    ppo = ppo_config(whiten_advantages=False)
    ends_sometimes(ppo_models.shared, ppo)
    randomise(ppo_models.shared, POLICY, seed=9)
    ppo_models.shared.tokens_at_once = 60  # for auto: some rows each
    whole, small, by_tokens = (
        collect_rollout(rollout_setup(ppo_models, replace(ppo, micro_batch_size=size), BANK), asked(ppo), 1, 0.05)
        for size in (6, 1, "auto")
    )
    place, answers = 3 // ppo.answers_per_prompt, ppo.answers_per_prompt
    batch = PromptBatch(PROMPTS[place : place + 1], KEYS[place : place + 1])
    alone = collect_rollout(rollout_setup(ppo_models, ppo, BANK), batch, 1, 0.05)
    names = ["logprobs", "reference_logprobs", "advantages", *(["old", "returns"] if whole.targets else [])]
    width = alone.batch.mask.shape[1]
    assert whole.metrics["objective/kl"] > 0.1
    rows = slice(3, 3 + answers)
    assert [r.ids for r in alone.scored.responses] == [r.ids for r in whole.scored.responses[rows]]
    for name in names:
        of_whole, of_small, of_some, of_alone = (
            getattr(r, name, getattr(r.targets, name, None)) for r in (whole, small, by_tokens, alone)
        )
        torch.testing.assert_close(of_some, of_whole, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(of_small, of_whole, atol=1e-4, rtol=1e-3)
        torch.testing.assert_close(of_alone, of_whole[rows, :width], atol=1e-4, rtol=1e-3)
        assert of_whole.abs().max() > 1e-2


# --- gradients ---------------------------------------------------------------------------------


def gradients(ppo_models: PPOModels, rollout: Rollout, rows: Sequence[int], ppo: PPOConfig) -> tuple[dict, dict]:
    for parameter in ppo_models.trained.values():
        parameter.grad = None
    stats = minibatch_gradients(ppo_models, rollout, rows, ppo, train_policy=True)
    return {name: p.grad.clone() for name, p in ppo_models.trained.items()}, stats


@pytest.fixture
def drifted(ppo_models: PPOModels, rollout: Rollout, randomise) -> Rollout:
    """The rollout, once policy and value model have moved away: ratios are not 1, some are clipped."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for parameter in ppo_models.trained.values():
            parameter.add_(0.003 * torch.randn(parameter.shape, generator=generator))
    return rollout


@every_estimator
@pytest.mark.parametrize("micro_batch_size", [1, 2, 4, "auto"])
def test_micro_batches_add_up_to_the_minibatch(
    ppo_models: PPOModels, drifted: Rollout, ppo_config, micro_batch_size: int | str
) -> None:
    lengths = sorted(drifted.batch.lengths)
    ppo_models.shared.tokens_at_once = sum(lengths[-2:])  # for auto
    assert 1 < len(micro_batches(lengths, "auto", sum(lengths[-2:]))) < 6
    large, large_stats = gradients(ppo_models, drifted, range(6), ppo_config(micro_batch_size=6))
    small, small_stats = gradients(ppo_models, drifted, range(6), ppo_config(micro_batch_size=micro_batch_size))
    assert 0 < large_stats["policy/clip_fraction"] < 1
    assert small_stats == pytest.approx(large_stats, rel=1e-3, abs=1e-5)
    for name, gradient in large.items():
        torch.testing.assert_close(small[name], gradient, atol=2e-5, rtol=1e-3)
    assert max(g.abs().max() for g in large.values()) > 1e-2


class Process(World):
    """One of a job's processes, seen from inside; what the others add is added by the test."""

    def __init__(self, rank: int, size: int) -> None:
        self.rank, self.size = rank, size  # type: ignore[misc]  # of a job of one process they are constants


@every_estimator
@pytest.mark.parametrize("size", [2, 3, 4])
def test_the_shares_of_processes_add_up_to_the_minibatch(
    ppo_models: PPOModels, drifted: Rollout, ppo_config, size: int
) -> None:
    """Uneven ones too; the sums are what ``Trainer.step`` and ``all_reduce_sum`` make."""
    whole, whole_stats = gradients(ppo_models, drifted, range(6), ppo_config())
    sums, stats = {name: torch.zeros_like(g) for name, g in whole.items()}, dict.fromkeys(whole_stats, 0.0)
    for rank in range(size):
        with use_world(Process(rank, size)):
            share, share_stats = gradients(ppo_models, drifted, range(6), ppo_config())
        sums = {name: total + share[name] for name, total in sums.items()}
        stats = {name: total + share_stats[name] for name, total in stats.items()}
    assert stats == pytest.approx(whole_stats, rel=1e-3, abs=1e-5)
    for name, gradient in whole.items():
        torch.testing.assert_close(sums[name], gradient, atol=2e-5, rtol=1e-3)


@every_estimator
def test_the_order_of_the_rows_does_not_matter(ppo_models: PPOModels, drifted: Rollout, ppo_config) -> None:
    one, stats = gradients(ppo_models, drifted, [0, 1, 2, 3, 4, 5], ppo_config())
    two, same_stats = gradients(ppo_models, drifted, [5, 2, 0, 4, 1, 3], ppo_config())
    assert same_stats == pytest.approx(stats, rel=1e-3, abs=1e-5)
    for name, gradient in one.items():
        torch.testing.assert_close(two[name], gradient, atol=2e-5, rtol=1e-3)


def test_every_token_weighs_the_same(ppo_models: PPOModels, drifted: Rollout, ppo_config) -> None:
    """A minibatch's loss is the mean over its tokens, not the mean over its rows' means."""
    ppo = ppo_config()
    tokens = drifted.batch.mask.sum(-1)
    _, whole = gradients(ppo_models, drifted, range(6), ppo)
    alone = torch.tensor([gradients(ppo_models, drifted, [row], ppo)[1]["value/loss"] for row in range(6)])
    assert whole["value/loss"] == pytest.approx(((alone * tokens).sum() / tokens.sum()).item(), rel=1e-3)
    assert abs(whole["value/loss"] - alone.mean().item()) > 3e-3 * whole["value/loss"]  # mutant: three tolerances away


@pytest.mark.parametrize("advantage", ["grpo"], indirect=True)
def test_where_it_is_asked_for_every_response_weighs_the_same(
    ppo_models: PPOModels, drifted: Rollout, ppo_config
) -> None:
    """Of loss and KL, the mean over rows of each row's mean over its tokens; reported ratios are of tokens."""
    tokens = drifted.batch.mask.sum(-1)
    _, whole = gradients(ppo_models, drifted, range(6), ppo_config())
    alone = [gradients(ppo_models, drifted, [row], ppo_config())[1] for row in range(6)]
    for name, weights in (
        ("policy/loss", torch.ones(6)),
        ("policy/reference_kl", torch.ones(6)),
        ("policy/ratio", tokens),
    ):
        values = torch.tensor([stats[name] for stats in alone])
        assert whole[name] == pytest.approx(((values * weights).sum() / weights.sum()).item(), rel=1e-3, abs=1e-6)
        mutant = tokens if weights[0] == 1 else torch.ones(6)
        assert whole[name] != pytest.approx(((values * mutant).sum() / mutant.sum()).item(), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("advantage", ["grpo"], indirect=True)
def test_the_kl_in_the_loss_holds_the_policy_back(ppo_models: PPOModels, drifted: Rollout, ppo_config) -> None:
    """Where nothing is better than anything else, a step lowers the KL, by a gradient in proportion to its weight."""
    nothing = replace(drifted, advantages=torch.zeros_like(drifted.advantages))
    single, stats = gradients(ppo_models, nothing, range(6), ppo_config())
    doubled, _ = gradients(
        ppo_models, replace(nothing, kl_coefficient=2 * nothing.kl_coefficient), range(6), ppo_config()
    )
    for name, gradient in single.items():
        torch.testing.assert_close(doubled[name], 2 * gradient, atol=1e-7, rtol=1e-4)
    with torch.no_grad():
        for name, parameter in ppo_models.trained.items():
            parameter.sub_(0.01 * single[name])
    assert (
        0
        < gradients(ppo_models, nothing, range(6), ppo_config())[1]["policy/reference_kl"]
        < stats["policy/reference_kl"]
    )


def test_policy_and_value_gradients_stay_apart(ppo_models: PPOModels, drifted: Rollout, ppo_config) -> None:
    def only(advantage: float, error: float) -> Rollout:
        return replace(
            drifted,
            advantages=advantage * drifted.advantages,
            targets=replace(drifted.targets, returns=drifted.targets.old) if error == 0 else drifted.targets,
        )

    no_advantage, _ = gradients(ppo_models, only(0.0, 1.0), range(6), ppo_config())
    for name, gradient in no_advantage.items():
        assert (gradient.abs().max() == 0) == (f".{POLICY}." in name), name
    doubled, _ = gradients(ppo_models, drifted, range(6), ppo_config(value_coefficient=0.2))
    single, _ = gradients(ppo_models, drifted, range(6), ppo_config(value_coefficient=0.1))
    for name in single:
        factor = 1 if f".{POLICY}." in name else 2
        torch.testing.assert_close(doubled[name], factor * single[name], atol=1e-6, rtol=1e-4)


# --- updates -----------------------------------------------------------------------------------


def run_update(ppo_models: PPOModels, rollout: Rollout, ppo: PPOConfig, step: int = 1) -> dict[str, float]:
    return update(ppo_models, Trainer(ppo_models.trained, ppo.optim), rollout, ppo, step, total_steps=10)


@every_estimator
def test_an_update_moves_policy_and_value_model_only(ppo_models: PPOModels, rollout: Rollout, ppo_config) -> None:
    before = snapshot(ppo_models)
    metrics = run_update(ppo_models, rollout, ppo_config())
    values = {VALUE, "value_head"} if ppo_config().advantage.has_value_model else set()
    assert moved(before, snapshot(ppo_models)) == {POLICY, *values}
    assert any(name.startswith("value/") for name in metrics) == bool(values)
    assert metrics["policy/optimiser_steps"] == 4  # 2 inner epochs x 2 minibatches
    assert metrics["policy/approx_kl"] > 0


def test_critic_warm_up_leaves_the_policy_alone(
    ppo_models: PPOModels, rollout: Rollout, ppo_config, optim_settings
) -> None:
    ppo = ppo_config(critic_warmup_updates=2, optim=optim_settings(weight_decay=0.1))
    before = snapshot(ppo_models)
    metrics = run_update(ppo_models, rollout, ppo, step=2)
    assert moved(before, snapshot(ppo_models)) == {VALUE, "value_head"}
    assert not any(name.startswith("policy/") and name != "policy/optimiser_steps" for name in metrics)
    between = snapshot(ppo_models)
    run_update(ppo_models, rollout, ppo, step=3)
    assert POLICY in moved(between, snapshot(ppo_models))


def test_target_kl_stops_the_inner_epochs(ppo_models: PPOModels, rollout: Rollout, ppo_config) -> None:
    """The first minibatch sees ratio 1; the second sees the first step, which is too far."""
    metrics = run_update(ppo_models, rollout, ppo_config(target_kl=1e-8, inner_epochs=5))
    assert metrics["policy/optimiser_steps"] == 2


def test_a_generous_target_kl_stops_nothing(ppo_models: PPOModels, rollout: Rollout, ppo_config) -> None:
    metrics = run_update(ppo_models, rollout, ppo_config(target_kl=1e6, inner_epochs=3))
    assert metrics["policy/optimiser_steps"] == 6


def test_each_inner_epoch_sees_every_response_once(
    ppo_models: PPOModels, rollout: Rollout, ppo_config, monkeypatch
) -> None:
    seen: list[list[int]] = []

    def watch(ppo_models, rollout, rows, ppo, train_policy):
        seen.append([int(row) for row in rows])
        return minibatch_gradients(ppo_models, rollout, rows, ppo, train_policy)

    monkeypatch.setattr("salmon.ppo.update.minibatch_gradients", watch)
    run_update(ppo_models, rollout, ppo_config())
    assert [len(rows) for rows in seen] == [3, 3, 3, 3]
    assert sorted(seen[0] + seen[1]) == sorted(seen[2] + seen[3]) == list(range(6))
    assert seen[0] + seen[1] != seen[2] + seen[3]


@every_estimator
def test_updates_with_equal_inputs_are_equal_to_the_bit(load_models, ppo_config, rollout_setup) -> None:
    results = []
    for _ in range(2):
        ppo_models = load_models()
        ends_sometimes(ppo_models.shared, ppo_config())
        rollout = collect_rollout(rollout_setup(ppo_models, ppo_config(), BANK), asked(ppo_config()), 1, 0.05)
        metrics = run_update(ppo_models, rollout, ppo_config())
        results.append((snapshot(ppo_models), {k: v for k, v in metrics.items() if not k.startswith("time/")}))
    assert moved(results[0][0], results[1][0]) == set()
    assert results[0][1] == results[1][1]


@every_estimator
def test_training_raises_the_probability_of_what_was_rewarded(
    ppo_models: PPOModels, ppo_config, optim_settings, rollout_setup
) -> None:
    """Learning in the right direction: advantages of +1 on two responses and -1 on the others."""
    ppo = ppo_config(inner_epochs=4, optim=optim_settings(lr=1e-3))
    setup = rollout_setup(ppo_models, ppo, BANK)
    rollout = collect_rollout(setup, asked(ppo), 1, 0.05)
    sign = torch.tensor([1.0, 1.0, -1.0, -1.0, -1.0, -1.0])[:, None]
    run_update(ppo_models, replace(rollout, advantages=sign * rollout.batch.mask), ppo)
    change = (policy_logprobs(ppo_models.shared, rollout.batch, POLICY, ppo) - rollout.logprobs).sum(-1)
    assert change[:2].min() > 0.05 and change[2:].max() < -0.05


def test_a_reward_that_is_not_finite_names_the_update(ppo_models: PPOModels, setup: RolloutSetup) -> None:
    with torch.no_grad():
        ppo_models.reward_head.bias.fill_(float("nan"))
    with pytest.raises(SalmonError, match="step 7: score is nan"):
        collect_rollout(setup, BATCH, step=7, kl_coefficient=0.05)


def test_a_loss_that_is_not_finite_changes_nothing(ppo_models: PPOModels, rollout: Rollout, ppo_config) -> None:
    before = snapshot(ppo_models)
    broken = replace(rollout, targets=replace(rollout.targets, returns=rollout.targets.returns * float("inf")))
    with pytest.raises(SalmonError, match="step 3: value_loss is"):
        run_update(ppo_models, broken, ppo_config(), step=3)
    assert moved(before, snapshot(ppo_models)) == set()


@every_estimator
def test_experience_fields_are_zero_at_padding(rollout: Rollout) -> None:
    outside = rollout.batch.mask == 0
    assert outside.any()
    parts = [rollout, *([rollout.targets] if rollout.targets else [])]
    tensors = {
        f.name: value for part in parts for f in fields(part) if isinstance(value := getattr(part, f.name), Tensor)
    }
    assert {"logprobs", "reference_logprobs", "advantages"} <= set(tensors)
    for name, value in tensors.items():
        assert (value[outside] == 0).all(), name


# --- answers to one prompt ---------------------------------------------------------------------


@pytest.mark.parametrize("advantage", ["rloo", "grpo"], indirect=True)
def test_the_answers_to_a_prompt_differ_and_share_their_principles(
    ppo_models: PPOModels, rollout: Rollout, setup: RolloutSetup
) -> None:
    """The first is the answer that one answer a prompt would give."""
    shown = setup.principles_of(asked(setup.ppo))
    assert rollout.scored.prompts == [prompt for prompt in PROMPTS[:2] for _ in range(3)]
    assert rollout.scored.principles == [principles for principles in shown for _ in range(3)]
    texts = [tuple(response.ids) for response in rollout.scored.responses]
    assert len(set(texts[:3])) == len(set(texts[3:])) == 3
    single = sample_responses(
        transformers_sampler, ppo_models.shared, POLICY, PROMPTS[:2], setup.ppo.sampling, KEYS[:2]
    )
    assert [tuple(response.ids) for response in single] == texts[::3]


@pytest.mark.parametrize("advantage", ["rloo"], indirect=True)
def test_rloo_is_each_reward_less_the_mean_of_the_others(ppo_models: PPOModels, setup: RolloutSetup, randomise) -> None:
    """By hand, of scores and log ratios: an answer's KL is in its reward, and its tokens have one advantage."""
    randomise(ppo_models.shared, POLICY, seed=9)
    rollout = collect_rollout(setup, asked(setup.ppo), step=1, kl_coefficient=0.05)
    ratios = (rollout.logprobs - rollout.reference_logprobs).sum(-1).tolist()
    rewards = [total - 0.05 * ratio for total, ratio in zip(rollout.scored.total.tolist(), ratios, strict=True)]
    assert max(map(abs, ratios)) > 1
    for row, advantages in enumerate(rollout.advantages):
        others = [rewards[n] for n in range(row // 3 * 3, row // 3 * 3 + 3) if n != row]
        real = advantages[rollout.batch.mask[row].bool()]
        assert real.tolist() == pytest.approx([rewards[row] - sum(others) / 2] * len(real), abs=1e-4)


@pytest.mark.parametrize("advantage", ["grpo"], indirect=True)
def test_in_grpo_the_kl_is_in_the_loss_and_not_in_the_reward(
    ppo_models: PPOModels, setup: RolloutSetup, randomise
) -> None:
    randomise(ppo_models.shared, POLICY, seed=9)
    rollout = collect_rollout(setup, asked(setup.ppo), step=1, kl_coefficient=0.5)
    groups = rollout.scored.total.view(2, 3)
    expected = ((groups - groups.mean(1, keepdim=True)) / groups.std(1, keepdim=True)).flatten()
    torch.testing.assert_close(rollout.advantages, expected[:, None] * rollout.batch.mask, atol=1e-4, rtol=1e-4)
    assert rollout.metrics["objective/kl"] > 0.1 and rollout.metrics["objective/non_score_reward"] == 0
    assert rollout.metrics["objective/kl_coefficient"] == 0.5


@pytest.mark.parametrize("advantage", ["reinforce_pp"], indirect=True)
def test_reinforce_pp_whitens_the_rewards_to_come_over_the_rollout(
    ppo_models: PPOModels, setup: RolloutSetup, randomise
) -> None:
    randomise(ppo_models.shared, POLICY, seed=9)
    rollout = collect_rollout(setup, asked(setup.ppo), step=1, kl_coefficient=0.05)
    mask, kl = rollout.batch.mask, rollout.logprobs - rollout.reference_logprobs
    to_come = rollout.scored.total[:, None] - 0.05 * kl.flip(1).cumsum(1).flip(1)  # kl is 0 at padding
    real = to_come[mask.bool()]
    expected = (to_come - real.mean()) / real.std(correction=0) * mask
    torch.testing.assert_close(rollout.advantages, expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("advantage", ["rloo", "grpo"], indirect=True)
def test_a_group_of_equal_rewards_teaches_nothing_and_is_counted(
    ppo_models: PPOModels, ppo_config, rollout_setup
) -> None:
    """All answers to the first prompt have one reward; no length bonus tells them apart, and none is unfinished."""
    shaping = replace(ppo_config().shaping, length_bonus=0.0, unfinished_penalty=0.0, empty_penalty=0.0)
    ppo = ppo_config(shaping=shaping, kl=replace(ppo_config().kl, coefficient=0.0))

    def reward(prompts, responses, principles) -> Tensor:
        return torch.tensor([0.1, 0.1, 0.1, 1.0, 2.0, 6.0])

    rollout = collect_rollout(rollout_setup(ppo_models, ppo, BANK, reward=reward), asked(ppo), 1, kl_coefficient=0.0)
    assert rollout.metrics["advantage/equal_groups"] == 0.5
    assert (rollout.advantages[:3] == 0).all() and rollout.advantages[3:].abs().max() > 0.5
    assert torch.isfinite(rollout.advantages).all()
    before = snapshot(ppo_models)
    metrics = run_update(ppo_models, rollout, ppo)
    assert all(map(math.isfinite, metrics.values())) and moved(before, snapshot(ppo_models)) == {POLICY}
