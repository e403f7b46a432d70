"""What tells one base from all others: the content of its files, a commit, and the format it computes in."""

import json
import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
import torch

from salmon.config.model import Dtype, ModelConfig, Quantization
from salmon.errors import SalmonError
from salmon.models import device, identity, weights
from salmon.models.identity import commit_of, model_identity, settled
from salmon.models.loading import load_base
from salmon.runtime import digests

FILES = {
    "model.safetensors": "weights",
    "config.json": "{}",
    "tokenizer.json": "{}",
    "tokenizer_config.json": "{}",
    "chat_template.jinja": "{{ messages }}",
    "special_tokens_map.json": "{}",
    "tokenizer.model": "pieces",
    "merges.txt": "a b",
    "generation_config.json": "{}",
    "README.md": "about",
}
Identify = Callable[..., dict[str, Any]]


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    commit_of.cache_clear()
    yield
    commit_of.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "base"
    made.mkdir()
    for name, text in FILES.items():
        (made / name).write_text(text)
    return made


@pytest.fixture
def identify(tiny_config: ModelConfig, tmp_path: Path) -> Identify:
    def of(**changes: Any) -> dict[str, Any]:
        return model_identity(replace(tiny_config, **changes), tmp_path / "cache")

    return of


# --- folders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FILES)
def test_other_content_at_the_same_path_is_another_base(folder: Path, identify: Identify, name: str) -> None:
    before = identify(path=str(folder))
    (folder / name).write_text(FILES[name][:-1] + "!")  # of the same size
    assert (identify(path=str(folder)) != before) == (name != "README.md")


def test_a_file_more_is_another_base(folder: Path, identify: Identify) -> None:
    before = identify(path=str(folder))
    (folder / "model-00002-of-00002.safetensors").write_text("more")
    assert identify(path=str(folder)) != before


def test_the_spelling_of_a_folder_and_a_copy_make_no_difference(
    folder: Path, identify: Identify, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "link").symlink_to(folder)
    (tmp_path / "copy").mkdir()
    for file in folder.iterdir():
        (tmp_path / "copy" / file.name).write_bytes(file.read_bytes())
    spelled = [str(folder), "./base", "base", "~/base", f"{folder}/", "link", "copy"]
    assert [identify(path=path) for path in spelled] == [identify(path=str(folder))] * len(spelled)
    assert identify(path="base", revision="v1") == identify(path="base"), "a folder has no revisions"


def test_a_folder_without_weights_is_named(folder: Path, identify: Identify) -> None:
    (folder / "model.safetensors").unlink()
    with pytest.raises(SalmonError, match=r"base has no weights \(\*\.safetensors\)"):
        identify(path=str(folder))


@pytest.mark.parametrize(
    ("path", "said"), [("/no/where", "no such folder"), ("random:huge", "unknown; known are wheel:")]
)
def test_a_path_that_means_nothing_is_named(identify: Identify, path: str, said: str) -> None:
    with pytest.raises(SalmonError, match=f"model.path={path}: .*{said}"):
        identify(path=path)


