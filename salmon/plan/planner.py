"""The plan of a config: all phases of its stages, on a device, in so many processes."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from salmon.config.model import Dtype, Quantization
from salmon.config.run import Engine
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.distributed.batch_sizes import check_batch_sizes
from salmon.errors import SalmonError
from salmon.plan.baselines import best_of_n_phases, dpo_phases
from salmon.plan.devices import Device
from salmon.plan.memory import FP32
from salmon.plan.method import ppo_phases, preferences_phases, reward_phases, sft_phases
from salmon.plan.micro_batches import MICRO, automatic, with_tokens
from salmon.plan.phases import DEQUANTIZED, Base, Phase
from salmon.plan.shapes import shape_of
from salmon.plan.sharing import Sharing
from salmon.plan.workload import Workload, workload
from salmon.runtime.micro_batches import TOKENS

# "eval" is none of them: its batches are halved until they fit (eval/generation/batches.py).
PHASES: dict[str, Callable[[Config, Base, Workload], Iterator[Phase]]] = {
    "sft": sft_phases,
    "preferences": preferences_phases,
    "reward": reward_phases,
    "ppo": ppo_phases,
    "dpo": dpo_phases,
    "best_of_n": best_of_n_phases,
}
PLANNED = tuple(PHASES)
CAUTION = 0.9  # of a device's memory, that a copy nobody asked for may fill by the plan


def plan(
    cfg: Config, device: Device, prompts: int | None = None, processes: int = 1
) -> tuple[Base, Workload, list[Phase]]:
    """All phases of the configured stages that have one; ``prompts`` is of every source whose size is not known.

    Raises:
        SalmonError: the base's shape is not known.
    """
    base = base_of(cfg, device, processes)
    work = workload(cfg, base.shape, prompts)
    base = replace(base, dequantizes=_dequantizes(cfg, base, work))
    return base, work, _all_phases(cfg, base, work)


def dequantizes(cfg: Config, device: Device, processes: int) -> bool:
    """Whether a base in NF4 is unpacked while it samples: ``rollout.dequantize``; with auto, where every phase that
    samples then fits with room to spare.

    Raises:
        SalmonError: the base's shape is not known.
    """
    base = base_of(cfg, device, processes)
    return _dequantizes(cfg, base, workload(cfg, base.shape))


def _dequantizes(cfg: Config, base: Base, work: Workload) -> bool:
    wanted = cfg.rollout.dequantize
    if not base.nf4 or cfg.rollout.backend is not RolloutBackend.hf:
        return False
    if isinstance(wanted, bool):
        return wanted
    phases = _all_phases(cfg, replace(base, dequantizes=True), work)
    room = CAUTION * base.device.memory
    return all(phase.needed(base.device) <= room for phase in phases if DEQUANTIZED in phase.items)


def _all_phases(cfg: Config, base: Base, work: Workload) -> list[Phase]:
    return [phase for name in PLANNED if name in cfg.stages for phase in _phases(name, cfg, base, work)]


def _phases(stage: str, cfg: Config, base: Base, work: Workload) -> list[Phase]:
    base = _with_tokens(stage, cfg, base, work)
    phases = PHASES[stage](cfg, base, work)
    return [replace(phase, automatic=base.tokens) if automatic(cfg, phase.label) else phase for phase in phases]


def _with_tokens(stage: str, cfg: Config, base: Base, work: Workload) -> Base:
    return with_tokens(base, cfg, lambda trial: list(PHASES[stage](cfg, trial, work)))


def tokens_at_once(cfg: Config, stage: str, device: Device, processes: int) -> int:
    """Tokens of a micro-batch of ``auto`` in a stage.

    Raises:
        SalmonError: the base's shape is not known.
    """
    if not any(automatic(cfg, label) for label in MICRO if label.split()[0] == stage):
        return TOKENS
    base = base_of(cfg, device, processes)
    return _with_tokens(stage, cfg, base, workload(cfg, base.shape)).tokens


def base_of(cfg: Config, device: Device, processes: int) -> Base:
    """The base that a config loads on a device."""
    bf16 = cfg.model.dtype is Dtype.bfloat16 or (cfg.model.dtype is Dtype.auto and device.is_gpu)
    nf4, sharing = cfg.model.quantization is Quantization.nf4, Sharing(cfg.engine.kind, processes)
    exact = not (device.is_gpu or bf16 or nf4 or sharing.splits_weights)  # salmon.models.merged_copy, without torch
    samples_itself = cfg.rollout.backend is RolloutBackend.hf
    return Base(
        shape_of(cfg.model.path, cfg.model.revision),
        device,
        2 if bf16 else FP32,
        nf4,
        cfg.model.lora.r,
        cfg.model.gradient_checkpointing,
        sharing,
        merges=samples_itself and cfg.rollout.merged_copy and exact,
    )


def check_processes(cfg: Config, processes: int) -> None:
    """Raises ``SalmonError`` where a job of this config could not run in so many processes."""
    if cfg.engine.kind is Engine.single and processes > 1:
        raise SalmonError(f"processes={processes}, and engine=single uses one: add engine=ddp, zero2 or zero3")
    check_batch_sizes(cfg, processes, cfg.engine.uneven)
