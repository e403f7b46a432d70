"""A page in W&B, read back from the files of its offline run."""

from pathlib import Path

import pytest

from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.tracking.page_run import show_page
from tests.tracking.offline_runs import read_back

pytestmark = pytest.mark.slow


def tracking(mode: WandbMode) -> TrackingConfig:
    return TrackingConfig(mode, project="proj", group=None, tags=["mine"], sample_rows=2, sweep_stage=SweepStage.ppo)


def test_a_page_is_a_run_in_the_group_of_its_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DATA_DIR", str(tmp_path / "data"))
    (work := tmp_path / "sweep").mkdir()
    show_page(tracking(WandbMode.offline), "kl", "study-kl", work, "<h1>Study</h1>", tmp_path / "logs")
    (folder,) = (tmp_path / "logs" / "wandb").glob("offline-run-*")
    (part,) = read_back([folder])
    (run,) = part.all("run")
    assert (run["run_group"], run["job_type"], run["display_name"], run["tags"]) == ("kl", "page", "study-kl", ["mine"])
    (file,) = folder.rglob("*.html")
    assert file.read_text(encoding="utf-8") == "<h1>Study</h1>"
    assert any("samples/page" in str(item) for item in part.history)


def test_without_wandb_there_is_no_run(tmp_path: Path) -> None:
    show_page(tracking(WandbMode.disabled), "kl", "study-kl", tmp_path, "<h1>Study</h1>", tmp_path / "logs")
    assert list(tmp_path.iterdir()) == []
