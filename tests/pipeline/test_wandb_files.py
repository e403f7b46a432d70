"""What W&B shows of a whole pipeline whose first stage was killed and continued, from the offline files."""

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from salmon.tracking.glossary import families
from tests.pipeline.test_pipeline import STAGES, artifact, run_and_kill, salmon
from tests.tracking.offline_runs import ReadBack, read_back

pytestmark = pytest.mark.slow

SECRETS = {
    "WANDB_API_KEY": "0123456789abcdef0123456789abcdef01234567",
    "OPENAI_API_KEY": "sk-not-to-be-told",
    "HF_TOKEN": "hf_not_to_be_told",
}

OVERRIDES = ("sft.train.epochs=4", "stages=[sft,preferences,reward,ppo]", "tracking.tags=[mine]")


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, list[ReadBack]]]:
    """The folder, and the parts of each stage's run in their order."""
    folder = tmp_path_factory.mktemp("files") / "job"
    folder.mkdir()
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in [name for name in os.environ if name.startswith("WANDB_")]:
            monkeypatch.delenv(name)
        for name, secret in SECRETS.items():
            monkeypatch.setenv(name, secret)
        run_and_kill(folder, "sft", OVERRIDES)
        salmon(folder, *OVERRIDES)
    stages: dict[str, list[ReadBack]] = {}
    stage_of = {manifest(folder, stage)["wandb_run_id"]: stage for stage in STAGES}
    parts = sorted((folder / "runs/wandb").glob("offline-run-*"))
    for run_dir, part in zip(parts, read_back(parts), strict=True):
        stages.setdefault(stage_of[run_dir.name.split("-")[3]], []).append(part)
    return folder, stages


def manifest(folder: Path, stage: str) -> dict[str, Any]:
    return json.loads((artifact(folder, stage) / "manifest.json").read_text())


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in strings(item)]
    if isinstance(value, list):
        return [text for item in value for text in strings(item)]
    return [value] if isinstance(value, str) else []


def test_one_run_is_one_stage_execution_also_after_a_kill(pipeline) -> None:
    folder, stages = pipeline
    assert {stage: len(parts) for stage, parts in stages.items()} == dict.fromkeys(STAGES, 1) | {"sft": 2}
    said = {stage: {run["run_id"] for part in parts for run in part.all("run")} for stage, parts in stages.items()}
    assert said == {stage: {manifest(folder, stage)["wandb_run_id"]} for stage in STAGES}
    assert len(set().union(*said.values())) == len(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_run_can_be_grouped_filtered_and_plotted(pipeline, stage: str) -> None:
    folder, stages = pipeline
    part = stages[stage][-1]
    (run,) = part.all("run")
    assert (run["project"], run["run_group"], run["display_name"]) == ("salmon", "tiny-paper", f"tiny-paper-s0-{stage}")
    assert {"tiny", "paper", "mine"} <= set(run["tags"])
    config = run["config"]["update"]
    assert config["ppo"]["kl"]["coefficient"] == 0.05 and config["model"]["name"] == "tiny"
    assert [text for text in strings(config) if re.match(r"[{\[]['\"]|\$\{", text)] == [], "containers, not their text"
    axes = {metric["glob_name"]: metric["step_metric"] for metric in part.all("metric") if "glob_name" in metric}
    assert axes == {f"{family}/*": f"{stage}/step" for family in families(stage)}
    logged = {name for row in part.history for name in row if not name.startswith("_")} - {f"{stage}/step"}
    assert logged and {f"{name.split('/')[0]}/*" for name in logged} <= set(axes)
    assert all(f"{stage}/step" in row for row in part.history)
    final = {name: value for name, value in manifest(folder, stage)["metrics"].items() if isinstance(value, float)}
    assert final and {name: pytest.approx(part.summary[name], rel=1e-6) for name in final} == final


def test_the_lineage_goes_through_all_stages(pipeline) -> None:
    folder, stages = pipeline
    name = {stage: artifact(folder, stage).parent.name + "-" + artifact(folder, stage).name for stage in STAGES}
    edges = set()
    for stage, parts in stages.items():
        for made in parts[-1].all("artifact"):
            if made["type"] in STAGES:
                edges.add((made["name"], stage, "used" if made.get("use_after_commit") else "made"))
    upstream = {"sft": [], "preferences": ["sft"], "reward": ["preferences"], "ppo": ["sft", "reward"]}
    assert edges == {(name[stage], stage, "made") for stage in STAGES} | {
        (name[used], stage, "used") for stage in STAGES for used in upstream[stage]
    }
    for stage in STAGES[1:]:
        assert stages[stage][-1].all("run")[0]["config"]["update"]["inputs"].keys() == set(upstream[stage])


def test_the_samples_are_there_to_read(pipeline) -> None:
    folder, stages = pipeline
    rows = [row for row in stages["ppo"][0].history if "samples/responses.path" in row]
    (run_dir,) = (folder / "runs/wandb").glob(f"offline-run-*-{manifest(folder, 'ppo')['wandb_run_id']}")
    table = json.loads((run_dir / "files" / rows[-1]["samples/responses.path"]).read_text())
    assert len(table["data"]) == rows[-1]["samples/responses.nrows"] > 0
    assert len(table["columns"]) == len(table["data"][0])


def test_nothing_tells_a_secret_or_where_things_lie(pipeline) -> None:
    folder, stages = pipeline
    files = [path for path in (folder / "runs/wandb").rglob("*") if path.is_file()]
    assert any(path.suffix == ".wandb" for path in files) and any("staging" in path.parts for path in files)
    for path in files:
        content = path.read_bytes()
        assert [name for name, secret in SECRETS.items() if secret.encode() in content] == [], path
        if "files" in path.relative_to(folder / "runs/wandb").parts:  # what is uploaded
            assert str(folder).encode() not in content, path
    for parts in stages.values():
        for part in parts:
            sent = re.sub(r'"local_path": "[^"]*"', "", json.dumps(part.records))  # W&B's note of where a table waits
            for path in (str(folder), sys.prefix, str(Path.home()) + "/", os.getcwd()):
                assert path not in sent, sent[max(0, sent.find(path) - 200) : sent.find(path) + 100]
