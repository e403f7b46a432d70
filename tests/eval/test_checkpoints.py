import json
from pathlib import Path

import pytest

from eval.checkpoints import adapter_hash, find_checkpoints
from salmon.errors import SalmonError


def adapter_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    (path / "adapter_config.json").write_text("{}")
    (path / "adapter_model.safetensors").write_bytes(b"")
    return path


def artifact_folder(path: Path, fingerprint: str, checkpoints: dict[str, str]) -> Path:
    for relative in checkpoints.values():
        adapter_folder(path / relative)
    path.mkdir(parents=True, exist_ok=True)
    manifest = {
        "stage": "ppo",
        "fingerprint": fingerprint,
        "files": {},
        "metrics": {},
        "checkpoints": checkpoints,
    }
    (path / "manifest.json").write_text(json.dumps(manifest))
    return path


def test_an_artifact_gives_all_its_policies(tmp_path):
    artifact = artifact_folder(tmp_path / "a", "0123456789abcdef", {"ppo_best": "best", "ppo_last": "last"})
    checkpoints, artifacts = find_checkpoints(f"base, {artifact}")
    assert checkpoints == {"base": None, "ppo_best": artifact / "best", "ppo_last": artifact / "last"}
    assert list(artifacts) == ["ppo-0123456789abcdef"]


def test_an_adapter_folder_has_its_own_name(tmp_path):
    folder = adapter_folder(tmp_path / "my-adapter")
    assert find_checkpoints(str(folder))[0] == {"my-adapter": folder}


def test_equal_names_are_told_apart(tmp_path):
    one = artifact_folder(tmp_path / "1", "aaaaaaaabbbbbbbb", {"ppo_last": "last"})
    two = artifact_folder(tmp_path / "2", "ccccccccdddddddd", {"ppo_last": "last"})
    assert set(find_checkpoints(f"{one},{two}")[0]) == {"ppo_last-aaaaaaaa", "ppo_last-cccccccc"}
    three, four = adapter_folder(tmp_path / "x" / "policy"), adapter_folder(tmp_path / "y" / "policy")
    names = find_checkpoints(f"{three},{four}")[0]
    assert [name.rsplit("-", 2)[1:] for name in names] == [["x", "policy"], ["y", "policy"]]


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("/nowhere", "neither an artifact folder"),
        ("", "is empty"),
        ("base,base", "more than once"),
    ],
)
def test_wrong_checkpoints(spec, message):
    with pytest.raises(SalmonError, match=message):
        find_checkpoints(spec)


def test_an_artifact_without_a_policy(tmp_path):
    with pytest.raises(SalmonError, match="holds no policy"):
        find_checkpoints(str(artifact_folder(tmp_path / "a", "f", {})))


def test_adapter_hash(adapter, tmp_path):
    assert adapter_hash(None) == "base"
    for file in adapter.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    assert adapter_hash(tmp_path) == adapter_hash(adapter)
    with (tmp_path / "adapter_model.safetensors").open("ab") as file:
        file.write(b"x")
    assert adapter_hash(tmp_path) != adapter_hash(adapter)
