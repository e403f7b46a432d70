"""The phases of a config's stages: what each holds at its peak, what it computes, how long that takes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil

from salmon.config.schema import Config, Dtype, Optimizer, Quantization, SFTSource
from salmon.plan import memory
from salmon.plan.compute import (
    compute_seconds,
    decoding_seconds,
    forward_flops,
    head_flops,
    training_flops,
)
from salmon.plan.devices import Device
from salmon.plan.memory import FP32
from salmon.plan.shapes import ModelShape, shape_of
from salmon.plan.workload import Workload, workload

PLANNED = ("sft", "preferences", "reward", "ppo")
Items = dict[str, int]  # name -> bytes, all held at the same time


def held(items: Mapping[str, int]) -> int:
    """All bytes."""
    return sum(items.values())


@dataclass(frozen=True)
class Phase:
    """One phase of a stage."""

    stage: str
    name: str
    items: Mapping[str, int]  # bytes at its peak, by what holds them
    tokens: float  # that go through the model in the whole stage, each pass counted
    flops: float
    seconds: float

    @property
    def peak(self) -> int:
        """Bytes of tensors."""
        return held(self.items)


@dataclass(frozen=True)
class Base:
    """The base as it is loaded: what all phases share."""

    shape: ModelShape
    device: Device
    e: int  # bytes of an element of the compute dtype
    nf4: bool
    rank: int
    checkpointing: bool

    @property
    def weights(self) -> int:
        return memory.base_weights(self.shape, self.e, self.nf4)

    def resident(self, adapters: int, trained: int = 0, optimizer: Optimizer | None = None, heads: int = 0) -> Items:
        """What stays from phase to phase: adapters and trained parameters are counts of fp32 numbers."""
        items = {"base weights": self.weights, "adapters": FP32 * adapters}
        if heads:
            items["heads"] = heads * FP32 * (self.shape.hidden + 1)
        if optimizer is not None:
            items["optimizer state"] = memory.optimizer_state(trained, optimizer)
        return items

    def trains(self, items: Items, trained: int, optimizer: Optimizer, rows: int, columns: int, layers: int,
               responses: int = 0) -> Items:
        """Training passes over [rows, columns] tokens with a loss over ``responses`` log-probs a row (0: none): the
        largest of what is alive at the logits, in the layers' backward passes, and in the optimiser's step."""
        shape, rank = self.shape, self.rank
        lasting = items | {"gradients": FP32 * trained}
        unpacked = {"unpacked layer": memory.unpacked_linear(shape, self.e, self.nf4)}
        moments = [{"optimizer step": memory.optimizer_step(trained, optimizer, self.device.is_gpu)},
                   {"activations": memory.activations(shape, self.e, rank, rows, columns, layers, self.checkpointing),
                    **unpacked}]
        if responses:
            kept = memory.kept_at_logits(shape, self.e, rank, rows, columns, layers, self.checkpointing)
            moments.append({"activations": kept, "logits": memory.training_logits(shape, self.e, rows * responses)})
        return lasting | max(moments, key=held)

    def reads(self, items: Items, rows: int, columns: int, adapter: bool = True) -> Items:
        """A pass without gradients and without logits."""
        return items | {
            "activations": memory.forward_only(self.shape, self.e, rows * columns, adapter, self.device.is_gpu),
            "unpacked layer": memory.unpacked_linear(self.shape, self.e, self.nf4)}

    def samples(self, items: Items, rows: int, prompt: int, response: int, top_p: float, prefix: int = 0) -> Items:
        """Generation: the prefix's pass, the prompts' with the cache so far and its mask, or the last step with the
        whole cache.

        ``prefix``: tokens that all rows share, after which they are packed (SharedPrefix); no adapter then.
        """
        shape, e = self.shape, self.e
        packed = prefix > 0
        columns = prefix + rows * prompt if packed else prompt
        mask = memory.packed_mask(e, rows * prompt, columns) if packed else rows * prompt**2
        prompts = self.reads({}, rows, prompt, adapter=not packed) | {
            "KV cache": memory.kv_cache(shape, e, prefix + rows * prompt), "masks": mask}
        steps = {"KV cache": memory.kv_cache(shape, e, prefix + rows * (prompt + response)),
                 "logits": memory.sampling_logits(shape, e, rows, top_p),
                 "unpacked layer": memory.unpacked_linear(shape, e, self.nf4)}
        moments = [prompts, steps]
        if packed:
            cache = {"KV cache": memory.kv_cache(shape, e, prefix)}
            moments += [self.reads({}, 1, prefix, adapter=False) | cache,
                        cache | {"masks": memory.packed_mask_in_the_making(e, rows * prompt, columns)}]
        return items | max(moments, key=held)

    def sampling_cost(self, responses: int, batch: int, prompt: int, response: int, prefix: int = 0
                      ) -> tuple[float, float, float]:
        """Tokens, FLOPs and seconds of sampling: every batch runs to the longest response."""
        shape, batches, rank = self.shape, ceil(responses / batch), 0 if prefix else self.rank
        read = responses * prompt + batches * prefix
        reading = read * forward_flops(shape, rank, shape.layers, (prefix + prompt) / 2) + responses * head_flops(shape)
        context = prefix + prompt + response / 2
        writing = responses * response * (forward_flops(shape, rank, shape.layers, context) + head_flops(shape))
        cache = memory.kv_cache(shape, self.e, prefix + min(batch, responses) * (prompt + response // 2))
        seconds = compute_seconds(reading, self.device) + decoding_seconds(
            shape, batches * response, writing, self.weights, cache, self.nf4, self.e, self.device)
        return read + responses * response, reading + writing, seconds

    def training_cost(self, rows: float, columns: int, layers: int, responses: int = 0) -> tuple[float, float, float]:
        """Tokens, FLOPs and seconds of training passes over ``rows`` rows."""
        token = training_flops(self.shape, self.rank, layers, columns / 2, self.checkpointing)
        flops = rows * (columns * token + 2 * responses * head_flops(self.shape))
        return rows * columns, flops, compute_seconds(flops, self.device)

    def reading_cost(self, rows: float, columns: int, layers: int, responses: int = 0) -> tuple[float, float, float]:
        """The same without gradients."""
        token = forward_flops(self.shape, self.rank, layers, columns / 2)
        flops = rows * (columns * token + responses * head_flops(self.shape))
        return rows * columns, flops, compute_seconds(flops, self.device)


def base_of(cfg: Config, device: Device) -> Base:
    """The base that a config loads on a device."""
    bf16 = cfg.model.dtype is Dtype.bfloat16 or (cfg.model.dtype is Dtype.auto and device.is_gpu)
    return Base(shape_of(cfg.model.path, cfg.model.revision), device, 2 if bf16 else FP32,
                cfg.model.quantization is Quantization.nf4, cfg.model.lora.r, cfg.model.gradient_checkpointing)


def plan(cfg: Config, device: Device, prompts: int | None = None) -> tuple[Base, Workload, list[Phase]]:
    """All phases of the configured stages that have one."""
    base = base_of(cfg, device)
    work = workload(cfg, base.shape, prompts)
    stages: dict[str, Callable[[Config, Base, Workload], Iterator[Phase]]] = {
        "sft": sft_phases, "preferences": preferences_phases, "reward": reward_phases, "ppo": ppo_phases}
    return base, work, [phase for name in PLANNED if name in cfg.stages for phase in stages[name](cfg, base, work)]


def sft_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Answers of the base without an adapter, then training of one on them."""
    sft, shape = cfg.sft, base.shape
    sampling, prefix = sft.sampling, work.prefix if sft.source is SFTSource.self_align else 0
    if sft.source is not SFTSource.demonstrations:
        prompt, rows = work.query if prefix else work.prompt, min(sampling.batch_size, work.sft_prompts)
        yield Phase("sft", "sample", base.samples(base.resident(0), rows, prompt, sampling.max_new_tokens,
                                                  sampling.top_p, prefix),
                    *base.sampling_cost(work.sft_prompts, rows, prompt, sampling.max_new_tokens, prefix))
    trained, optimizer = shape.adapter_parameters(base.rank), sft.train.optim.optimizer
    columns = work.sft_prompt + work.sft_response
    yield Phase("sft", "train",
                base.trains(base.resident(trained, trained, optimizer), trained, optimizer,
                            min(sft.train.micro_batch_size, sft.train.batch_size, work.sft_rows), columns, shape.layers,
                            work.sft_response),
                *base.training_cost(work.sft_rows * sft.train.epochs, columns, shape.layers, work.sft_response))


