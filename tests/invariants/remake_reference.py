"""Stores today's numbers as the pinned ones: ``python -m tests.invariants.remake_reference``.

For a change that is meant to alter what is computed, and for no other; the commit says which numbers changed and why.
"""

import json
import os
import tempfile
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when huggingface_hub is imported

import torch

from salmon.runtime.environment import versions
from tests.invariants.reference import REFERENCE, trajectories
from tests.tiny_run import SETTINGS, run_tiny


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        metrics = trajectories(run_tiny(Path(folder), Path(folder) / "cache"))
    head = {"settings": SETTINGS, "versions": versions()}
    stages = ",\n".join(f"{json.dumps(stage)}: {{\n{_rows(values)}\n}}" for stage, values in metrics.items())
    REFERENCE.write_text(f'{json.dumps(head, indent=1)[:-2]},\n "metrics": {{\n{stages}\n}}}}\n')
    print(f"{REFERENCE}: {sum(map(len, metrics.values()))} metrics of {len(metrics)} stages")


def _rows(values: dict) -> str:
    """One metric a line, so that a comparison of two versions shows which moved."""
    return ",\n".join(f"{json.dumps(name)}: {json.dumps(points)}" for name, points in values.items())


if __name__ == "__main__":
    main()
