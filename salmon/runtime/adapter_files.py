"""Where a folder has its adapter: PEFT's own layout, PEFT's named adapters, and that of the released checkpoints.

The original project's files (PAPER.md 2.0; its hub pages, and what its code writes)::

    adapter_config.json, adapter_model.bin                      the Dromedary-2 policies
    adapter_model/lora_default/..., reward_head                 the reward model
    adapter_model/lora_policy/..., adapter_model/lora_value/..., value_head.pt     a PPO checkpoint

Each ``...`` is such a pair of config and weights. Weights and heads there are pickles; ``python -m salmon.convert``
makes the safetensors that everything here reads.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

from salmon.config.texts import shown
from salmon.errors import SalmonError
from salmon.runtime.artifact import artifact_around
from salmon.runtime.files import file_digest
from salmon.runtime.foreign import read_json

CONFIG, WEIGHTS, PICKLED = "adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"
HEAD_FILE = "scalar_head.safetensors"
NAMED = "adapter_model"  # folder of the named adapters in the original layout
PICKLED_HEADS = {"reward_head": ("lora_default", "lora_reward"), "value_head.pt": ("lora_value",)}  # of which adapter
NAMES_OF_BASE = ("base_model_name_or_path", "revision")  # in an adapter's config
POLICIES = ("policy", "lora_policy", "default", "lora_default")  # what is meant where there are several


def adapters_in(folder: Path) -> dict[str, Path]:
    """Adapter folders by name: ``folder`` itself (""), or those one level down or in ``adapter_model/``."""
    if (folder / CONFIG).is_file():
        return {"": folder}
    parents = [parent for parent in (folder, folder / NAMED) if parent.is_dir()]
    return {path.name: path for parent in parents for path in sorted(parent.iterdir()) if (path / CONFIG).is_file()}


def adapter_in(folder: Path) -> Path | None:
    """The folder of the adapter that is meant by ``folder``; None where there is none.

    Raises:
        SalmonError: several, and it is not clear which; or its weights are a pickle.
    """
    found = adapters_in(folder)
    meant = [path for name, path in found.items() if len(found) == 1 or name in POLICIES]
    if not found:
        return None
    if len(meant) != 1:
        raise SalmonError(f"{folder} holds several adapters ({', '.join(found)}): give the folder of one of them")
    if not (meant[0] / WEIGHTS).is_file() and (meant[0] / PICKLED).is_file():
        raise SalmonError(pickle_refused(meant[0] / PICKLED, folder))
    return meant[0]


def pickle_refused(file: Path, folder: Path) -> str:
    """Why a file is not read, and what to do."""
    return (
        f"{file} is a pickle, which can run a program when it is read, so it is refused. Convert the folder once, "
        f"with nothing but tensors allowed: python -m salmon.convert {folder} OUTPUT, and give OUTPUT"
    )


def pickled_head(adapter: Path) -> Path | None:
    """The original project's head of an adapter: in its folder, or beside the ``adapter_model/`` that it lies in."""
    named = NAMED in (adapter.name, adapter.parent.name)
    root = adapter if not named else adapter.parent if adapter.name == NAMED else adapter.parent.parent
    for name, owners in PICKLED_HEADS.items():
        if (root / name).is_file() and (adapter.parent.name != NAMED or adapter.name in owners):
            return root / name
    return None


def read_config(adapter: Path) -> dict[str, Any]:
    """The adapter's own settings, as PEFT wrote them.

    Raises:
        SalmonError: unreadable, or not those of a LoRA adapter.
    """
    file = adapter / CONFIG
    config = read_json(file)
    if config.get("peft_type") != "LORA":
        raise SalmonError(f"{file}: peft_type is {shown(config.get('peft_type'))}; only LORA adapters can be used")
    for key in ("r", "lora_alpha"):
        if type(config.get(key)) not in (int, float) or config[key] <= 0:
            raise SalmonError(f"{file}: {key} is {shown(config.get(key))}, and must be a number above 0")
    return config


def adapter_refused(adapter: Path, given: str) -> str:
    """Why the folder of an adapter is no base, and the two settings that are meant."""
    base = read_config(adapter).get("base_model_name_or_path") or "ITS_BASE"
    has_head = (adapter / HEAD_FILE).is_file() or pickled_head(adapter) is not None
    start = "reward.start" if has_head else "sft.start"
    return f"it is an adapter, not a base: set model.path={base} (what it was made for) and {start}={given}"


def adapter_identity(folder: str) -> dict[str, str]:
    """Hashes of what decides what an adapter (with its head, if it has one) computes.

    The base's name in its config is left out: it says where the base lay when the adapter was saved.

    Raises:
        SalmonError: there is no usable adapter; or it is of an artifact that is not as it was made.
    """
    adapter = adapter_in(Path(folder).expanduser())
    if adapter is None or not (adapter / WEIGHTS).is_file():
        raise SalmonError(f"{folder}: there is no adapter ({CONFIG}, {WEIGHTS})")
    if (artifact := artifact_around(adapter.absolute())) is not None:
        artifact.check()
    config = {key: value for key, value in read_config(adapter).items() if key not in NAMES_OF_BASE}
    text = json.dumps(config, sort_keys=True)
    files = (adapter / name for name in (WEIGHTS, HEAD_FILE))
    return {CONFIG: hashlib.sha256(text.encode()).hexdigest()} | {
        file.name: file_digest(file) for file in files if file.is_file()
    }