def test_two_spellings_are_one_base(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert weights.same_base("./base", str(folder)) and weights.same_base("owner/name", "owner/name")
    assert not weights.same_base("./base", "/no/where") and not weights.same_base("owner/name", "./base")


# --- hashes that are kept ----------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that were read; all of them count as large."""
    read: list[str] = []

    def reading(file: Path) -> str:
        read.append(file.name)
        return digest(file)

    digest = digests.file_digest
    monkeypatch.setattr(digests, "file_digest", reading)
    monkeypatch.setattr(digests, "KEPT_FROM", 0)
    monkeypatch.setattr(digests, "SETTLED_S", 0.0)
    return read


def test_a_large_file_is_hashed_once(folder: Path, tmp_path: Path, hashed: list[str]) -> None:
    file, cache = folder / "model.safetensors", tmp_path / "cache"
    os.utime(file, (1e9, 1e9))
    first = digests.kept_digests([file, folder / "config.json"], cache)
    assert digests.kept_digests([file, folder / "config.json"], cache) == first
    (folder / "link").symlink_to(file)
    assert digests.kept_digests([folder / "link"], cache) == first[:1]
    assert sorted(hashed) == ["config.json", "model.safetensors"]


def test_a_change_that_hides_its_time_is_seen(folder: Path, tmp_path: Path, hashed: list[str]) -> None:
    file, cache = folder / "model.safetensors", tmp_path / "cache"
    os.utime(file, (1e9, 1e9))
    first = digests.kept_digests([file], cache)
    file.write_text("WEIGHTS")  # in place and of the same size; then the old time
    os.utime(file, (1e9, 1e9))
    assert digests.kept_digests([file], cache) != first


def test_the_hash_of_a_file_that_was_just_written_is_not_kept(
    folder: Path, tmp_path: Path, hashed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SETTLED_S", 60.0)
    for _ in range(2):
        digests.kept_digests([folder / "model.safetensors"], tmp_path / "cache")
    assert len(hashed) == 2


@pytest.mark.parametrize("entry", ["", "[]", '{"sha256": 1', "{}"])
def test_a_damaged_or_missing_cache_costs_time_only(
    folder: Path, tmp_path: Path, hashed: list[str], entry: str
) -> None:
    file = folder / "model.safetensors"
    first = digests.kept_digests([file], tmp_path / "cache")
    (kept,) = (tmp_path / "cache" / digests.FOLDER).glob("*.json")
    kept.write_text(entry)
    assert digests.kept_digests([file], tmp_path / "cache") == first
    (tmp_path / "file").write_text("no folder")
    assert digests.kept_digests([file], tmp_path / "file") == first


# --- the hub -----------------------------------------------------------------------------------

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the hub without a network, with ``main`` of one repository."""
    repository = tmp_path / "hub" / "models--owner--name"
    (repository / "snapshots" / COMMIT).mkdir(parents=True)
    (repository / "snapshots" / COMMIT / "config.json").write_text("{}")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    monkeypatch.setattr("huggingface_hub.file_download.HF_HUB_CACHE", str(tmp_path / "hub"), raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return repository


def test_a_branch_is_its_commit_also_without_a_network(hub_cache: Path, identify: Identify) -> None:
    of_branch = identify(path="owner/name")
    assert of_branch["base"] == {"hub": "owner/name", "revision": COMMIT}
    assert identify(path="owner/name", revision="main") == identify(path="owner/name", revision=COMMIT) == of_branch
    commit_of.cache_clear()
    (hub_cache / "refs" / "main").write_text("f" * 40)
    (hub_cache / "snapshots" / ("f" * 40)).mkdir()
    (hub_cache / "snapshots" / ("f" * 40) / "config.json").write_text("{}")
    assert identify(path="owner/name") != of_branch


def test_what_is_loaded_is_the_commit_that_was_fingerprinted(hub_cache: Path, tiny_config: ModelConfig) -> None:
    model = replace(tiny_config, path="owner/name", revision=None)
    assert settled(model).revision == COMMIT
    (hub_cache / "refs" / "main").write_text("f" * 40)  # the branch moves while the job runs
    assert settled(model).revision == COMMIT and settled(settled(model)) == settled(model)


def test_the_hub_is_asked_first(hub_cache: Path, identify: Identify, monkeypatch: pytest.MonkeyPatch) -> None:
    class Api:
        def model_info(self, repository: str, revision: str, timeout: float) -> Any:
            assert (repository, revision) == ("owner/name", "v2")
            return type("Info", (), {"sha": "a" * 40})

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert identify(path="owner/name", revision="v2")["base"]["revision"] == "a" * 40


def test_a_commit_that_nobody_knows_is_said_once(
    hub_cache: Path, identify: Identify, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "salmon"):
        one, two = identify(path="owner/other"), identify(path="owner/other", revision="v2")
        assert identify(path="owner/other") == one != two
    said = [record.message for record in caplog.records]
    assert len(said) == 2 and "the commit of its revision main is unknown" in said[0]


# --- what is decided where it runs -------------------------------------------------------------


def test_auto_is_the_format_of_this_machine(identify: Identify, monkeypatch: pytest.MonkeyPatch) -> None:
    assert identify(dtype=Dtype.auto) == identify(dtype=Dtype.float32) != identify(dtype=Dtype.bfloat16)
    monkeypatch.setattr(device, "pick_dtype", lambda dtype, device: torch.bfloat16)
    assert identify(dtype=Dtype.auto) == identify(dtype=Dtype.bfloat16)


@pytest.mark.parametrize(
    "change", [{"context": 64}, {"system_prompt": "Be brief."}, {"quantization": Quantization.nf4}], ids=str
)
def test_what_else_decides_is_in_it(identify: Identify, change: dict[str, Any]) -> None:
    assert identify(**change) != identify()


def test_speed_and_names_are_not_in_it(identify: Identify) -> None:
    assert identify(name="other", device="auto", gradient_checkpointing=True) == identify()


def test_a_loaded_base_knows_what_it_is(tiny_config: ModelConfig, tiny_cache: Path) -> None:
    loaded = load_base(replace(tiny_config, dtype=Dtype.auto), tiny_cache)
    assert loaded.identity == identity.model_identity(tiny_config, tiny_cache)


def test_a_folder_of_named_adapters_is_no_base(identify: Identify, tmp_path: Path) -> None:
    adapter = tmp_path / "made" / "adapter_model" / "lora_default"
    adapter.mkdir(parents=True)
    config = {"peft_type": "LORA", "base_model_name_or_path": "its/base", "r": 8, "lora_alpha": 16}
    (adapter / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(SalmonError, match=r"an adapter, not a base: set model.path=its/base .* and sft.start=.*made"):
        identify(path=str(tmp_path / "made"))
