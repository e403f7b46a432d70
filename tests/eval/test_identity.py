"""What the fingerprint of an evaluation covers: files by content however they are named, and what its tasks read."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from eval.config import EVAL_TASKS, GROUP_OF_TASK
from eval.identity import evaluation_identity
from eval.sources import BUNDLED, TASKS_OF_FOLDER
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError

Identify = Callable[..., dict[str, Any]]
EVERY = {"tasks": list(EVAL_TASKS)}
OF_FOLDERS = [task for task in EVAL_TASKS if task not in ("pairs", "probes")]  # those have files of their own


@pytest.fixture(scope="module")
def composed() -> DictConfig:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("config", overrides=["model=tiny", "tracking=disabled", "eval=mini"])


@pytest.fixture
def identify(composed: DictConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Identify:
    """The identity with changes, keyed below ``eval``; relative paths and ~ are below the temporary folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))

    def of(changes: dict[str, Any]) -> dict[str, Any]:
        config = composed.copy()
        for key, value in {"paths.cache": str(tmp_path / "cache")}.items():
            OmegaConf.update(config, key, value)
        for key, value in (EVERY | changes).items():
            OmegaConf.update(config, f"eval.{key}", value, merge=False)
        cfg: Config = to_typed(config, Config)
        return evaluation_identity(cfg)

    return of


BANK = "principles:\n- {name: Kind, definition: The response is kind., check: concise}\n"
PAIR = json.dumps({"prompt_id": "a", "prompt": "Why?", "response_1": "So.", "response_2": "No."})
REAL = json.dumps({"prompt": "Why?", "chosen": "So.", "rejected": "No."})
OPENAI = {"mt_bench.judge.kind": "openai", "mt_bench.judge.model": "m"}
PAIRED = {"mt_bench.mode": "pair", **OPENAI}
FILES: dict[str, tuple[str, str, dict[str, Any]]] = {  # setting -> file, its content, what else has to be set
    "principle_following.trained": ("bank.yaml", BANK, {}),
    "principle_following.paraphrased": ("bank.yaml", BANK, {}),
    "principle_following.unseen": ("bank.yaml", BANK, {}),
    "principle_following.pairs": ("pairs.jsonl", PAIR, {}),
    "principle_following.real_pairs": ("real.jsonl", REAL, {"principle_following.real_banks": ["harmless_11"]}),
    "principle_following.real_banks": ("bank.yaml", BANK, {"principle_following.real_pairs": {"x": "real.jsonl"}}),
    "pairs.files": ("real.jsonl", REAL, {}),
    "pairs.banks": ("bank.yaml", BANK, {}),
    "probes.files": ("probes.txt", "Why?", {}),
    "mt_bench.references": ("references.jsonl", "{}", {}),
    "mt_bench.baseline": ("baseline.jsonl", "{}", PAIRED),
}


def valued(setting: str, path: str) -> Any:
    """The value of a setting that names one file."""
    if setting.endswith((".files", "real_pairs")):
        return {"mine": path}
    return [path] if setting.endswith("banks") else path


@pytest.mark.parametrize("setting", FILES)
def test_a_file_counts_by_content_and_not_by_its_spelling(identify: Identify, tmp_path: Path, setting: str) -> None:
    name, text, needed = FILES[setting]
    (tmp_path / "real.jsonl").write_text(REAL)
    (tmp_path / name).write_text(text)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / name).write_text(text)
    spelled = [f"./{name}", str(tmp_path / name), f"~/{name}", f"elsewhere/{name}"]
    one, *others = [identify({**needed, setting: valued(setting, path)}) for path in spelled]
    assert others == [one] * len(others)
    (tmp_path / name).write_text(text.replace("kind", "curt").replace("Why", "How").replace("{}", "[]"))
    assert identify({**needed, setting: valued(setting, spelled[0])}) != one


@pytest.mark.parametrize("folder", TASKS_OF_FOLDER)
def test_an_edited_benchmark_is_seen_through_any_spelling(identify: Identify, tmp_path: Path, folder: str) -> None:
    shutil.copytree(BUNDLED, tmp_path / "data")
    spelled = ["~/data", "data", "./data", str(tmp_path / "data")]
    one, *others = [identify({"data_dir": path, "tasks": OF_FOLDERS}) for path in spelled]
    assert others == [one] * 3
    file = next(file for file in sorted((tmp_path / "data" / folder).rglob("*")) if file.is_file())
    file.write_bytes(file.read_bytes() + b"\n")
    edited = [identify({"data_dir": path, "tasks": OF_FOLDERS}) for path in spelled]
    assert edited == [edited[0]] * 4 and edited[0] != one
    others = [task for task in OF_FOLDERS if task not in TASKS_OF_FOLDER[folder]]
    assert identify({"data_dir": "data", "tasks": others}) == identify({"data_dir": "mini", "tasks": others})


