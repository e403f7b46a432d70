"""Hand-made folders of multiruns, as Hydra and salmon/pipeline/job.py write them."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

FINISHED = {"state": "finished", "stage": None, "error": None}


def make_sweep(folder: Path, axes: Mapping[str, Sequence[Any]], task: Sequence[str] = (), **callback: Any) -> Path:
    """``multirun.yaml`` of a sweep over ``axes``."""
    folder.mkdir()
    params = {key: ",".join(str(value) for value in values) for key, values in axes.items()}
    callbacks = {"sweep": {"_target_": "sweeps.callback.SweepCallback", **callback}}
    (folder / "multirun.yaml").write_text(
        yaml.safe_dump(
            {"hydra": {"sweeper": {"params": params}, "overrides": {"task": list(task)}, "callbacks": callbacks}},
            sort_keys=False,
        )
    )
    return folder


def add_job(
    sweep: Path,
    name: str,
    overrides: Sequence[str],
    config: Mapping[str, Any],
    status: Mapping[str, Any] | None = FINISHED,
    **artifacts: Path,
) -> Path:
    """A job's folder; ``artifacts`` by label, with _ for the spaces of a label."""
    folder = sweep / name
    (folder / ".hydra").mkdir(parents=True)
    for file, content in (
        ("config", config),
        ("overrides", list(overrides)),
        ("hydra", {"hydra": {"runtime": {"choices": {"ppo": "laptop"}}}}),
    ):
        (folder / ".hydra" / f"{file}.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
    if status is not None:
        (folder / "status.json").write_text(json.dumps(status))
    if status == FINISHED:
        (folder / "artifacts.json").write_text(
            json.dumps(
                {
                    label.replace("_of_", " of "): {"path": str(path), "reused": False}
                    for label, path in artifacts.items()
                }
            )
        )
    return folder


def add_artifact(
    path: Path,
    curves: Mapping[str, Mapping[int, float | None]],
    responses: Mapping[int, Mapping[str, str]] | None = None,
) -> Path:
    """An artifact with ``metrics.jsonl`` and tables of responses (step -> prompt -> response)."""
    path.mkdir(parents=True)
    rows = [
        {"step": step, "time": 0.0, name: value} for name, values in curves.items() for step, value in values.items()
    ]
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for step, answers in (responses or {}).items():
        (path / "tables").mkdir(exist_ok=True)
        (path / "tables" / f"responses_{step}.jsonl").write_text(
            "".join(json.dumps({"prompt": prompt, "response": text}) + "\n" for prompt, text in answers.items())
        )
    return path


def arm_config(name: str, seed: int, include: Sequence[str] = (), rl: str | None = "bank") -> dict[str, Any]:
    return {
        "name": name,
        "seed": 7,
        "principles": {"name": name, "include": list(include), "rl": rl},
        "ppo": {"seed": seed},
    }
