"""A base whose files the hub does not give: one message, before anything runs, says why and where to ask."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models.hub_access import access_problem
from salmon.models.loading import load_base
from salmon.plan.published import KNOWN

GATED = "meta-llama/Llama-3.1-8B"
PAGE = f"https://huggingface.co/{GATED}"
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def refused(tiny_config: ModelConfig, tiny_cache: Path) -> Callable[..., str]:
    def message(path: str = GATED, revision: str | None = None) -> str:
        with pytest.raises(SalmonError) as caught:
            load_base(replace(tiny_config, path=path, revision=revision, context=64), tiny_cache)
        assert str(caught.value).startswith(f"cannot load model.path={path}: ")
        return str(caught.value)

    return message


def response(status: int) -> httpx.Response:
    return httpx.Response(status, request=httpx.Request("GET", f"{PAGE}/resolve/main/config.json"))


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            GatedRepoError("403", response=response(403)),
            f"gated: ask for access on {PAGE}, then log in .*hf auth login",
        ),
        (GatedRepoError("401", response=response(401)), "model=olmo2_7b"),
        (RepositoryNotFoundError("401", response=response(401)), f"no model of this name .*compare it with {PAGE}"),
        (RevisionNotFoundError("404", response=response(404)), "no revision v9: .*model.revision"),
        (LocalEntryNotFoundError("not here"), f"cannot be reached .not here.*`hf download {GATED}`.*model.path=FOLDER"),
        (httpx.ConnectError("no route"), "cannot be reached .no route"),
    ],
    ids=["no access", "not logged in", "absent", "revision", "offline", "no network"],
)
def test_what_the_hub_refuses_says_where_to_ask(
    error: Exception, said: str, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through transformers, which wraps the hub's errors in its own."""

    def download(*args: object, **options: object) -> str:
        raise error

    monkeypatch.setattr("transformers.utils.hub.hf_hub_download", download)
    message = refused(revision="v9")
    assert "\n" not in message
    assert re.search(said, message), message


def test_a_name_without_a_network(refused: Callable[..., str]) -> None:
    assert "`hf download allenai/OLMo-2-1124-7B`" in refused("allenai/OLMo-2-1124-7B")


def test_a_cache_without_the_weights_is_no_fault_of_the_files(
    refused: Callable[..., str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a fetch that was broken off there is the config only; also where one file of several is missing."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    repository = tmp_path / f"models--{GATED.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (snapshot / "config.json").write_text(json.dumps(KNOWN[GATED]))
    assert f"`hf download {GATED}`" in refused(revision=COMMIT)
    (snapshot / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "1.safetensors"}}))
    assert f"`hf download {GATED}`" in refused(revision=COMMIT)


def test_other_errors_are_not_the_hubs() -> None:
    assert access_problem(ValueError("torn"), GATED, None) is None
    assert access_problem(OSError("disk full"), GATED, None) is None
