"""The phases of a plan, run once at the plan's lengths with random tokens through the code that the stages run."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace

import torch

from salmon.config.schema import Config
from salmon.models.base import SharedModel
from salmon.models.forward import (
    TokenBatch,
    read_logprobs,
    read_values,
    response_logprobs,
    response_states,
    score_forward,
    token_batch,
)
from salmon.models.heads import ScalarHead
from salmon.models.merged_copy import merged_copy
from salmon.models.packing.forward import next_token_logits
from salmon.plan.phases import Base
from salmon.plan.workload import Workload
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels
from salmon.ppo.passes import by_row, model_outputs
from salmon.sampling.sampler import transformers_sampler
from salmon.sampling.token_loop import generate_after
from salmon.training.trainer import Trainer

Run = Callable[[], object]


class Tokens:
    """Random sequences of given lengths; no two begin alike."""

    def __init__(self, shared: SharedModel) -> None:
        self._generator = torch.Generator().manual_seed(0)
        self._vocab = shared.model.config.vocab_size

    def __call__(self, length: int) -> list[int]:
        return torch.randint(4, self._vocab, (length,), generator=self._generator).tolist()

    def rows(self, count: int, length: int) -> list[list[int]]:
        """The first row is shorter by one, so that the batch is padded, as batches of texts are."""
        return [self(length - (row == 0)) for row in range(count)]


class Endless:
    """A chat format whose end never comes: every response has its greatest length."""

    end_ids = frozenset({-1})

    def ends(self, ids: Sequence[int]) -> bool:
        return False


def phase_runs(cfg: Config, shared: SharedModel, base: Base, work: Workload) -> Iterator[tuple[str, Callable[[], Run]]]:
    """(phase, what prepares it and returns its run), in the order of the stages."""
    tokens, endless = Tokens(shared), Endless()

    def sampling(adapter: str | None, rows: int, prompt: int, settings) -> Run:
        prompts, keys = tokens.rows(rows, prompt), [(0, row) for row in range(rows)]
        settings = replace(settings, temperature=0.7, batch_size=rows)

        def run() -> None:
            # However few the steps are: a plan counts the copy wherever there may be one.
            with merged_copy(shared, adapter) if base.merges else nullcontext():
                transformers_sampler(shared, adapter, prompts, keys, settings)

        return run

    def self_align() -> Run:
        fresh()
        rows = min(cfg.sft.sampling.batch_size, work.sft_prompts)
        prefix, prompts = tokens(work.prefix), tokens.rows(rows, work.query)

        def run() -> None:
            generate_after(
                shared,
                prefix,
                prompts,
                [(0, row) for row in range(rows)],
                temperature=0.7,
                top_p=cfg.sft.sampling.top_p,
                max_new_tokens=cfg.sft.sampling.max_new_tokens,
                stop_strings=(),
            )

        return run

    def fresh(*adapters: str, layers: int | None = None, first_layer: int = 0) -> None:
        shared.clear()
        for seed, name in enumerate(adapters):
            shared.add_adapter(name, seed, *((layers, first_layer) if name in (VALUE, REWARD) else ()))

    def trained(trainer: Trainer, loss: Callable[[], torch.Tensor], adapter: str) -> Run:
        def run() -> None:
            with shared.using(adapter):
                loss().backward()
            trainer.step(1, 1, 10)

        run()  # the optimiser's state is part of the baseline's expected peak, not of the first step's surprise
        with shared.using(adapter):
            loss().backward()  # a micro-batch accumulates onto gradients

        return run

    def responses(rows: int, prompt: int, response: int) -> TokenBatch:
        return token_batch(tokens.rows(rows, prompt), [tokens(response) for _ in range(rows)], 0, shared.device)

    def sft() -> Run:
        fresh(POLICY)
        columns = work.sft_prompt + work.sft_response
        rows = base.at_once(cfg.sft.train.micro_batch_size, min(cfg.sft.train.batch_size, work.sft_rows), columns)
        batch = responses(rows, work.sft_prompt, work.sft_response)
        return trained(
            Trainer(shared.parameters_of(POLICY), cfg.sft.train.optim),
            lambda: -response_logprobs(shared, batch, 1.0).sum(),
            POLICY,
        )

    def sample() -> Run:
        fresh(POLICY)
        settings = cfg.preferences.sampling
        return sampling(POLICY, min(settings.batch_size, work.samples), work.prompt, settings)

    def judge() -> Run:
        fresh(POLICY)
        shared_part = tokens(work.judge_shared)
        requests = [shared_part + tokens(work.judge_own) for _ in range(work.principles)]

        def run() -> None:
            with shared.using(POLICY):
                next_token_logits(shared, requests, (5, 6))

        return run

    def inputs(count: int, length: int) -> Sequence[Sequence[int]]:
        return tokens.rows(count, length)

    def reward() -> Run:
        fresh(REWARD, layers=cfg.reward.layers, first_layer=cfg.reward.first_layer)
        head = ScalarHead(shared.hidden_size, 0, cfg.reward.layers).to(shared.device)
        train = cfg.reward.train
        rows = base.at_once(train.micro_batch_size, train.batch_size, 2 * work.reward_input)
        batch = inputs(2 * rows, work.reward_input)
        trainer = Trainer(shared.parameters_of(REWARD) | dict(head.named_parameters()), cfg.reward.train.optim)
        return trained(trainer, lambda: score_forward(shared, head, batch).sum(), REWARD)

    def pairs(share: int) -> TokenBatch:
        answer = cfg.preferences.sampling.max_new_tokens
        rows = 2 * base.at_once(cfg.dpo.train.micro_batch_size, share, 2 * (work.prompt + answer))
        return responses(rows, work.prompt, answer)

    def answers(share: int) -> TokenBatch:
        answer = cfg.ppo.sampling.max_new_tokens
        return responses(base.at_once(cfg.ppo.micro_batch_size, share, work.prompt + answer), work.prompt, answer)

    def dpo() -> Run:
        fresh(POLICY, REFERENCE)
        batch = pairs(cfg.dpo.train.batch_size)
        return trained(
            Trainer(shared.parameters_of(POLICY), cfg.dpo.train.optim),
            lambda: -response_logprobs(shared, batch, 1.0).sum(),
            POLICY,
        )

    def dpo_reference() -> Run:
        fresh(POLICY, REFERENCE)
        batch = pairs(work.dpo_pairs)

        @torch.no_grad()
        def run() -> None:
            with shared.using(REFERENCE):
                response_logprobs(shared, batch, 1.0)

        return run

    def dpo_sample() -> Run:
        fresh(POLICY, REFERENCE)
        return sampling(POLICY, min(cfg.ppo.sampling.batch_size, work.held_out), work.prompt, cfg.ppo.sampling)

    def dpo_logprobs() -> Run:
        fresh(POLICY, REFERENCE)
        batch = answers(min(cfg.ppo.sampling.batch_size, work.held_out))
        return lambda: by_row(
            shared, batch, [REFERENCE], len(batch), lambda part: (response_logprobs(shared, part, 0.7),)
        )

    def best_of_n() -> Run:
        fresh(POLICY, REFERENCE, REWARD, layers=cfg.reward.layers)
        rows = min(cfg.ppo.sampling.batch_size, cfg.best_of_n.n * work.held_out)
        return sampling(POLICY, rows, work.prompt, cfg.ppo.sampling)

    def ppo_models() -> tuple[PPOModels, Trainer]:
        fresh(POLICY, REFERENCE, VALUE, REWARD, layers=cfg.reward.layers)
        heads = [ScalarHead(shared.hidden_size, 0, cfg.reward.layers).to(shared.device) for _ in range(2)]
        four = PPOModels(shared, *heads)
        trainer = Trainer(four.trained, cfg.ppo.optim)
        for parameter in four.trained.values():
            parameter.grad = torch.zeros_like(parameter)
        trainer.step(1, 1, 10)
        return four, trainer

    def rollout() -> Run:
        kept = ppo_models()
        run = sampling(POLICY, min(cfg.ppo.sampling.batch_size, cfg.ppo.rollout_batch), work.prompt, cfg.ppo.sampling)
        return lambda: (kept, run())[1]

    def score() -> Run:
        four, trainer = ppo_models()  # in best_of_n without the trainer, which is there before the run
        rows = base.at_once(cfg.ppo.micro_batch_size, cfg.ppo.rollout_batch, work.scored_input)
        batch = inputs(rows, work.scored_input)

        @torch.no_grad()
        def run() -> None:
            assert trainer
            with shared.using(REWARD):
                score_forward(shared, four.reward_head, batch)

        return run

    def logprobs() -> Run:
        four, trainer = ppo_models()
        batch = answers(cfg.ppo.rollout_batch)

        def run() -> None:
            assert trainer
            model_outputs(four, batch, replace(cfg.ppo, micro_batch_size=len(batch)))

        return run

    def ppo() -> Run:
        four, trainer = ppo_models()
        batch = answers(cfg.ppo.minibatch)

        def run() -> None:
            for roles in four.passes([POLICY, VALUE], cfg.ppo.one_pass):
                with shared.using_together(roles):
                    states = response_states(shared, batch, four.layers(roles[0]), len(roles))
                    read = dict(zip(roles, states, strict=True))
                    sums = [read_logprobs(shared, read[POLICY], batch, 0.7).sum()] if POLICY in read else []
                    sums += [read_values(four.value_head, read[VALUE], batch).sum()] if VALUE in read else []
                    torch.stack(sums).sum().backward()
            trainer.step(1, 1, 10)

        run()
        for parameter in four.trained.values():
            parameter.grad = torch.zeros_like(parameter)
        return run

    shared.chat = endless  # type: ignore[assignment]
    yield from {
        "sft sample": self_align,
        "sft train": sft,
        "preferences sample": sample,
        "preferences judge": judge,
        "reward train": reward,
        "ppo rollout": rollout,
        "ppo score": score,
        "ppo log-probs": logprobs,
        "ppo train": ppo,
        "dpo reference": dpo_reference,
        "dpo sample": dpo_sample,
        "dpo log-probs": dpo_logprobs,
        "dpo train": dpo,
        "best_of_n sample": best_of_n,
        "best_of_n score": score,
    }.items()