def test_the_bundled_set_counts_by_content_and_a_folder_of_its_name_is_not_meant(
    identify: Identify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = identify({"data_dir": "mini"})
    (tmp_path / "mini").mkdir()
    assert identify({"data_dir": "mini"}) == one
    bundled, hub = ({"data_dir": where, "tasks": OF_FOLDERS} for where in ("mini", None))
    assert identify(bundled) != identify(hub)
    shutil.copytree(BUNDLED, tmp_path / "newer")
    (tmp_path / "newer" / "probes" / "probes.jsonl").write_text("{}")
    monkeypatch.setattr("eval.identity.BUNDLED", tmp_path / "newer")
    assert identify({"data_dir": "mini"}) != one


def test_a_folder_that_is_not_there_is_named(identify: Identify) -> None:
    with pytest.raises(SalmonError, match="eval.data_dir=/no/where: no folder"):
        identify({"data_dir": "/no/where", "tasks": OF_FOLDERS})


@pytest.mark.parametrize("judge", ["mt_bench.judge.model", "truthfulqa_gen.judge.model"])
def test_a_local_judge_counts_by_its_weights(identify: Identify, tmp_path: Path, judge: str) -> None:
    weights = tmp_path / "judge" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"weights")
    kind = {f"{judge.removesuffix('.model')}.kind": "local"}
    one = identify({**kind, judge: "./judge"})
    assert identify({**kind, judge: str(weights.parent)}) == one != identify({**kind, judge: None})
    weights.write_bytes(b"Weights")
    assert identify({**kind, judge: "./judge"}) != one


def test_a_judge_at_a_server_counts_by_name_and_address(identify: Identify) -> None:
    one = identify(OPENAI)
    assert identify({**OPENAI, "mt_bench.judge.model": "n"}) != one
    assert identify({**OPENAI, "mt_bench.judge.base_url": "http://localhost/v1"}) != one


CHANGED: dict[str, tuple[str, Any]] = {
    "bbh": ("max_new_tokens", 7),
    "truthfulqa_gen": ("max_new_tokens", 7),
    "humaneval": ("memory_mib", 7),
    "tydiqa": ("languages", ["finnish"]),
    "mt_bench": ("template", "vicuna_v1.1"),
    "ifbench": ("max_new_tokens", 7),
    "pairs": ("banks", ["honest_8"]),
    "probes": ("max_new_tokens", 7),
    "principle_following": ("bootstrap", 7),
}


@pytest.mark.parametrize("group", GROUP_OF_TASK.values())
def test_settings_of_a_task_count_where_it_is_run_and_nowhere_else(identify: Identify, group: str) -> None:
    name, value = CHANGED[group]
    change = {f"{group}.{name}": value}
    assert identify(change) != identify({})
    others = [task for task in EVAL_TASKS if GROUP_OF_TASK.get(task) != group]
    assert identify({**change, "tasks": others}) == identify({"tasks": others})


def test_a_draw_counts_for_its_benchmark_and_a_seed_where_something_is_drawn(identify: Identify) -> None:
    assert identify({"draw.bbh": 30}) != identify({})
    assert identify({"draw.bbh": 30, "tasks": ["mt_bench"]}) == identify({"tasks": ["mt_bench"]})
    assert identify({"draw.seed": 5}) == identify({}), "nothing is drawn"
    assert identify({"draw.seed": 5, "draw.mt_bench": 2}) != identify({"draw.mt_bench": 2})


def test_data_that_a_checker_needs_decide_what_is_checked(
    identify: Identify, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = identify({"tasks": ["ifbench"]})
    (tmp_path / "corpora" / "stopwords").mkdir(parents=True)
    monkeypatch.setattr("nltk.data.path", [str(tmp_path)])
    assert identify({"tasks": ["ifbench"]}) != before


def test_the_order_of_tasks_decides_nothing(identify: Identify) -> None:
    assert identify({"tasks": list(reversed(EVAL_TASKS))}) == identify({})
