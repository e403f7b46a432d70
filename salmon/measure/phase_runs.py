"""The phases of a plan, run once at the plan's lengths with random tokens through the code that the stages run."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from salmon.config.sampling import SamplingSettings
from salmon.config.schema import Config
from salmon.config.training import OptimSettings, SupervisedSettings
from salmon.measure.random_tokens import Endless, RandomTokens
from salmon.measure.rates import Run
from salmon.models.base import SharedModel
from salmon.models.dequantized import dequantized_copy
from salmon.models.forward import (
    TokenBatch,
    read_logprobs,
    read_values,
    response_logprobs,
    response_states,
    score_forward,
)
from salmon.models.heads import Head, ScalarHead, new_head
from salmon.models.merged_copy import merged_copy
from salmon.models.packing.forward import next_token_logits
from salmon.plan.phases import Base
from salmon.plan.workload import Workload
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels
from salmon.ppo.passes import by_row, model_outputs
from salmon.sampling.sampler import transformers_sampler
from salmon.sampling.token_loop import generate_after
from salmon.training.trainer import Trainer


class PhaseRuns:
    """Makes the run of each phase; the adapters and heads of one replace those of the one before.

    Args:
        cfg: the settings that were planned.
        shared: the base, loaded.
        base: the same as the plan has it.
        work: lengths and counts.
    """

    def __init__(self, cfg: Config, shared: SharedModel, base: Base, work: Workload) -> None:
        self._cfg, self._shared, self._base, self._work = cfg, shared, base, work
        self._tokens = RandomTokens(shared)
        shared.chat = Endless(shared.chat)  # type: ignore[assignment]
        self._makers: dict[str, Callable[[], Run]] = {
            "sft sample": self._sft_sample,
            "sft train": self._sft_train,
            "preferences sample": self._preferences_sample,
            "preferences judge": self._preferences_judge,
            "reward pretrain": lambda: self._reward_train(cfg.reward.pretrain.train, work.pretrain_input),
            "reward train": lambda: self._reward_train(cfg.reward.train, work.reward_input),
            "ppo rollout": self._ppo_rollout,
            "ppo score": self._ppo_score,
            "ppo log-probs": self._ppo_logprobs,
            "ppo train": self._ppo_train,
            "dpo reference": self._dpo_reference,
            "dpo sample": self._dpo_sample,
            "dpo log-probs": self._dpo_logprobs,
            "dpo train": self._dpo_train,
            "best_of_n sample": self._best_of_n_sample,
            "best_of_n score": self._ppo_score,
        }

    def prepare(self, label: str, tokens: int | None = None) -> Run:
        """What one micro-batch, batch or rollout of a phase does; everything that is there before it is made now.

        Args:
            label: ``Phase.label``.
            tokens: of a micro-batch of ``auto`` (``Phase.automatic``); None: as the base has it.
        """
        if tokens is not None:
            self._base = replace(self._base, tokens=tokens)
        return self._makers[label]()

    # --- what phases have in common ---

    def _fresh(self, *adapters: str, layers: int | None = None, first_layer: int = 0) -> None:
        self._shared.clear()
        for seed, name in enumerate(adapters):
            depth = (layers, first_layer) if name in (VALUE, REWARD) else ()
            self._shared.add_adapter(name, seed, *depth)

    def _sampling(self, adapter: str, rows: int, settings: SamplingSettings) -> Run:
        prompts, keys = self._tokens.rows(rows, self._work.prompt), [(0, row) for row in range(rows)]
        settings = replace(settings, temperature=0.7, batch_size=rows)

        def run() -> None:
            with self._copy(adapter):
                transformers_sampler(self._shared, adapter, prompts, keys, settings)

        return run

    def _copy(self, adapter: str) -> AbstractContextManager[None]:
        """However few the steps are: a plan counts the copy wherever there may be one."""
        if self._base.dequantizes:
            return dequantized_copy(self._shared)
        return merged_copy(self._shared, adapter) if self._base.merges else nullcontext()

    def _trained(self, trainer: Trainer, loss: Callable[[], Tensor], adapter: str) -> Run:
        def run() -> None:
            with self._shared.using(adapter):
                loss().backward()
            trainer.step(1, 1, 10)

        run()  # the optimiser's state is part of the baseline's expected peak, not of the first step's surprise
        with self._shared.using(adapter):
            loss().backward()  # a micro-batch accumulates onto gradients
        return run

    def _policy_trained(self, batch: TokenBatch, optim: OptimSettings) -> Run:
        trainer = Trainer(self._shared.parameters_of(POLICY), optim)
        return self._trained(trainer, lambda: -response_logprobs(self._shared, batch, 1.0).sum(), POLICY)

    def _reward_head(self) -> Head:
        return new_head(self._shared, self._cfg.reward.head, 0, self._cfg.reward.layers)

    # --- sft, preferences, reward ---

    def _sft_sample(self) -> Run:
        self._fresh()
        work, sampling = self._work, self._cfg.sft.sampling
        rows = min(sampling.batch_size, work.sft_prompts)
        prefix, prompts = self._tokens(work.prefix), self._tokens.rows(rows, work.query)
        keys = [(0, row) for row in range(rows)]
        return lambda: generate_after(
            self._shared,
            prefix,
            prompts,
            keys,
            temperature=0.7,
            top_p=sampling.top_p,
            max_new_tokens=sampling.max_new_tokens,
            stop_strings=(),
        )

    def _sft_train(self) -> Run:
        self._fresh(POLICY)
        work, train = self._work, self._cfg.sft.train
        columns = work.sft_prompt + work.sft_response
        rows = self._base.at_once(train.micro_batch_size, min(train.batch_size, work.sft_rows), columns)
        return self._policy_trained(self._tokens.answered(rows, work.sft_prompt, work.sft_response), train.optim)

    def _preferences_sample(self) -> Run:
        self._fresh(POLICY)
        settings = self._cfg.preferences.sampling
        return self._sampling(POLICY, min(settings.batch_size, self._work.samples), settings)

    def _preferences_judge(self) -> Run:
        self._fresh(POLICY)
        shared_part = self._tokens(self._work.judge_shared)
        requests = [shared_part + self._tokens(self._work.judge_own) for _ in range(self._work.principles)]

        def run() -> None:
            with self._shared.using(POLICY):
                next_token_logits(self._shared, requests, (5, 6))

        return run

    def _reward_train(self, train: SupervisedSettings, length: int) -> Run:
        self._fresh(REWARD, layers=self._cfg.reward.layers, first_layer=self._cfg.reward.first_layer)
        head = self._reward_head()
        batch = self._tokens.rows(2 * self._base.at_once(train.micro_batch_size, train.batch_size, 2 * length), length)
        trainer = Trainer(self._shared.parameters_of(REWARD) | dict(head.named_parameters()), train.optim)
        return self._trained(trainer, lambda: score_forward(self._shared, head, batch).sum(), REWARD)

    # --- ppo ---

    def _ppo_models(self) -> tuple[PPOModels, Trainer]:
        layers, value = self._cfg.reward.layers, self._cfg.ppo.advantage.has_value_model
        self._fresh(POLICY, REFERENCE, REWARD, *([VALUE] if value else []), layers=layers)
        head = ScalarHead(self._shared.hidden_size, None, layers).to(self._shared.device) if value else None
        four = PPOModels(self._shared, head, self._reward_head())
        trainer = Trainer(four.trained, self._cfg.ppo.optim)
        _zero_gradients(four)
        trainer.step(1, 1, 10)
        return four, trainer

    def _answers(self, share: int) -> TokenBatch:
        prompt, answer = self._work.prompt, self._cfg.ppo.sampling.max_new_tokens
        rows = self._base.at_once(self._cfg.ppo.micro_batch_size, share, prompt + answer)
        return self._tokens.answered(rows, prompt, answer)

    def _ppo_rollout(self) -> Run:
        kept, ppo = self._ppo_models(), self._cfg.ppo
        run = self._sampling(POLICY, min(ppo.sampling.batch_size, ppo.rollout_batch), ppo.sampling)
        return lambda: (kept, run())[1]

    def _ppo_score(self) -> Run:
        four, trainer = self._ppo_models()  # in best_of_n without the trainer, which is there before the run
        ppo, length = self._cfg.ppo, self._work.scored_input
        batch = self._tokens.rows(self._base.at_once(ppo.micro_batch_size, ppo.rollout_batch, length), length)

        @torch.no_grad()
        def run() -> None:
            assert trainer
            with self._shared.using(REWARD):
                score_forward(self._shared, four.reward_head, batch)

        return run

    def _ppo_logprobs(self) -> Run:
        four, trainer = self._ppo_models()
        batch = self._answers(self._cfg.ppo.rollout_batch)

        def run() -> None:
            assert trainer
            model_outputs(four, batch, replace(self._cfg.ppo, micro_batch_size=len(batch)))

        return run

    def _ppo_train(self) -> Run:
        four, trainer = self._ppo_models()
        batch, roles_trained = self._answers(self._cfg.ppo.minibatch), [POLICY, *([VALUE] if four.value_head else [])]

        def run() -> None:
            for roles in four.passes(roles_trained, self._cfg.ppo.one_pass):
                with self._shared.using_together(roles):
                    states = response_states(self._shared, batch, four.layers(roles[0]), len(roles))
                    read = dict(zip(roles, states, strict=True))
                    sums = [read_logprobs(self._shared, read[POLICY], batch, 0.7).sum()] if POLICY in read else []
                    if VALUE in read and four.value_head is not None:
                        sums.append(read_values(four.value_head, read[VALUE], batch).sum())
                    torch.stack(sums).sum().backward()
            trainer.step(1, 1, 10)

        run()
        _zero_gradients(four)
        return run

    # --- baselines ---

    def _dpo_pairs(self, share: int) -> TokenBatch:
        prompt, answer = self._work.prompt, self._cfg.preferences.sampling.max_new_tokens
        rows = 2 * self._base.at_once(self._cfg.dpo.train.micro_batch_size, share, 2 * (prompt + answer))
        return self._tokens.answered(rows, prompt, answer)

    def _dpo_train(self) -> Run:
        self._fresh(POLICY, REFERENCE)
        train = self._cfg.dpo.train
        return self._policy_trained(self._dpo_pairs(train.batch_size), train.optim)

    def _dpo_reference(self) -> Run:
        self._fresh(POLICY, REFERENCE)
        batch = self._dpo_pairs(self._work.dpo_pairs)

        @torch.no_grad()
        def run() -> None:
            with self._shared.using(REFERENCE):
                response_logprobs(self._shared, batch, 1.0)

        return run

    def _dpo_sample(self) -> Run:
        self._fresh(POLICY, REFERENCE)
        settings = self._cfg.ppo.sampling
        return self._sampling(POLICY, min(settings.batch_size, self._work.held_out), settings)

    def _dpo_logprobs(self) -> Run:
        self._fresh(POLICY, REFERENCE)
        batch = self._answers(min(self._cfg.ppo.sampling.batch_size, self._work.held_out))
        return lambda: by_row(
            self._shared, batch, [REFERENCE], len(batch), lambda part: (response_logprobs(self._shared, part, 0.7),)
        )

    def _best_of_n_sample(self) -> Run:
        self._fresh(POLICY, REFERENCE, REWARD, layers=self._cfg.reward.layers)
        settings = self._cfg.ppo.sampling
        return self._sampling(POLICY, min(settings.batch_size, self._cfg.best_of_n.n * self._work.held_out), settings)


def _zero_gradients(four: PPOModels) -> None:
    for parameter in four.trained.values():
        parameter.grad = torch.zeros_like(parameter)
