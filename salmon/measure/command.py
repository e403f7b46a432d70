"""``salmon plan --measure [overrides]``: each phase of the stages runs on this machine, beside what its plan says.

A phase runs once measured, at the plan's lengths: one micro-batch of training or reading, after one to warm up, or one
batch of sampling. Memory is the peak of the resident set, beside the plan and its overhead; on a GPU that of torch's
allocator, beside the plan's tensors. Tokens are those that pass the model, padding included; FLOPs are the plan's for
them. Reads are of the layers' weights, once for each pass of a layer, forward, backward, or recomputed for the latter.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from salmon.config.model import ModelConfig
from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.measure.phase_runs import PhaseRuns
from salmon.measure.rates import counted, layers_called, matmul_rate, memory_rate, timed
from salmon.models.base import SharedModel
from salmon.models.decoder import decoder_of
from salmon.models.loading import load_base
from salmon.plan.command import Asked, compose_config, parse
from salmon.plan.devices import GIB, this_device
from salmon.plan.memory import moved_by_layer
from salmon.plan.phases import Base, Phase
from salmon.plan.planner import PLANNED, plan
from salmon.runtime.environment import peak_memory_gib, reset_peak_memory
from salmon.runtime.tables import aligned_table

log = logging.getLogger("salmon")

TRAINING = ("train", "pretrain")  # phases with a backward pass
SAMPLING = ("sample", "rollout")  # of hundreds of passes, the first of which weighs little
HEADER = ("", "GiB, plan", "measured", "ratio", "s", "tokens/s", "TFLOP/s", "of products", "GB/s", "of reads")


@dataclass(frozen=True)
class Rates:
    """Of this machine, in the base's dtype."""

    matmul: float  # floating-point operations a second
    memory: float  # bytes a second


@dataclass(frozen=True)
class PhaseFigures:
    """One phase as it ran."""

    label: str
    planned_gib: float
    gib: float
    seconds: float
    tokens: int
    flops: float  # the plan's, for so many tokens
    bytes_read: float  # of the layers' weights

    def cells(self, rates: Rates) -> list[str]:
        """One row below ``HEADER``."""
        flops, read = self.flops / self.seconds, self.bytes_read / self.seconds
        memory = [f"{self.planned_gib:.2f}", f"{self.gib:.2f}", f"{self.planned_gib / self.gib:.2f}"]
        speed = [f"{self.seconds:.2f}", f"{self.tokens / self.seconds:.0f}", f"{flops / 1e12:.3f}"]
        return [self.label, *memory, *speed, f"{flops / rates.matmul:.0%}", f"{read / 1e9:.1f}"] + [
            f"{read / rates.memory:.0%}"
        ]


def measured_plan(arguments: Sequence[str], load: Callable[[ModelConfig, Path], SharedModel] = load_base) -> str:
    """What the command prints.

    Args:
        arguments: of ``salmon plan``, without ``--measure``.
        load: gives the base; the default loads its weights.

    Raises:
        SalmonError: an argument, the config or the model cannot be used, or it is about another machine than this.
    """
    asked = parse(arguments)
    cfg = _checked(asked)
    base, work, phases = plan(cfg, this_device(cfg.model.device), asked.prompts)
    phases = [phase for phase in phases if phase.tokens]
    if not phases:
        raise SalmonError(f"stages={cfg.stages} has no work with a plan; stages with one are {', '.join(PLANNED)}")
    reset_peak_memory()
    before = peak_memory_gib()
    shared = load(cfg.model, Path(cfg.paths.cache))
    dtype = shared.model.dtype
    rates = Rates(matmul_rate(shared.device, dtype), memory_rate(shared.device, dtype))
    runs = PhaseRuns(cfg, shared, base, work)
    rows = []
    for number, phase in enumerate(phases, start=1):
        log.info("%d of %d: %s", number, len(phases), phase.label)
        rows.append(_measured(phase, runs, shared, base))
    head = (
        f"{cfg.model.name} on {base.device.name}, {dtype}, {before:.2f} GiB before the base. A product of two matrices "
        f"reaches {rates.matmul / 1e12:.3g} TFLOP/s here, one of a matrix and a vector {rates.memory / 1e9:.3g} GB/s."
    )
    table = aligned_table(HEADER, [row.cells(rates) for row in rows], right=range(1, len(HEADER)))
    return f"{head}\n\n{table}"


def _checked(asked: Asked) -> Config:
    for given, name in ((asked.gpu, "gpu"), (asked.flops, "flops"), (asked.link, "link")):
        if given is not None:
            raise SalmonError(f"{name}={given}: --measure is about this machine, as it is: leave it out")
    if asked.processes > 1:
        raise SalmonError(f"processes={asked.processes}: --measure runs in one process: leave it out")
    if asked.as_json:
        raise SalmonError("--json: --measure prints a table only")
    return compose_config(asked.overrides)


def _measured(phase: Phase, runs: PhaseRuns, shared: SharedModel, base: Base) -> PhaseFigures:
    run, decoder = runs.prepare(phase.label, phase.automatic), decoder_of(shared.model)
    if phase.name not in SAMPLING:
        run()
    reset_peak_memory()
    with counted(decoder) as tokens, layers_called(decoder) as layers:
        seconds = timed(run)
    passes = 1 + (phase.name in TRAINING) * (2 if base.checkpointing else 1)  # the layers' forward passes, and others
    planned = phase.peak if base.device.is_gpu else phase.needed(base.device)
    flops = sum(tokens) * phase.flops / phase.tokens
    return PhaseFigures(
        phase.label,
        planned / GIB,
        peak_memory_gib(),
        seconds,
        sum(tokens),
        flops,
        len(layers) * passes * moved_by_layer(base.shape, base.e, base.nf4),
    )
