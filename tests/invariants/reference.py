"""The pinned metrics of one tiny run: how they are read from a run, stored and compared."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from salmon.pipeline.pipeline import Execution

REFERENCE = Path(__file__).with_name("reference_trajectory.json")
# Of the machine and its clock; and the sign of rounding, where policy and reference are still one (DPO's first step).
VARYING = ("time", "perf/", "dpo/accuracy")
# Other instruction sets (SSE4.2, AVX, AVX2 against AVX-512) and two threads change 6e-6 at most. A draw that falls on
# the edge between two tokens would change more; of these few hundred tokens none is that close.
RELATIVE, ABSOLUTE = 1e-4, 1e-4

Trajectory = dict[str, list[tuple[int, float]]]  # metric -> (step, value) in the order of the steps


def trajectories(made: Mapping[str, Execution]) -> dict[str, Trajectory]:
    """What a run's stages wrote to their metrics.jsonl, by stage."""
    return {stage: _trajectory(execution.artifact.path / "metrics.jsonl") for stage, execution in made.items()}


def _trajectory(file: Path) -> Trajectory:
    values: Trajectory = defaultdict(list)
    for line in file.read_text().splitlines():
        row = json.loads(line)
        for name, value in row.items():
            if name != "step" and not name.startswith(VARYING):
                values[name].append((row["step"], value))
    return dict(values)


def stored() -> dict[str, Trajectory]:
    """The pinned trajectories, by stage."""
    content = json.loads(REFERENCE.read_text())["metrics"]
    return {
        stage: {name: [(step, value) for step, value in values] for name, values in metrics.items()}
        for stage, metrics in content.items()
    }


def differences(expected: Trajectory, found: Trajectory) -> list[str]:
    """Every value that is missing or outside the tolerance, as a line of text; a metric that is new is none."""
    lines = []
    for name, values in expected.items():
        steps = dict(found.get(name, []))
        for step, value in values:
            now = steps.get(step)
            if now is None or not abs(now - value) <= ABSOLUTE + RELATIVE * abs(value):
                lines.append(f"{name} at step {step}: {value} is stored, the run has {now}")
    return lines
