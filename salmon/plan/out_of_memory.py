"""A stage that runs out of memory says where, what holds it, and what to lower."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from traceback import walk_tb
from types import TracebackType

from salmon.config.schema import Config
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.plan.advice import BATCH, Tried, advice
from salmon.plan.devices import GIB, this_device
from salmon.plan.micro_batches import MICRO
from salmon.plan.phases import Phase
from salmon.plan.planner import PLANNED, plan

# Functions that only one phase of a stage passes through; the innermost of a traceback decides.
PHASE_OF = {
    "sft": {"self_align_demonstrations": "sample", "styled_demonstrations": "sample", "fit": "train"},
    "preferences": {"sample_pairs": "sample", "judge_all": "judge"},
    # Pre-training passes through "fit" as well; its settings have the same names below reward.pretrain.
    "reward": {"fit": "train", "held_out_accuracy": "train"},
    "dpo": {"with_reference": "reference", "sample_responses": "sample", "by_row": "log-probs", "fit": "train"},
    "best_of_n": {"sample_responses": "sample", "score": "score"},
    "ppo": {
        "sample_responses": "rollout",
        "score": "score",
        "by_row": "log-probs",
        "minibatch_gradients": "train",
        "step": "train",
    },
}


@contextmanager
def explained(cfg: Config, stage: str, label: str) -> Iterator[None]:
    """Turn an allocator's error into one message; ``label`` is what the stage is called in the log.

    Raises:
        SalmonError: the body ran out of memory.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not ran_out(error):
            raise
        raise SalmonError(explanation(cfg, stage, label, error)) from error


def ran_out(error: Exception) -> bool:
    """Whether torch (on any device) or Python found no memory."""
    from accelerate.utils.memory import should_reduce_batch_size  # only where something failed: it imports torch

    return isinstance(error, MemoryError) or should_reduce_batch_size(error)


def explanation(cfg: Config, stage: str, label: str, error: BaseException) -> str:
    """The message: phase, largest items of its plan, settings to lower."""
    reason = (" ".join(str(error).split()) or "no memory")[:200].rstrip(".")
    phase = phase_at(stage, functions(error.__traceback__))
    where = f"{label}: out of memory" + (f" in phase {phase}" if phase else "")
    here = world()
    if here.size > 1:
        where += f" in process {here.rank} of {here.size}"
    if stage not in PLANNED:
        return (
            f"{where} ({reason}). Lower {stage}.batch_size: that changes no result, and the same command goes on "
            "where this one stopped"
        )
    try:
        phases = [p for p in plan(cfg, this_device(cfg.model.device), None, here.size)[2] if p.stage == stage]
    except SalmonError as unknown:
        settings = {table[key] for table in (MICRO, BATCH) for key in table if key.startswith(f"{stage} ")}
        return (
            f"{where} ({reason}). Lower {', '.join(sorted(settings))}: that changes no result, and the same "
            f"command goes on where this one stopped. There is no plan: {unknown}"
        )
    worst = max((p for p in phases if p.name == phase), default=max(phases, key=lambda p: p.peak), key=lambda p: p.peak)
    return f"{where} ({reason}). {planned_memory(worst)}. {lower(cfg, worst)}"


def planned_memory(phase: Phase) -> str:
    """The phase's plan, its three largest items."""
    largest = sorted(phase.items.items(), key=lambda item: -item[1])[:3]
    listed = ", ".join(f"{name} {size / GIB:.2f} GiB" for name, size in largest)
    each = " in each process" if world().size > 1 else ""
    return f"By the plan {phase.stage} {phase.name} holds {phase.peak / GIB:.2f} GiB{each} at its limits: {listed}"


def lower(cfg: Config, phase: Phase) -> str:
    """What to lower: first what changes no result."""
    changes = advice(Tried(cfg, this_device(cfg.model.device), world().size), phase)
    harmless = [f"{c.override} (saves {c.saves / GIB:.2f} GiB)" for c in changes if not c.changes_results]
    others = [f"{c.override} (saves {c.saves / GIB:.2f} GiB)" for c in changes if c.changes_results]
    parts = []
    if harmless:
        parts.append(
            f"Lower, in this order: {', '.join(harmless)}, or as far as it takes: that changes no result, and "
            "the same command with it goes on where this one stopped"
        )
    if others:
        parts.append(
            f"{'Then' if harmless else 'Lower, in this order:'} {', '.join(others)}: that makes another "
            "result, from the start of the stage"
        )
    return ". ".join([*parts, "`salmon plan` shows all phases"])


def functions(traceback: TracebackType | None) -> list[str]:
    """Names of the functions in a traceback, the innermost first."""
    return [frame.f_code.co_name for frame, _ in walk_tb(traceback)][::-1]


def phase_at(stage: str, names: Sequence[str]) -> str | None:
    """The phase of a stage that functions on the stack belong to, if they tell."""
    known = PHASE_OF.get(stage, {})
    return next((known[name] for name in names if name in known), None)
