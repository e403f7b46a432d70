"""``python -m sweeps.compare RUN RUN …``: what differs between runs, in settings and in figures, side by side.

A RUN is a job's folder (``runs/jobs/…``, ``runs/sweeps/…/JOB``) or an artifact's (``runs/store/STAGE/FINGERPRINT``).
"""

import argparse
import json
import math
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from salmon.config.walk import plain_settings
from salmon.errors import SalmonError
from salmon.runtime.console import escape_unprintable, unread_is_no_error
from salmon.runtime.files import storage_errors
from salmon.runtime.status import read_state
from salmon.runtime.store import open_artifact
from salmon.runtime.tables import markdown_table
from sweeps.cells import policy
from sweeps.curves import UNITS, Curve, read_curve
from sweeps.figures import CurvePanel, draw_curve_panels
from sweeps.job_files import read_composed, read_links
from sweeps.renamed_metrics import current_names

_LOCAL = ("paths",)  # where files are is no difference between runs


@dataclass(frozen=True)
class Run:
    name: str
    settings: Mapping[str, Any]  # dotted key -> value
    figures: Mapping[str, float]
    policy: Path | None  # the artifact whose curves are drawn

    def curve(self, metric: str) -> Curve:
        return read_curve(self.policy, metric) if self.policy else Curve({})


def read_run(folder: Path, name: str) -> Run:
    """Raises ``SalmonError`` where the folder is of neither kind, or its job did not finish."""
    if (folder / "manifest.json").is_file():
        artifact = open_artifact(folder)
        settings = plain_settings(artifact.manifest.get("config", {}))
        return Run(name, settings, current_names(artifact.metrics), policy({artifact.stage: folder}))
    if not all((folder / name).is_file() for name in ("artifacts.json", "results.json")):
        raise SalmonError(
            f"{folder}: is neither the folder of a finished job (artifacts.json) nor an artifact (manifest.json)"
        )
    config = OmegaConf.to_container(read_composed(folder / ".hydra" / "config.yaml"), resolve=True)
    artifacts = read_links(folder / "artifacts.json") or {}
    figures = {
        f"{label}: {key}": value
        for label, metrics in (read_state(folder / "results.json") or {}).items()
        for key, value in current_names(metrics).items()
    }
    assert isinstance(config, dict)
    settings = plain_settings({key: value for key, value in config.items() if key not in _LOCAL})
    return Run(name, settings, figures, policy(artifacts))


def differing_settings(runs: Sequence[Run]) -> list[list[str]]:
    """Rows (key, value of each run) where not all agree."""
    keys = dict.fromkeys(key for run in runs for key in run.settings)
    rows = [[key, *(_shown(run.settings[key]) if key in run.settings else "" for run in runs)] for key in keys]
    return [row for row in rows if len(set(row[1:])) > 1]


def differing_figures(runs: Sequence[Run]) -> list[list[str]]:
    """Rows (metric, value of each run, last run minus first) where not all agree; times left out."""
    rows = []
    for key in dict.fromkeys(key for run in runs for key in run.figures):
        values = [run.figures.get(key) for run in runs]
        if "time/" in key or "perf/" in key or all(value == values[0] for value in values):
            continue
        first, last = values[0], values[-1]
        change = "" if first is None or last is None else f"{last - first:+.4g}"
        rows.append([key, *("" if value is None else f"{value:.4g}" for value in values), change])
    return rows


def names_of(folders: Sequence[Path]) -> list[str]:
    """The ends of the paths, as far as they differ."""
    paths = [folder.absolute() for folder in folders]
    if len(set(paths)) < len(paths):
        raise SalmonError("a run is given twice")
    shared = os.path.commonpath(paths)
    return [str(path.relative_to(shared)) for path in paths]


def compare_runs(runs: Sequence[Run]) -> str:
    names = [run.name for run in runs]
    settings, figures = differing_settings(runs), differing_figures(runs)
    return "\n\n".join(
        [
            "## Settings that differ",
            markdown_table(["setting", *names], settings) if settings else "None.",
            "## Figures that differ",
            markdown_table(["metric", *names, "last − first"], figures) if figures else "None.",
        ]
    )


def _shown(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


@unread_is_no_error()
def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.compare", description=__doc__)
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="folder of a job or of an artifact")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the policies' curves as FILE.png and FILE.svg")
    options = parser.parse_args(arguments)
    try:
        if len(options.runs) < 2:
            raise SalmonError("give two runs or more")
        runs = [read_run(folder, name) for folder, name in zip(options.runs, names_of(options.runs), strict=True)]
        print(compare_runs(runs))
        if options.plot:
            panels = [
                CurvePanel(
                    metric.removeprefix("held_out/"),
                    unit,
                    {
                        run.name: {0: curve}
                        for run in runs
                        if (curve := run.curve(metric)).values and not all(map(math.isnan, curve.values.values()))
                    },
                )
                for metric, unit in UNITS.items()
            ]
            with storage_errors(options.plot.parent):
                print(
                    "\nplot: "
                    + ", ".join(path.name for path in draw_curve_panels(options.plot, panels, "Held-out prompts"))
                )
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


if __name__ == "__main__":
    main()
