"""The plan as text, and as plain containers for ``--json``."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from salmon.plan.advice import Change
from salmon.plan.devices import GIB, Device
from salmon.plan.phases import DEQUANTIZED, Base, Phase
from salmon.plan.workload import Workload
from salmon.runtime.progress import format_duration
from salmon.runtime.tables import aligned_table

COLUMNS = (
    "base weights",
    "merged copy",
    DEQUANTIZED,
    "gathered weights",
    "adapters",
    "heads",
    "gradients",
    "optimizer state",
    "optimizer step",
    "activations",
    "unpacked layer",
    "logits",
    "KV cache",
    "masks",
)
INSTEAD = "take a smaller model, or more GPUs that split its weights (engine=zero3 model.quantization=none processes=N)"
Misfits = Sequence[tuple[Phase, Sequence[Change], bool]]  # phase, changes, whether it fits after them


def as_json(base: Base, work: Workload, phases: Sequence[Phase], misfits: Misfits) -> dict[str, Any]:
    """Bytes, tokens, FLOPs and seconds."""
    return {
        "device": asdict(base.device),
        "engine": base.sharing.engine.value,
        "processes": base.sharing.processes,
        "shape": asdict(base.shape),
        "parameters": base.shape.parameters,
        "adapter_parameters": base.shape.adapter_parameters(base.rank),
        "workload": asdict(work),
        "phases": [
            {
                "stage": p.stage,
                "phase": p.name,
                "bytes": dict(p.items),
                "tensors": p.peak,
                "overhead": p.overhead(base.device),
                "automatic_micro_batch_tokens": p.automatic,
                "peak": p.needed(base.device),
                "fits": p.needed(base.device) <= base.device.memory,
                "tokens": p.tokens,
                "flops": p.flops,
                "seconds": p.seconds,
            }
            for p in phases
        ],
        "lower": [
            {
                "stage": phase.stage,
                "phase": phase.name,
                "fits_then": fits,
                "changes": [asdict(change) for change in changes],
            }
            for phase, changes, fits in misfits
        ],
    }


def as_text(base: Base, work: Workload, phases: Sequence[Phase], misfits: Misfits) -> str:
    """Two tables (memory; work and time), what they assume, and what to lower."""
    device, shape = base.device, base.shape
    used = [name for name in COLUMNS if any(phase.items.get(name, 0) >= GIB / 2000 for phase in phases)]
    memory_header = ["GiB" if base.sharing.processes == 1 else "GiB per GPU", *used, "overhead", "peak", "fits"]
    cost_header = ["", "tokens", "FLOPs", "time"]
    memory, cost = [], []
    for phase in phases:
        verdict = "yes" if phase.needed(device) <= device.memory else "NO"
        cells = [_gib(phase.items[name]) if name in phase.items else "" for name in used]
        memory.append([phase.label, *cells, _gib(phase.overhead(device)), _gib(phase.needed(device)), verdict])
        cost.append([phase.label, f"{phase.tokens:.3g}", f"{phase.flops:.3g}", format_duration(phase.seconds)])
    cost.append(["all", "", f"{sum(p.flops for p in phases):.3g}", format_duration(sum(p.seconds for p in phases))])
    precision = ("NF4 with double quantisation, " if base.nf4 else "") + ("bf16" if base.e == 2 else "fp32")
    lines = [
        f"{_count(shape.parameters)} parameters ({precision}), {_count(shape.adapter_parameters(base.rank))} in an "
        f"adapter of rank {base.rank}; {device.name}: {device.memory / GIB:.1f} GiB, "
        f"{device.flops * device.utilisation / 1e12:.3g}e12 FLOPs a second"
        + (f" ({device.utilisation:.0%} of {device.flops / 1e12:.3g}e12, assumed)" if device.utilisation < 1 else ""),
        "",
        aligned_table(memory_header, memory, right=range(1, len(memory_header))),
        "",
        aligned_table(cost_header, cost, right=range(1, len(cost_header))),
        "",
        "Lengths are the config's limits, every row of a batch at its limit: real texts need less. "
        "prompts.max_tokens=N and the like show what other lengths need.",
        _processes(base),
    ]
    if automatic := {phase.stage: phase.automatic for phase in phases if phase.automatic}:
        listed = ", ".join(f"{tokens:,} in {stage}" for stage, tokens in automatic.items())
        lines.append(f"Tokens of a micro-batch of auto: {listed}.")
    if work.assumed:
        lines.append(
            f"How many rows {', '.join(work.assumed)} have is not known here: {work.assumed_rows:,} each are "
            "assumed. prompts=N gives another number; it changes times, not memory."
        )
    for phase, changes, fits in misfits:
        lines += ["", _misfit(device, phase, changes, fits)]
    return "\n".join(lines)


def _processes(base: Base) -> str:
    sharing, device = base.sharing, base.device
    if sharing.processes == 1:
        return "One process."
    exchanged = "sums of gradients" + (" and gathers of the base's weights" if sharing.splits_weights else "")
    rate = f"{device.link:.3g} bytes a second each way"
    return (
        f"{sharing.processes} processes, engine={sharing.engine.value}. Times have {exchanged} at {rate} on top, "
        "none of it at the same time as passes; where processes are on several machines give link= what their "
        "network does. Left out: what goes by gloo (texts, log-probs), and waiting for the longest share."
    )


def _misfit(device: Device, phase: Phase, changes: Sequence[Change], fits: bool) -> str:
    head = f"{phase.label} does not fit {device.name}: {_gib(phase.needed(device))} of {_gib(device.memory)} GiB."
    if not changes:
        return f"{head} No setting of ours lowers it enough: {INSTEAD}."
    listed = [
        f"  {change.override}  saves {_gib(change.saves)} GiB"
        + (" (changes the result: another fingerprint)" if change.changes_results else "")
        for change in changes
    ]
    closing = "Then it fits." if fits else f"It does not fit even then: {INSTEAD}."
    return "\n".join([f"{head} Lower, in this order:", *listed, closing])


def _count(number: int) -> str:
    return f"{number / 1e9:.3g} billion" if number >= 1e9 else f"{number / 1e6:.3g} million"


def _gib(size: int) -> str:
    return f"{size / GIB:.2f}" if size < 100 * GIB else f"{size / GIB:.1f}"
