"""The training loops learn what they are rewarded for, on a random model in seconds."""

from dataclasses import replace

import pytest
import torch
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.run import TrackingConfig, WandbMode
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.rows import PreferenceRow, Prompt, ShownGuideline
from salmon.models.heads import ScalarHead
from salmon.models.loading import load_base
from salmon.ppo.models import POLICY, PPOModels
from salmon.ppo.principle_choice import PrincipleChoice
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rollout import collect_rollout
from salmon.ppo.setup import RolloutSetup
from salmon.ppo.update import update
from salmon.principles.bank import load_bank
from salmon.reward.comparisons import compare_row, group_by_pair
from salmon.reward.evaluation import held_out_accuracy
from salmon.reward.training import RewardTraining, TrainingPhase, new_reward_adapter
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.context import StageContext
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import start_tracking
from salmon.training.trainer import Trainer

pytestmark = pytest.mark.slow

PLANTED_MARGIN = 0.15  # share of planted tokens that PPO must add (measured: about 0.4)


def tiny_config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config", overrides=["+experiment=self_judged", "model=tiny", *overrides]), Config)


def test_ppo_raises_a_planted_reward(tmp_path_factory):
    """The reward is the share of sampled tokens below id 40; a random policy gets about 0.15."""
    cfg = tiny_config("ppo.optim.lr=3e-3", "ppo.kl.coefficient=0.0", "ppo.sampling.max_new_tokens=16")
    cfg.ppo.shaping.unfinished_penalty = cfg.ppo.shaping.empty_penalty = 0.0
    cfg.ppo.shaping.length_bonus = 0.0
    shared = load_base(cfg.model, tmp_path_factory.getbasetemp() / "cache")
    for name in ("policy", "reference", "value", "reward"):
        shared.add_adapter(name, cfg.seed)
    models = PPOModels(shared, ScalarHead(shared.hidden_size, None), ScalarHead(shared.hidden_size, 0))

    def planted(prompts, responses, principles):
        return torch.tensor([sum(token < 40 for token in r.ids) / 16 for r in responses])

    principles = PrincipleChoice(load_bank("rl_14"), (), cfg.ppo.principles)
    setup = RolloutSetup(models, transformers_sampler, principles, planted, None, cfg.ppo)
    prompts = [Prompt(f"p{i}", f"Tell me about number {i}.") for i in range(16)]
    ppo = replace(cfg.ppo, minibatch=8)
    trainer = Trainer(models.trained, ppo.optim)
    before = {name: p.detach().clone() for name, p in shared.parameters_of(POLICY).items()}
    history = []
    for step in range(1, 26):
        batch = PromptBatch(prompts, [(0, "test", p.id, step) for p in prompts])
        rollout = collect_rollout(setup, batch, step, kl_coefficient=0.0)
        metrics = rollout.metrics | update(models, trainer, rollout, ppo, step, 25)
        history.append(metrics["objective/score"])
    reached = sum(history[-3:]) / 3 - sum(history[:3]) / 3
    assert reached > PLANTED_MARGIN, history
    assert metrics["objective/kl"] > 0
    assert any(not torch.equal(before[name], p) for name, p in shared.parameters_of(POLICY).items())


def test_reward_model_learns_a_separable_set(tmp_path, tmp_path_factory):
    """Answers with "yes" are preferred under the guideline, without it under its negation: 100 % separable."""
    cfg = tiny_config(
        "reward.train.epochs=12",
        "reward.train.batch_size=8",
        "reward.train.micro_batch_size=8",
        "reward.train.optim.lr=1e-2",
    )
    shared = load_base(cfg.model, tmp_path_factory.getbasetemp() / "cache")
    tracking = TrackingConfig(WandbMode.disabled, "test", None, [], 4)

    def rows(count: int, start: int) -> list[PreferenceRow]:
        made = []
        for i in range(start, start + count):
            good, bad = f"{'y' * 4} {i % 7}", f"{'n' * 4} {i % 5}"
            one, two = (good, bad) if i % 2 else (bad, good)
            guideline = ShownGuideline("Yes", False, "Say y.")
            made.append(
                PreferenceRow(
                    f"r{i}",
                    f"p{i}",
                    "Say it.",
                    one,
                    two,
                    (guideline,),
                    (1.0,),
                    1 if i % 2 else 2,
                    "principle:Yes",
                    False,
                    "train",
                )
            )
        return made

    work = tmp_path / "reward"
    work.mkdir()
    tracker = start_tracking(tracking, RunDescription("reward", work, {}, "g", "n"), tmp_path)
    context = StageContext(work, {}, tracker, lambda: shared, transformers_sampler, 4)
    model = new_reward_adapter(shared, cfg.reward, 0)
    training = [compare_row(shared.chat, row, cfg.reward) for row in rows(32, 0)]
    held_out = [compare_row(shared.chat, row, cfg.reward) for row in rows(40, 100)]
    RewardTraining(model, context, 0, 0.0).train(TrainingPhase("reward"), group_by_pair(training, 1), cfg.reward.train)
    accuracy = held_out_accuracy(model, held_out, held_out, 8)
    assert accuracy["held_out/accuracy"] > 0.95
    assert accuracy["held_out/accuracy/Yes"] > 0.95
