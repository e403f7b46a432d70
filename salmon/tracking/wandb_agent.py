"""A W&B sweep agent that started this process: which stage is the agent's run.

An agent gives a process one run id in the environment, and with it W&B's ``init`` takes that id for every run of the
process and ignores the id, project and entity it is called with. A pipeline makes a run a stage. So the variables are
hidden from W&B, and the stage that the sweep optimises (``tracking.sweep_stage``) is given the agent's id explicitly.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_yaml

_VARIABLES = ("WANDB_SWEEP_ID", "WANDB_RUN_ID", "WANDB_SWEEP_PARAM_PATH")


@dataclass(frozen=True)
class SweepAgent:
    sweep_id: str
    run_id: str
    project: str | None  # the sweep's, when the agent was told
    parameters: dict[str, Any]  # as the agent chose them, by their dotted names


def sweep_agent() -> SweepAgent | None:
    """What the agent that started this process wants; None without one."""
    sweep_id, run_id = os.environ.get("WANDB_SWEEP_ID"), os.environ.get("WANDB_RUN_ID")
    if not sweep_id or not run_id:
        return None
    path = os.environ.get("WANDB_SWEEP_PARAM_PATH")
    return SweepAgent(sweep_id, run_id, os.environ.get("WANDB_PROJECT"), _parameters(Path(path)) if path else {})


@contextmanager
def hidden_agent() -> Iterator[None]:
    """No variable of the agent is in the environment."""
    hidden = {name: os.environ.pop(name) for name in _VARIABLES if name in os.environ}
    try:
        yield
    finally:
        os.environ |= hidden


def _parameters(path: Path) -> dict[str, Any]:
    """The agent's file of parameters. W&B's search reads them back from the run's config by these names."""
    if not path.is_file():
        return {}
    content = read_yaml(path, None) or {}
    if not isinstance(content, dict):
        raise SalmonError(f"WANDB_SWEEP_PARAM_PATH={path}: must be the parameters of a sweep's run, by name")
    return {key: item["value"] for key, item in content.items() if isinstance(item, dict) and "value" in item}
