"""``salmon plan [overrides] [gpu=NAME] [processes=N] [flops=RATE] [link=RATE] [prompts=N] [--json]``."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field

from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError
from salmon.plan.advice import Tried, advice
from salmon.plan.devices import DEVICES, NAMES, device_named
from salmon.plan.planner import PLANNED, check_processes, plan
from salmon.plan.table import as_json, as_text


@dataclass
class Asked:
    """The command's own arguments, and the overrides of the config."""

    gpu: str | None = None
    processes: int = 1
    flops: float | None = None
    link: float | None = None
    prompts: int | None = None
    as_json: bool = False
    overrides: list[str] = field(default_factory=list)


def parse(arguments: Sequence[str]) -> Asked:
    """Tell the command's own arguments from overrides.

    Raises:
        SalmonError: a value is no number, or an option is unknown.
    """
    asked = Asked()
    for argument in arguments:
        key, _, value = argument.partition("=")
        try:
            match key:
                case "gpu":
                    asked.gpu = value
                case "processes":
                    asked.processes = int(value)
                case "flops":
                    asked.flops = float(value)
                case "link":
                    asked.link = float(value)
                case "prompts":
                    asked.prompts = int(value)
                case "--json":
                    asked.as_json = True
                case _ if argument.startswith("-"):
                    raise SalmonError(f"salmon plan has no option {argument}: salmon plan --help lists them")
                case _:
                    asked.overrides.append(argument)
        except ValueError as error:
            raise SalmonError(f"{argument}: {error}") from error
    for name, rate, what in (
        ("flops", asked.flops, "floating-point operations a second, e.g. 4e14"),
        ("link", asked.link, "bytes a second between processes, e.g. 25e9"),
    ):
        if rate is not None and not 0 < rate < float("inf"):
            raise SalmonError(f"{name}={rate} must be above 0: {what}")
    for name, count in (("prompts", asked.prompts), ("processes", asked.processes)):
        if count is not None and count < 1:
            raise SalmonError(f"{name}={count} must be at least 1")
    return asked


def compose_config(overrides: Sequence[str]) -> Config:
    """The config that ``salmon`` would run with.

    Raises:
        SalmonError: an override is refused.
    """
    register()
    try:
        with initialize_config_dir(CONF, version_base="1.3"):
            composed = compose("config", overrides=list(overrides))
    except (HydraException, OmegaConfBaseException) as error:
        raise SalmonError(str(error)) from error
    return to_typed(composed, Config)


def default_gpu() -> str:
    """The GPU of this machine by its name in the table, or "cpu".

    Raises:
        SalmonError: there is one that the table lacks.
    """
    if shutil.which("nvidia-smi") is None:
        return "cpu"
    listed = subprocess.run(
        ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits"],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    lines = listed.stdout.strip().splitlines()
    if listed.returncode or not lines:
        return "cpu"
    name, _, memory = lines[0].rpartition(",")
    near = [
        device.name
        for device in DEVICES.values()
        if device.name.split("_")[0].removeprefix("rtx") in name.lower()
        and abs(device.memory / 2**20 - float(memory)) < 4096
    ]
    if not near:
        raise SalmonError(
            f"this machine's GPU is not in the plan's table: {lines[0]} MiB; give gpu= as one of "
            f"{', '.join(NAMES)}, and flops= for its rate"
        )
    return near[0]


def render(arguments: Sequence[str]) -> str:
    """What the command prints.

    Raises:
        SalmonError: an argument, the config or the model's shape cannot be used.
    """
    asked = parse(arguments)
    cfg = compose_config(asked.overrides)
    device = device_named(asked.gpu or default_gpu())
    device = device if asked.flops is None else device.measured(asked.flops)
    device = device if asked.link is None else device.linked(asked.link)
    check_processes(cfg, asked.processes)
    base, work, phases = plan(cfg, device, asked.prompts, asked.processes)
    if not phases:
        raise SalmonError(f"stages={cfg.stages} has no stage with a plan; those are {', '.join(PLANNED)}")
    misfits = []
    for phase in phases:
        over = phase.needed(device) - device.memory
        if over > 0:
            budget = phase.peak - over
            changes = advice(Tried(cfg, device, asked.processes), phase, budget)
            misfits.append((phase, changes, phase.peak - sum(change.saves for change in changes) <= budget))
    if asked.as_json:
        return json.dumps(as_json(base, work, phases, misfits), indent=2)
    closing = (
        "\nNot planned: eval. It makes batches that it halves until they fit; how long it "
        "takes depends on how long the answers become."
        if "eval" in cfg.stages
        else ""
    )
    return as_text(base, work, phases, misfits) + closing
