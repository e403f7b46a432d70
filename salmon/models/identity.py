"""What a base computes, and what its fingerprint covers: its files by content, and what is decided where it runs.

A path is a name: other weights may come to lie there, and one folder has several spellings. ``dtype: auto`` is another
format on a GPU than on a CPU. The device itself is not covered: equal numbers up to rounding come from any.
"""

import logging
import re
from dataclasses import replace
from functools import cache as remembered
from pathlib import Path
from typing import Any

from salmon.config.model import Dtype, ModelConfig
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.runtime.adapter_files import adapter_refused, adapters_in
from salmon.runtime.digests import kept_digests
from salmon.runtime.fingerprint import semantic

log = logging.getLogger("salmon")

# What transformers reads from a folder: weights, config (that of generation has end tokens), and the many files in
# which tokenizers and templates are kept.
READ = (".safetensors", ".json", ".jinja", ".model", ".txt", ".tiktoken")
HUB_TIMEOUT_S = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def model_identity(model: ModelConfig, cache: Path) -> dict[str, Any]:
    """Everything that decides what the model computes.

    Args:
        cache: folder in which hashes of large files are kept.

    Raises:
        SalmonError: a local folder cannot be read, or has no weights; the device cannot be had.
    """
    model = settled(model)
    return semantic(model) | {"base": _base(model, cache)}


def settled(model: ModelConfig) -> ModelConfig:
    """The settings with what is decided where they are used: the format that ``auto`` is on this machine, and the
    commit that a branch of the hub is now.

    Raises:
        SalmonError: the device cannot be had, or does not compute in the format that is asked for.
    """
    if model.dtype is Dtype.auto:
        from salmon.models.device import pick_device, pick_dtype  # torch: seconds, and only for this question

        name = str(pick_dtype(model.dtype, pick_device(model.device))).removeprefix("torch.")
        model = replace(model, dtype=Dtype(name))
    if _on_hub(model.path):
        model = replace(model, revision=commit_of(model.path, model.revision) or model.revision)
    return model


def _on_hub(path: str) -> bool:
    return not weights.is_bundled(path) and weights.local_folder(path) is None


def _base(model: ModelConfig, cache: Path) -> dict[str, Any]:
    if weights.is_bundled(model.path):  # the name is pinned to its content in ``salmon.models.weights``
        return {"bundled": weights.BUNDLED[model.path]}
    folder = weights.local_folder(model.path)
    if folder is None:
        return {"hub": model.path, "revision": model.revision}
    return {"files": _content(folder, model.path, cache)}


def _content(folder: Path, path: str, cache: Path) -> dict[str, str]:
    """SHA-256 of each file of a folder that a base or its tokenizer may be read from."""
    try:
        files = [file for file in sorted(folder.iterdir()) if file.suffix in READ and file.is_file()]
        digests = kept_digests(files, cache)
    except OSError as error:
        raise SalmonError(f"model.path={path}: {error.filename or folder} cannot be read: {error.strerror}") from error
    if not any(file.suffix == ".safetensors" for file in files):
        if adapters := adapters_in(folder):
            raise SalmonError(f"model.path={path}: {adapter_refused(next(iter(adapters.values())), path)}")
        raise SalmonError(f"model.path={path}: {folder} has no weights (*.safetensors)")
    return {file.name: digest for file, digest in zip(files, digests, strict=True)}


@remembered
def commit_of(repository: str, revision: str | None) -> str | None:
    """The commit that a branch or tag is on the hub now, or was when the local cache was filled; None where nobody
    knows. It is asked once a process, so that what is loaded is what was fingerprinted.
    """
    wanted = revision or "main"
    if _COMMIT.fullmatch(wanted):
        return wanted
    from huggingface_hub import HfApi, try_to_load_from_cache

    reason = ""
    try:
        if commit := HfApi().model_info(repository, revision=wanted, timeout=HUB_TIMEOUT_S).sha:
            return commit
    except Exception as error:  # whatever the hub, the network and their clients can raise
        reason = f" ({' '.join(str(error).split())[:200]})"
    try:
        cached = try_to_load_from_cache(repository, "config.json", revision=wanted)
    except ValueError:  # no name that a repository can have
        cached = None
    if isinstance(cached, str):
        return Path(cached).parent.name
    log.warning(
        "model.path=%s: the commit of its revision %s is unknown%s; the fingerprint has its name only, so other "
        "weights under that name would not be noticed",
        repository,
        wanted,
        reason,
    )
    return None
