"""``python -m salmon.convert FOLDER OUTPUT``: pickled LoRA adapters, with their heads, as safetensors.

For the layouts that ``salmon/runtime/adapter_files.py`` names. One adapter goes to OUTPUT itself, several go to folders
in it, called as they were without ``lora_``. PEFT, and all of this project, read the result. Pickles are read with
``weights_only``: whatever is not a tensor, or a container of them, is refused and not run.
"""

import argparse
import json
import logging
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from salmon.errors import SalmonError
from salmon.runtime.adapter_files import (
    CONFIG,
    HEAD_FILE,
    PICKLED,
    WEIGHTS,
    adapters_in,
    pickled_head,
    read_config,
)
from salmon.runtime.console import configure_console, escape_unprintable
from salmon.runtime.files import storage_errors

log = logging.getLogger("salmon")

_LORA = re.compile(r"(?P<module>.+)\.(?P<part>lora_[AB])(\.(?!weight$)[^.]+)?\.weight")  # some keep the adapter's name


def convert(source: Path, output: Path, base: str | None = None) -> dict[str, Path]:
    """Write every adapter of ``source``; the folders written, by the adapters' names.

    Args:
        base: hub id or path of the base that the config will name; None keeps what it says.

    Raises:
        SalmonError: nothing to convert, a file that is not what it should be, or ``output`` is not free.
    """
    found = adapters_in(source)
    if not found:
        raise SalmonError(f"{source} has no adapter: no {CONFIG} in it, in a folder in it, or in adapter_model/")
    if output.exists():
        raise SalmonError(f"{output} exists; give a folder that does not")
    single = len(found) == 1
    whole = {name: _read(adapter, base) for name, adapter in found.items()}
    with storage_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=output.parent) as temporary:
            made = Path(temporary) / "made"
            for name, files in whole.items():
                _write(made if single else made / name.removeprefix("lora_"), *files)
            made.rename(output)
    return {name: output if single else output / name.removeprefix("lora_") for name in found}


def _read(adapter: Path, base: str | None) -> tuple[dict[str, Any], dict[str, Tensor], dict[str, Tensor] | None]:
    """Config, weights, and the head if there is one."""
    config = modern_config(adapter, base)
    file = adapter / WEIGHTS if (adapter / WEIGHTS).is_file() else adapter / PICKLED
    if (adapter / HEAD_FILE).is_file():
        raise SalmonError(f"{adapter} has a {HEAD_FILE}: it is in this project's format already")
    head = pickled_head(adapter.absolute())
    return config, lora_tensors(file, config["r"]), scalar_head(head) if head else None


def _write(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor], head: dict[str, Tensor] | None) -> None:
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    if head is not None:
        save_file(head, folder / HEAD_FILE)


def read_tensors(file: Path) -> Mapping[str, Tensor]:
    """Tensors by name, of safetensors or of a pickle that holds nothing else.

    Raises:
        SalmonError: there is no such file, or it is something else.
    """
    if not file.is_file():
        raise SalmonError(f"{file}: there is no such file; an adapter has {WEIGHTS} or {PICKLED}")
    try:
        read = load_file(file) if file.suffix == ".safetensors" else torch.load(file, "cpu", weights_only=True)
    except Exception as error:  # whatever a torn or a hostile file makes safetensors and torch raise
        raise SalmonError(
            f"{file} cannot be read as tensors only, and nothing in it was run: {' '.join(str(error).split())[:300]}"
        ) from error
    if not isinstance(read, Mapping) or not read or not all(isinstance(value, Tensor) for value in read.values()):
        raise SalmonError(f"{file} holds no tensors by name, but a {type(read).__name__}")
    return read


