"""What the benchmarks share: runs in turn, ratios pair by pair, the bound by FLOPs, and how it is printed.

A benchmark runs what it compares in one process, all once a turn, and gives the ratio of each turn: neighbours on the
machine slow both sides of a pair alike. Its bound is the time of the FLOPs alone at the rate of a large matrix product,
measured in every turn too.
"""

import argparse
import os
import platform
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TypeVar

import torch

from salmon.measure.rates import Run, matmul_rate, timed
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.plan.command import compose_config
from salmon.plan.shapes import ModelShape, from_config
from salmon.runtime.environment import command_line, git_revision, versions
from salmon.runtime.tables import markdown_table

S = TypeVar("S")
LIBRARIES = ("python", "torch", "transformers", "peft")


@dataclass(frozen=True)
class Way:
    """One of the ways that are compared."""

    name: str
    run: Run
    flops: float  # of one run


@dataclass
class Taken:
    """Seconds of each turn, by the way's name, and the matrix rate of the machine during it."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    rates: list[float] = field(default_factory=list)  # floating-point operations a second

    @property
    def rate(self) -> float:
        return statistics.median(self.rates)


def options(kind: type[S], arguments: Sequence[str]) -> tuple[S, list[str]]:
    """A benchmark's sizes (``--rows 16``; a dataclass of whole numbers) and the overrides of its config."""
    parser = argparse.ArgumentParser()
    for size in fields(kind):  # type: ignore[arg-type]  # a dataclass
        parser.add_argument(f"--{size.name}", type=int, default=size.default)
    given, overrides = parser.parse_known_args(arguments)
    return kind(**vars(given)), overrides


def load(overrides: Sequence[str], default: str = "model=smollm2_135m") -> SharedModel:
    """The base that the overrides name."""
    cfg = compose_config([default, *overrides])
    return load_base(cfg.model, Path(cfg.paths.cache))


def shape(shared: SharedModel) -> ModelShape:
    """The loaded base's shape, from which FLOPs follow (``salmon.plan.compute``)."""
    return from_config(shared.model.config.to_dict(), shared.path)


def in_turn(ways: Sequence[Way], turns: int, device: torch.device, dtype: torch.dtype) -> Taken:
    """Run all ways once to warm up, then ``turns`` times in turn; each run is said on standard error."""
    taken = Taken({way.name: [] for way in ways})
    for turn in range(turns + 1):
        for way in ways:
            seconds = timed(way.run)
            print(f"turn {turn} of {turns}: {way.name}: {seconds:.3g} s", file=sys.stderr)
            if turn:
                taken.seconds[way.name].append(seconds)
        if turn:
            taken.rates.append(matmul_rate(device, dtype))
    return taken


def ratio(one: Sequence[float], other: Sequence[float]) -> str:
    """Median of the ratios of pairs, with the smallest and the largest."""
    found = sorted(a / b for a, b in zip(one, other, strict=True))
    return f"{statistics.median(found):.2f} [{found[0]:.2f}, {found[-1]:.2f}]"


def machine(device: torch.device) -> str:
    """The processor or card, and what of it is used."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    capability = torch.backends.cpu.get_cpu_capability()
    return f"{platform.machine()}, {capability}, {torch.get_num_threads()} of {os.cpu_count()} threads"


def heading(device: torch.device) -> str:
    """Machine, versions and command, in three lines."""
    found = versions()
    used = ", ".join(f"{name} {found[name]}" for name in LIBRARIES)
    command = f"{command_line()} (revision {git_revision() or 'unknown'})"
    return "\n".join((f"machine: {machine(device)}", f"versions: {used}", f"command: {command}"))


def table(
    ways: Sequence[Way],
    taken: Taken,
    against: str,
    columns: Mapping[str, Sequence[str]] | None = None,
    speed: bool = True,
) -> str:
    """A row of Markdown for each way.

    Args:
        ways: as they ran.
        against: the way that all are compared with.
        columns: further cells by the title of their column, one for each way.
        speed: how many times as fast each is; otherwise how many times as long it takes.
    """
    more, compared = columns or {}, f"times as {'fast' if speed else 'long'} as {against}"
    header = ["way", *more, "s (median)", compared, "s by FLOPs alone", "share of the rate"]
    rows = []
    for number, way in enumerate(ways):
        seconds = taken.seconds[way.name]
        bound, pair = way.flops / taken.rate, (taken.seconds[against], seconds)
        shares = [way.flops / s / rate for s, rate in zip(seconds, taken.rates, strict=True)]
        rows.append(
            [way.name, *(cells[number] for cells in more.values())]
            + [f"{statistics.median(seconds):.3g}", ratio(*(pair if speed else pair[::-1]))]
            + [f"{bound:.3g}", f"{statistics.median(shares):.0%}"]
        )
    return markdown_table(header, rows, right=range(1, len(header)))


def show(title: str, shared: SharedModel, printed: str) -> None:
    """Print a benchmark's figures below what they were measured on."""
    print(f"{title}\n{heading(shared.device)}\n\n{printed}\n", flush=True)
