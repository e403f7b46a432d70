"""``python -m eval sweep=FOLDER``: every checkpoint of a finished sweep, each base loaded once."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

import salmon.models.loading
from eval.__main__ import start, typed
from eval.sweep import plan_sweep
from eval.tables.study import study_figures
from salmon.config.register import CONF, register
from salmon.errors import SalmonError
from salmon.runtime.store import Store
from sweeps.cells import cells_of
from sweeps.collect import read_sweep
from tests.sweeps.sweep_folders import add_job, make_sweep

register()
FIGURE = "eval/ppo_best/truthfulqa_mc1/acc"
FAILED = {"state": "failed", "stage": "ppo", "error": "no memory"}


def composed(*words: str, name: str = "eval_app"):
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose(name, overrides=list(words))


@pytest.fixture
def model_group() -> dict:
    return yaml.safe_load(OmegaConf.to_yaml(composed("model=tiny", name="config").model, resolve=True))


def policy(store: Path, stage: str, key: str, adapter: Path, *names: str) -> Path:
    """An artifact with policies of some names."""
    made = Store(store)
    work = made.work_dir(stage, key)
    for name in names:
        shutil.copytree(adapter, work / name)
    return made.commit(stage, key, {"checkpoints": {name: name for name in names}}).path


@pytest.fixture
def sweep(tmp_path, adapter, model_group) -> Path:
    """Two jobs that share an SFT policy, each with a policy of its own and one kept on the way; a third one failed."""
    folder = make_sweep(tmp_path / "study", {"principles": ["paper"], "ppo.seed": [0, 1, 2]})
    sft = policy(tmp_path / "store", "sft", "5" * 16, adapter, "sft")
    for seed in range(2):
        ppo = policy(tmp_path / "store", "ppo", str(seed) * 16, adapter, "ppo_best", "ppo_step_1")
        words = ["principles=paper", f"ppo.seed={seed}"]
        add_job(folder, f"job_{seed}", words, {"model": model_group}, sft=sft, ppo=ppo)
    add_job(folder, "job_2", ["principles=paper", "ppo.seed=2"], {"model": model_group}, FAILED)
    return folder


@pytest.fixture
def words(sweep, tiny_cache) -> list[str]:
    return [
        f"sweep={sweep}",
        "task=truthfulqa_mc1",
        "tracking=disabled",
        "eval.limit=1",
        f"paths.cache={tiny_cache}",
    ]


def test_each_artifact_is_planned_once_and_kept_policies_where_asked_for(words, sweep):
    (of_base,) = plan_sweep(typed(composed(*words)))
    found = {folder.name: list(found.policies) for folder, found in of_base.artifacts.items()}
    assert found == {
        "sft-" + "5" * 16: ["sft"],
        "ppo-" + "0" * 16: ["ppo_best"],
        "ppo-" + "1" * 16: ["ppo_best"],
    }
    (of_base,) = plan_sweep(typed(composed(*words, "every_checkpoint=true")))
    assert list(of_base.artifacts[sweep / "benchmarks" / ("ppo-" + "1" * 16)].policies) == ["ppo_best", "ppo_step_1"]


def test_jobs_of_different_bases_are_parted(words, sweep, model_group, tmp_path, adapter):
    ppo = policy(tmp_path / "store", "ppo", "9" * 16, adapter, "ppo_best")
    other = {**model_group, "name": "other", "path": "HuggingFaceTB/SmolLM2-135M-Instruct"}
    add_job(sweep, "job_3", ["principles=paper", "ppo.seed=3"], {"model": other}, ppo=ppo)
    bases = plan_sweep(typed(composed(*words)))
    assert [of_base.model.name for of_base in bases] == ["tiny", "other"]
    assert [len(of_base.artifacts) for of_base in bases] == [3, 1]


def test_unlike_seeds_and_unfinished_jobs_are_named(words, sweep, caplog):
    plan_sweep(typed(composed(*words)))
    assert "not measured, since not finished: job_2" in caplog.text


def test_a_sweep_without_finished_jobs_or_checkpoints_is_refused(words, tmp_path, model_group):
    empty = make_sweep(tmp_path / "empty", {"ppo.seed": [0]})
    add_job(empty, "job", ["ppo.seed=0"], {"model": model_group}, FAILED)
    with pytest.raises(SalmonError, match="no job of it has finished; python -m sweeps.status"):
        plan_sweep(typed(composed(f"sweep={empty}", *words[1:])))
    with pytest.raises(SalmonError, match="no artifact of it has a checkpoint that principle_following measure"):
        plan_sweep(typed(composed(words[0], "task=principle_following", *words[2:])))


@pytest.mark.slow
def test_a_sweep_is_measured_on_one_loaded_base_and_read_by_report_and_tables(words, sweep, monkeypatch):
    loads = []
    load_base = salmon.models.loading.load_base
    monkeypatch.setattr(
        salmon.models.loading, "load_base", lambda *args: loads.append(args[0].name) or load_base(*args)
    )
    start(typed(composed(*words)))
    assert loads == ["tiny"], "one base for three artifacts"
    (cell,) = cells_of(read_sweep(sweep))
    assert set(cell.by_seed(FIGURE)) == {"0", "1"} and len(cell.distinct(FIGURE)) == 2
    rows = {(row.label, row.row.metric): row for row in study_figures(sweep).rows}
    assert (rows["ppo_best", "acc"].seeds, rows["sft", "acc"].seeds) == (2, 1)

    start(typed(composed(*words)))
    assert loads == ["tiny"], "nothing is left to measure, so nothing is loaded"
    done = sweep / "benchmarks" / ("ppo-" + "1" * 16)
    (done / "metrics.json").unlink()  # killed before the last artifact was whole
    start(typed(composed(*words)))
    assert loads == ["tiny"] * 2 and (done / "metrics.json").is_file()

    other = [word.replace("limit=1", "limit=2") for word in words]
    start(typed(composed(*other)))
    assert len(list(done.glob("results-*.json"))) == 1, "results of other settings get another name"
    assert json.loads((done / "results.json").read_text(encoding="utf-8"))["settings"]["limit"] == 2
