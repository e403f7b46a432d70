"""A report before it is written."""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, is_dataclass
from pathlib import Path
from typing import Any

from salmon.runtime.files import storage_errors, write_text_atomic
from sweeps.arms import Arm, ArmMetric
from sweeps.collect import SweepJob
from sweeps.figures import CurvePanel, draw_curve_panels


@dataclass(frozen=True)
class Document:
    title: str
    sections: Sequence[str]  # Markdown; the first ones, up to the picture, are shown on the console too
    details: Sequence[str]  # Markdown below the picture
    numbers: Mapping[str, Any]  # everything, for report.json
    panels: Sequence[CurvePanel]
    pictures: Mapping[str, Callable[[Path], list[Path]]] = field(default_factory=dict)  # further ones: name -> drawing
    files: Mapping[str, str] = field(default_factory=dict)  # further ones: name -> text

    @property
    def summary(self) -> str:
        return "\n\n".join([f"# {self.title}", *self.sections])

    def write(self, folder: Path, pictures: bool = True) -> Path:
        """``report.md`` (the result), ``report.json``, the pictures as PNG and SVG, and the further files."""
        path = folder / "report.md"
        shown = []
        with storage_errors(folder):
            write_text_atomic(
                folder / "report.json", json.dumps(json_ready(self.numbers), indent=2, ensure_ascii=False)
            )
            for name, text in self.files.items():
                write_text_atomic(folder / name, text)
            if pictures:
                draw_curve_panels(folder / "report", self.panels, self.title)
                shown.append("![curves](report.png)")
                for name, draw in self.pictures.items():
                    draw(folder / f"report_{name}")
                    shown.append(f"![{name.replace('_', ' ')}](report_{name}.png)")
            write_text_atomic(path, "\n\n".join([self.summary, *shown, *self.details]) + "\n")
        return path


def numbers_of(arm: Arm, measured: Sequence[ArmMetric]) -> dict[str, Any]:
    """Everything that was read of an arm."""
    return {
        "asked": arm.asked,
        "seeds": list(arm.finished),
        "jobs": len(arm.jobs),
        "metrics": {
            m.metric: {
                "start": m.start,
                "end": m.end,
                "change": m.change,
                "by_seed": {seed: curve.values for seed, curve in m.curves.items()},
            }
            for m in measured
        },
    }


def jobs_of(jobs: Sequence[SweepJob]) -> list[dict[str, Any]]:
    return [
        {
            "name": job.name,
            "overrides": job.overrides,
            "state": job.state,
            "error": job.error,
            "artifacts": {label: str(path) for label, path in job.artifacts.items()},
        }
        for job in jobs
    ]


def json_ready(value: Any) -> Any:
    """JSON-ready: dataclasses as dicts, NaN as null."""
    if is_dataclass(value) and not isinstance(value, type):
        return json_ready(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): json_ready(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