def lora_tensors(file: Path, rank: int) -> dict[str, Tensor]:
    """The LoRA matrices under the names that PEFT gives them today, in their own dtype.

    Raises:
        SalmonError: other tensors, a matrix without its partner, another rank, or NaN.
    """
    tensors: dict[str, Tensor] = {}
    for name, tensor in read_tensors(file).items():
        parsed = _LORA.fullmatch(name)
        if parsed is None:
            raise SalmonError(f"{file}: {name} is no LoRA matrix; only adapters of nothing but those can be converted")
        if tensor.ndim != 2 or tensor.shape[parsed["part"] == "lora_B"] != rank:
            raise SalmonError(f"{file}: {name} has the shape {list(tensor.shape)}; {CONFIG} says r={rank}")
        if not tensor.isfinite().all():
            raise SalmonError(f"{file}: {name} holds NaN or infinity")
        tensors[f"{parsed['module']}.{parsed['part']}.weight"] = tensor.contiguous()
    matrices = Counter(name.rpartition(".lora_")[0] for name in tensors)
    if alone := sorted(module for module, n in matrices.items() if n != 2):
        raise SalmonError(f"{file}: {alone[0]} has one of its two LoRA matrices only")
    return tensors


def modern_config(adapter: Path, base: str | None) -> dict[str, Any]:
    """The adapter's config with the keys that PEFT knows today; the others are named in the log.

    Raises:
        SalmonError: unreadable, or with what plain LoRA matrices cannot express.
    """
    file, config = adapter / CONFIG, read_config(adapter)
    lacking = [key for key in ("r", "lora_alpha", "target_modules") if not config.get(key)]
    if lacking:
        raise SalmonError(f"{file} lacks {', '.join(lacking)}")
    for key, plain in {"modules_to_save": (None, []), "bias": (None, "none"), "use_dora": (None, False)}.items():
        if config.get(key) not in plain:
            raise SalmonError(f"{file}: {key}={config[key]} trains more than LoRA matrices; this cannot be converted")
    from peft import LoraConfig  # after the console is set: it imports libraries that warn

    known = {field.name for field in fields(LoraConfig)}
    if dropped := sorted(config.keys() - known):
        log.info(
            "%s: left out, since PEFT knows them no more: %s",
            file,
            ", ".join(f"{key}={config[key]}" for key in dropped),
        )
    named = base or config.get("base_model_name_or_path")
    log.info("%s: made for the base %s%s", file, named, "" if base else " (--base NAME writes another name)")
    return {key: value for key, value in config.items() if key in known} | {"base_model_name_or_path": named}


def scalar_head(file: Path) -> dict[str, Tensor]:
    """The original's linear head as ours: weight [D] and bias [], fp32.

    Raises:
        SalmonError: it is something else.
    """
    tensors = read_tensors(file)
    weight, bias = tensors.get("weight"), tensors.get("bias")
    if set(tensors) - {"weight", "bias"} or weight is None or weight.ndim != 2 or weight.shape[0] != 1:
        raise SalmonError(
            f"{file}: expected weight [1, D] and bias [1], and found "
            f"{ {name: list(t.shape) for name, t in tensors.items()} }"
        )
    bias = torch.zeros(1) if bias is None else bias
    if bias.numel() != 1 or not (weight.isfinite().all() and bias.isfinite().all()):
        raise SalmonError(f"{file}: the bias is not one number, or there is NaN or infinity in it")
    return {"weight": weight[0].float().contiguous(), "bias": bias.reshape(()).float()}


def main() -> None:
    """Entry point of ``python -m salmon.convert``."""
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m salmon.convert", description=(__doc__ or "").partition("\n")[2])
    parser.add_argument("folder", type=Path, help="what is to be converted")
    parser.add_argument("output", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--base", help="hub id or path of the base, for the new config")
    given = parser.parse_args()
    configure_console()
    try:
        for folder in convert(given.folder.expanduser(), given.output.expanduser(), given.base).values():
            kind = "reward or value model: reward.start=" if (folder / HEAD_FILE).is_file() else "policy: sft.start="
            log.info("%s%s", kind, folder)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


if __name__ == "__main__":
    main()
