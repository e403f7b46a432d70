"""A phase of a stage, and the base that all phases share: memory at the peak, FLOPs, seconds."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil

from salmon.config.training import MicroBatchSize, Optimizer
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
from salmon.plan.shapes import ModelShape
from salmon.plan.sharing import Sharing
from salmon.runtime.micro_batches import TOKENS, rows_at_once

Items = dict[str, int]  # name -> bytes, all held at the same time
DEQUANTIZED = "dequantised copy"  # of a base in NF4, while it samples


def total_bytes(items: Mapping[str, int]) -> int:
    """All bytes."""
    return sum(items.values())


@dataclass(frozen=True)
class Phase:
    """One phase of a stage, in all processes."""

    stage: str
    name: str
    items: Mapping[str, int]  # bytes of each process at its peak, by what holds them
    tokens: float  # that go through the model in the whole stage, each pass counted
    flops: float
    seconds: float
    automatic: int | None = None  # tokens of a micro-batch, where their number is auto

    @property
    def label(self) -> str:
        """ "ppo train"."""
        return f"{self.stage} {self.name}"

    @property
    def peak(self) -> int:
        """Bytes of tensors."""
        return total_bytes(self.items)

    def overhead(self, device: Device) -> int:
        """Bytes that are no tensors: the context (on a CPU: the process), and what the allocator holds and cannot
        use."""
        weights = self.items["base weights"] + self.items.get("merged copy", 0) + self.items.get(DEQUANTIZED, 0)
        return round(device.context + device.slack * (self.peak - weights))

    def needed(self, device: Device) -> int:
        """Bytes of the device that the phase takes."""
        return self.peak + self.overhead(device)


@dataclass(frozen=True)
class Base:
    """The base as it is loaded: what all phases share."""

    shape: ModelShape
    device: Device
    e: int  # bytes of an element of the compute dtype
    nf4: bool
    rank: int
    checkpointing: bool
    sharing: Sharing
    merges: bool  # whether it is copied while it samples, with the adapter merged in
    dequantizes: bool = False  # whether it is unpacked from NF4 while it samples
    tokens: int = TOKENS  # of a micro-batch whose size is auto

    @property
    def weights(self) -> int:
        """Bytes of the whole base."""
        return memory.base_weights(self.shape, self.e, self.nf4)

    def resident(self, adapters: int, trained: int = 0, optimizer: Optimizer | None = None, heads: int = 0) -> Items:
        """What stays from phase to phase: adapters and trained parameters are counts of fp32 numbers."""
        items = {"base weights": self.sharing.of_weights(self.weights), "adapters": FP32 * adapters}
        if self.sharing.splits_weights:
            items["gathered weights"] = memory.gathered_weights(self.shape, self.e)
        if heads:
            items["heads"] = heads * FP32 * (self.shape.hidden + 1)
        if optimizer is not None:
            copy = FP32 * trained if self.sharing.splits_state else 0  # of the trained tensors, which it updates
            items["optimizer state"] = self.sharing.of_state(memory.optimizer_state(trained, optimizer) + copy)
        return items

    def at_once(self, size: MicroBatchSize, share: int, columns: int) -> int:
        """Rows of a micro-batch of a process that has ``share`` rows, each of ``columns`` tokens."""
        return min(rows_at_once([columns], size, self.tokens), share)

    def trains(
        self, items: Items, trained: int, optimizer: Optimizer, rows: int, columns: int, layers: int, responses: int = 0
    ) -> Items:
        """Training passes over [rows, columns] tokens with a loss over ``responses`` log-probs a row (0: none): the
        largest of what is alive at the logits, in the layers' backward passes, and in the optimiser's step."""
        shape, rank = self.shape, self.rank
        lasting = items | {"gradients": FP32 * trained}
        unpacked = {"unpacked layer": memory.unpacked_linear(shape, self.e, self.nf4)}
        moments = [
            {"optimizer step": self._step(trained, optimizer)},
            {
                "activations": memory.activations(shape, self.e, rank, rows, columns, layers, self.checkpointing),
                **unpacked,
            },
        ]
        if responses:
            kept = memory.kept_at_logits(shape, self.e, rank, rows, columns, layers, self.checkpointing)
            moments.append({"activations": kept, "logits": memory.training_logits(shape, self.e, rows * responses)})
        return lasting | max(moments, key=total_bytes)

    def _step(self, trained: int, optimizer: Optimizer) -> int:
        """Besides gradients and state: the sum of gradients, then the optimiser's own."""
        summed = FP32 * trained if self.sharing.splits_state else 0  # into tensors of their own, each where it belongs
        own = self.sharing.of_state(memory.optimizer_step(trained, optimizer, self.device.is_gpu) + summed)
        return max(self.sharing.bucket(trained) + self.sharing.of_state(summed), own)

    def reads(self, items: Items, rows: int, columns: int, adapter: bool = True) -> Items:
        """A pass without gradients and without logits."""
        return items | {
            "activations": memory.forward_only(self.shape, self.e, rows * columns, adapter, self.device.is_gpu),
            "unpacked layer": memory.unpacked_linear(self.shape, self.e, self.nf4),
        }

    def scores(self, items: Items, rows: int, columns: int, logits: int = 0) -> Items:
        """The reward model's pass over so many inputs; ``logits``: tokens of an input whose logits it reads."""
        reading = self.reads({}, rows, columns) | {"masks": memory.packed_rows_mask(self.e, rows, columns)}
        head = {"logits": memory.scoring_logits(self.shape, self.e, rows * logits)} if logits else {}
        return items | max([reading, head], key=total_bytes)

    def samples(self, items: Items, rows: int, prompt: int, response: int, top_p: float, prefix: int = 0) -> Items:
        """Generation: the prefix's pass, the prompts' with the cache so far and its mask, or the last step with the
        whole cache.

        ``prefix``: tokens that all rows share, behind which they are packed; no adapter then.
        """
        shape, e = self.shape, self.e
        packed = prefix > 0
        merges, dequantizes = self.merges and not packed, self.dequantizes and not packed
        columns = prefix + rows * prompt if packed else prompt
        mask = memory.packed_mask(e, rows * prompt, columns) if packed else rows * prompt**2
        prompts = self.reads({}, rows, prompt, adapter=not packed and not merges) | {
            "KV cache": memory.kv_cache(shape, e, prefix + rows * prompt),
            "masks": mask,
        }
        steps = {
            "KV cache": memory.kv_cache(shape, e, prefix + rows * (prompt + response)),
            "logits": memory.sampling_logits(shape, e, rows, top_p),
            "unpacked layer": memory.unpacked_linear(shape, e, self.nf4),
        }
        if dequantizes:
            del prompts["unpacked layer"], steps["unpacked layer"]
        moments = [prompts, steps]
        if packed:
            cache = {"KV cache": memory.kv_cache(shape, e, prefix)}
            moments += [
                self.reads({}, 1, prefix, adapter=False) | cache,
                cache | {"masks": memory.packed_mask_in_the_making(e, rows * prompt, columns)},
            ]
        copied = {"merged copy": memory.copied_maps(shape)} if merges else {}
        if dequantizes:
            copied[DEQUANTIZED] = shape.layers * shape.linear_weights * e
        return items | copied | max(moments, key=total_bytes)

    def sampling_cost(
        self, responses: int, batch: int, prompt: int, response: int, prefix: int = 0
    ) -> tuple[float, float, float]:
        """Tokens, FLOPs and seconds of sampling: every batch runs to the longest response."""
        shape, batches, rank = self.shape, ceil(responses / batch), 0 if prefix else self.rank
        read = responses * prompt + batches * prefix
        reading = read * forward_flops(shape, rank, shape.layers, (prefix + prompt) / 2) + responses * head_flops(shape)
        context = prefix + prompt + response / 2
        writing = responses * response * (forward_flops(shape, rank, shape.layers, context) + head_flops(shape))
        cache = memory.kv_cache(shape, self.e, prefix + min(batch, responses) * (prompt + response // 2))
        mine = self.sharing.rows(batches)
        part = min(1, mine * batch / responses)
        packed = self.nf4 and (prefix > 0 or not self.dequantizes)
        weights = memory.base_weights(shape, self.e, packed)
        seconds = compute_seconds(part * reading, self.device) + decoding_seconds(
            shape, mine * response, part * writing, weights, cache, packed, self.e, self.device
        )
        passes = mine * (response + (2 if prefix else 1))
        return read + responses * response, reading + writing, seconds + passes * self.gathering(shape.layers)

    def training_cost(
        self, rows: float, batch: int, at_once: int, columns: int, layers: int, responses: int = 0, below: int = 0
    ) -> tuple[float, float, float]:
        """Tokens, FLOPs and seconds of training passes over ``rows`` rows, in batches of which each process takes its
        share ``at_once`` by ``at_once``; ``below`` layers are read only. ``summing`` comes on top."""
        token = training_flops(self.shape, self.rank, layers, columns / 2, self.checkpointing)
        token += forward_flops(self.shape, 0, below, columns / 2)
        flops = rows * (columns * token + 2 * responses * head_flops(self.shape))
        share = self.sharing.rows(batch)
        passes = 2 * rows / batch * ceil(share / at_once)  # forward and backward
        return (
            rows * columns,
            flops,
            (compute_seconds(flops * share / batch, self.device) + passes * self.gathering(layers + below)),
        )

    def reading_cost(
        self, rows: float, at_once: int, columns: int, layers: int, responses: int = 0
    ) -> tuple[float, float, float]:
        """The same without gradients, ``at_once`` rows in a pass."""
        token = forward_flops(self.shape, self.rank, layers, columns / 2)
        flops = rows * (columns * token + responses * head_flops(self.shape))
        passes = ceil(rows / self.sharing.processes / at_once)
        return (
            rows * columns,
            flops,
            (compute_seconds(flops / self.sharing.processes, self.device) + passes * self.gathering(layers)),
        )

    def gathering(self, layers: int) -> float:
        """Seconds to gather what a pass through so many layers uses."""
        weights = layers * self.shape.linear_weights + self.shape.embeddings
        return self.sharing.gathering(weights * self.e, self.device.link)

    def summing(self, steps: float, trained: int) -> tuple[float, float, float]:
        """The sums of gradients of some optimiser steps, as a cost."""
        return 0.0, 0.0, steps * self.sharing.summing(trained, self.device.link)


def total(*costs: tuple[float, float, float]) -> tuple[float, float, float]:
    """Tokens, FLOPs and seconds of several things one after the other."""
    tokens, flops, seconds = (sum(column) for column in zip(*costs, strict=True))
    return tokens, flops, seconds
