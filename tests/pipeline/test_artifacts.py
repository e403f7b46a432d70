"""What holds of every stage's artifact: it is whole, says where it came from, and names only known metrics."""

import json
import math

import pytest

from salmon.runtime.files import file_digest
from salmon.tracking.glossary import find
from tests.tiny_run import STAGES, metrics_of

pytestmark = pytest.mark.slow

UPSTREAM = {
    "sft": set(),
    "preferences": {"sft"},
    "reward": {"preferences"},
    "ppo": {"sft", "reward"},
    "dpo": {"sft", "preferences"},
    "best_of_n": {"sft", "reward"},
}


@pytest.mark.parametrize("stage", STAGES)
def test_the_manifest_names_every_file_with_its_content(tiny_run, stage):
    folder = tiny_run[stage].artifact.path
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert files.keys() == {*manifest["files"], "manifest.json"}
    assert {name: file_digest(files[name]) for name in manifest["files"]} == manifest["files"]
    assert not [name for name in files if "state" in name or name.endswith(".pt")], "nothing of an interrupted try"
    assert (manifest["stage"], manifest["fingerprint"]) == (stage, folder.name)


@pytest.mark.parametrize("stage", STAGES)
def test_the_manifest_says_what_it_was_made_from(tiny_run, stage):
    upstream = tiny_run[stage].artifact.manifest["upstream"]
    assert upstream == {name: f"{name}-{tiny_run[name].artifact.fingerprint}" for name in UPSTREAM[stage]}


@pytest.mark.parametrize("stage", STAGES)
def test_every_metric_is_in_the_glossary_and_finite(tiny_run, stage):
    rows = [*metrics_of(tiny_run[stage]), tiny_run[stage].artifact.metrics]
    values = [(name, value) for row in rows for name, value in row.items() if name not in ("step", "time")]
    assert [name for name, _ in values if find(name, stage) is None] == []
    assert [name for name, value in values if not math.isfinite(value)] == []
    steps = [row["step"] for row in metrics_of(tiny_run[stage])]
    assert steps and steps == sorted(steps)
