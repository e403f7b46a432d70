"""Why a model of the Hugging Face hub cannot be had here, and where to ask for it."""

from collections.abc import Iterator
from pathlib import Path

import httpx
from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from salmon.runtime.foreign import read_json

UNREACHED = (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, httpx.TransportError)
WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"  # of several files
TIMEOUT_S = 10.0


def access_problem(error: BaseException, repository: str, revision: str | None) -> str | None:
    """What the hub refused, in words that say what to do; None where it is not the hub that refused.

    Args:
        error: what was raised; libraries wrap the hub's own errors, so its causes are looked at too.
        repository: ``model.path``.
        revision: ``model.revision``.
    """
    page = f"{constants.ENDPOINT}/{repository}"
    for cause in causes(error):
        if isinstance(cause, GatedRepoError):
            return (
                f"its files are gated: ask for access on {page}, then log in here with `hf auth login` (or set "
                "HF_TOKEN). Open to all are model=olmo2_7b, qwen3_8b, smollm2_1_7b and others of `salmon --help`"
            )
        if isinstance(cause, RevisionNotFoundError):
            return f"it has no revision {revision}: {page} lists its branches and tags, for model.revision"
        if isinstance(cause, RepositoryNotFoundError):
            return (
                f"the hub has no model of this name that this machine may see: compare it with {page}; if it is "
                "private, log in with `hf auth login`"
            )
        if isinstance(cause, UNREACHED):
            return (
                f"its files are not on this machine, and the hub cannot be reached ({_in_short(cause)}). Where there "
                f"is a network, `hf download {repository}` fetches them into the cache (HF_HOME); or give a folder "
                "that has them: model.path=FOLDER"
            )
    return None


def ask_for_weights(repository: str, revision: str | None) -> None:
    """Ask whether weights that are not in the cache can be fetched: transformers' own message would not say why not.

    Args:
        repository: ``model.path``, which may be a folder: nothing is asked then.

    Raises:
        Exception: what the hub, or its client, raises.
    """
    if not Path(repository).is_dir() and not _in_cache(repository, revision):
        HfApi().model_info(repository, revision=revision, timeout=TIMEOUT_S)


def _in_cache(repository: str, revision: str | None) -> bool:
    """Whether all files of the weights are."""
    index = try_to_load_from_cache(repository, INDEX, revision=revision)
    names = {WEIGHTS}
    if isinstance(index, str):
        names = set(read_json(Path(index))["weight_map"].values())
    return all(isinstance(try_to_load_from_cache(repository, name, revision=revision), str) for name in names)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those that led to it."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _in_short(error: BaseException) -> str:
    return " ".join(str(error).split())[:100] or type(error).__name__