def preferences_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Answers of the SFT policy, then its judgements: a pair's requests share what they begin with."""
    sampling, shape = cfg.preferences.sampling, base.shape
    resident = base.resident(shape.adapter_parameters(base.rank))
    rows = min(sampling.batch_size, work.samples)
    yield Phase("preferences", "sample",
                base.samples(resident, rows, work.prompt, sampling.max_new_tokens, sampling.top_p),
                *base.sampling_cost(work.samples, rows, work.prompt, sampling.max_new_tokens))
    if work.principles:
        own = work.principles * work.judge_own
        total = work.judge_shared + own
        cache = {"KV cache": memory.kv_cache(shape, base.e, work.judge_shared)}
        beginning = base.reads(resident, 1, work.judge_shared) | cache
        masking = resident | cache | {"masks": memory.packed_mask_in_the_making(base.e, own, total)}
        rest = base.reads(resident, 1, own) | {"KV cache": memory.kv_cache(shape, base.e, total),
                                               "masks": memory.packed_mask(base.e, own, total)}
        yield Phase("preferences", "judge", max(beginning, masking, rest, key=held),
                    *base.reading_cost(2 * work.pairs, total, shape.layers))


def reward_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Training of adapter and head on pairs: each row is two inputs; those that begin alike share it."""
    reward, shape = cfg.reward, base.shape
    layers, trained = shape.depth(reward.layers), shape.adapter_parameters(base.rank, reward.layers)
    together = reward.rows_together
    own = work.reward_input // 2 if together > 1 else 0  # of each further row: instruction and response are shared
    trainings = [("train", reward.train, work.reward_rows / together, work.reward_input + (together - 1) * own)]
    if work.pretrain_rows:
        trainings.insert(0, ("pretrain", reward.pretrain.train, work.pretrain_rows, work.pretrain_input))
    for name, settings, rows, columns in trainings:
        at_once = 2 * min(settings.micro_batch_size, settings.batch_size)
        optimizer = settings.optim.optimizer
        lasting = base.resident(trained, trained, optimizer, heads=1) | {
            "masks": memory.branch_mask(base.e, at_once, columns)}
        yield Phase("reward", name, base.trains(lasting, trained, optimizer, at_once, columns, layers),
                    *base.training_cost(2 * rows * settings.epochs, columns, layers))


def ppo_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Policy, reference, value and reward adapters stay; the optimiser's state of policy and value too."""
    ppo, shape = cfg.ppo, base.shape
    layers = shape.depth(cfg.reward.layers)
    policy, value = shape.adapter_parameters(base.rank), shape.adapter_parameters(base.rank, cfg.reward.layers)
    trained, optimizer = policy + value, ppo.optim.optimizer
    lasting = base.resident(2 * policy + 2 * value, trained, optimizer, heads=2)
    response, micro = ppo.sampling.max_new_tokens, min(ppo.micro_batch_size, ppo.minibatch)
    columns, rollouts = work.prompt + response, work.ppo_updates * ppo.rollout_batch
    batch = min(ppo.sampling.batch_size, ppo.rollout_batch)
    yield Phase("ppo", "rollout", base.samples(lasting, batch, work.prompt, response, ppo.sampling.top_p),
                *base.sampling_cost(work.ppo_responses, batch, work.prompt, response))
    scored = base.reads(lasting, micro, work.scored_input) | {
        "masks": memory.branch_mask(base.e, micro, work.scored_input)}
    yield Phase("ppo", "score", scored, *base.reading_cost(work.ppo_responses, work.scored_input, layers))
    logits = lasting | {"logits": memory.scoring_logits(shape, base.e, micro * response)}
    passes = [base.reading_cost(rollouts, columns, shape.layers, response)] * 2
    passes.append(base.reading_cost(rollouts, columns, layers))
    yield Phase("ppo", "log-probs", max(base.reads(lasting, micro, columns), logits, key=held),
                *map(sum, zip(*passes, strict=True)))
    rows = rollouts * ppo.inner_epochs
    passes = [base.training_cost(rows, columns, shape.layers, response), base.training_cost(rows, columns, layers)]
    yield Phase("ppo", "train", base.trains(lasting, trained, optimizer, micro, columns, shape.layers, response),
                *map(sum, zip(*passes, strict=True)))
