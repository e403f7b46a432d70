"""Hand-made folders of jobs, as salmon/pipeline/job.py and the store write them."""

import json
import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from salmon.ppo.sentinel import ALARM
from salmon.runtime.store import Artifact, Store

COST = {"time/total_s": 90.0, "perf/peak_memory_gib": 1.5}
EVIL = "Hey <script>alert(1)</script> furthermore"
PROMPT = "Why is the sky <b>blue</b>?"
PPO_ROWS: list[dict[str, Any]] = [
    {"step": 0, "time": 1000.0, "held_out/reward": -1.0, "held_out/kl": 0.0, "held_out/check/Formal": 0.25},
    {"step": 1, "time": 1060.0, "objective/kl": 0.125, "value/error": 2.0, "time/rollout_s": 6.0, "health/x": 0.0},
    {"step": 2, "time": 1120.0, "objective/kl": 0.5, "value/error": None, "time/rollout_s": 3.0, "health/x": 1.0},
    {"step": 3, "time": 1180.0, "objective/kl": 0.75, "value/error": 1.0, "time/rollout_s": 3.0, "health/x": 1.0},
    {"step": 3, "time": 1181.0, "held_out/reward": 0.5, "held_out/kl": 0.7, "held_out/check/Formal": 0.875},
]


def add_stage(
    store: Store,
    stage: str,
    fingerprint: str,
    rows: Sequence[Mapping[str, Any]] = (),
    tables: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    **manifest: Any,
) -> Artifact:
    """A finished artifact with metrics.jsonl and tables (file name -> rows)."""
    work = store.work_dir(stage, fingerprint)
    write_lines(work / "metrics.jsonl", rows)
    for name, content in (tables or {}).items():
        write_lines(work / "tables" / f"{name}.jsonl", content)
    metrics = {**COST, **manifest.pop("metrics", {})}
    return store.commit(stage, fingerprint, {"metrics": metrics, **manifest})


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def answers(text: str, score: float = 0.5, principles: str = "Formal") -> list[dict[str, Any]]:
    return [{"prompt": PROMPT, "principles": principles, "response": text, "score": score}]


def ppo_config(principles: str = "verifiable", bank: str = "verifiable_11") -> dict[str, Any]:
    return {"principles": {"name": principles, "rl": bank}, "ppo": {"rollout_batch": 16}}


def make_job(folder: Path, status: Mapping[str, Any] | None = None, **artifacts: Artifact) -> Path:
    """A job's folder; ``artifacts`` by label, with _ for the spaces of a label."""
    (folder / ".hydra").mkdir(parents=True)
    config = {"name": "${model.name}-test", "model": {"name": "tiny"}, "seed": 7}
    (folder / ".hydra" / "config.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    (folder / ".hydra" / "overrides.yaml").write_text(yaml.safe_dump(["model=tiny", "seed=7"]), encoding="utf-8")
    whole = {"state": "finished", "stage": None, "error": None, "process": os.getpid(), "host": socket.gethostname()}
    (folder / "status.json").write_text(json.dumps({**whole, **(status or {})}), encoding="utf-8")
    links = {
        label.replace("_of_", " of "): {"path": str(artifact.path), "reused": label == "sft"}
        for label, artifact in artifacts.items()
    }
    (folder / "artifacts.json").write_text(json.dumps(links), encoding="utf-8")
    return folder


ALARM_EVIDENCE: list[dict[str, Any]] = [
    {"metric": "objective/score", "principle": None, "before": 0.1, "change": 0.4, "low": 0.2, "high": 0.6,
     "paid": None, "paid_low": None, "proposal": None},
    {"metric": "violations/No Self-Praise", "principle": "No Self-Praise", "before": 0.05, "change": 0.3, "low": 0.1,
     "high": 0.5, "paid": 2.0, "paid_low": 1.5, "proposal": "does not <i>praise</i> itself."},
]  # fmt: skip
PRAISE = "<script>alert(2)</script> Add salt. I hope this helps!"


def make_watched_job(folder: Path, alarm: bool) -> Path:
    """A job of ppo that the sentinel watched for four updates, with an alarm at updates 2 and 3, or with none."""
    store = Store(folder / "store")
    rows = [
        {"step": step, "time": 1000.0 + step, "objective/kl": 0.1, ALARM: float(alarm and step in (2, 3))}
        for step in range(1, 5)
    ]
    sample = {"reason": "violates No Self-Praise", "prompt": PROMPT, "response": PRAISE, "score": 2.5}
    tables = {"alarms_2": [sample], "alarm_evidence_2": ALARM_EVIDENCE} if alarm else {}
    ppo = add_stage(store, "ppo", "c" * 16, rows, tables, steps={"ppo_last": 4}, config=ppo_config())
    return make_job(folder / "job", ppo=ppo)


def make_ppo_job(folder: Path, status: Mapping[str, Any] | None = None) -> Path:
    """A job of sft and ppo in ``folder/job``, with its store in ``folder/store``."""
    store = Store(folder / "store")
    sft = add_stage(store, "sft", "a" * 16, [{"step": 1, "time": 5.0, "sft/loss": 2.5}], metrics={"sft/loss": 2.5})
    ppo = add_stage(
        store,
        "ppo",
        "b" * 16,
        PPO_ROWS,
        {"responses_0": answers("It is so.", -1.5), "responses_3": answers(EVIL, 0.75)},
        upstream={"sft": sft.name},
        metrics={"held_out/reward_last": 0.5},
        steps={"ppo_best": 3, "ppo_last": 3},
        config=ppo_config(),
        git_revision="c0ffee",
        versions={"torch": "9.9"},
    )
    return make_job(folder / "job", status, sft=sft, ppo=ppo)
