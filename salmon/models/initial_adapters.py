"""Adapters trained elsewhere, from which a stage's own training starts."""

from pathlib import Path

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import Head, load_scalar_model
from salmon.runtime.adapter_files import CONFIG, HEAD_FILE, adapter_in, read_config


def load_initial_policy(shared: SharedModel, name: str, start: str) -> None:
    """Load the adapter of the folder ``start`` under ``name``.

    Raises:
        SalmonError: there is none that fits the base, it is of another size than ``model.lora``, or a reward model.
    """
    folder = _folder(start)
    if (folder / HEAD_FILE).is_file():
        raise SalmonError(
            f"sft.start={start}: {folder} is a reward or value model ({HEAD_FILE}), and sft.start takes a policy. "
            f"For a reward model give reward.start={start}"
        )
    require_same_lora(shared, folder)
    shared.load_adapter(name, folder)


def load_initial_scalar_model(shared: SharedModel, name: str, start: str, kind: RewardHead, layers: int | None) -> Head:
    """Load the adapter of the folder ``start`` under ``name``, and its head.

    Args:
        kind: of the head, as the config has it.
        layers: how many layers of the base the config gives the model; None is all of them.

    Returns:
        The head.

    Raises:
        SalmonError: they do not fit the base, ``model.lora``, ``kind`` or ``layers``.
    """
    folder = _folder(start)
    head = load_scalar_model(shared, name, folder)
    require_same_lora(shared, folder)
    if head.kind is not kind:
        raise SalmonError(
            f"reward.head={kind.value}, but the model in {folder} has {head.kind.value}: set "
            f"reward.head={head.kind.value}"
        )
    if head.layers != layers:
        has = "null" if head.layers is None else head.layers
        raise SalmonError(
            f"reward.layers={'null' if layers is None else layers}, but the model in {folder} has "
            f"{has}: set reward.layers={has}"
        )
    return head


def require_same_lora(shared: SharedModel, folder: Path) -> None:
    """Check that ``model.lora`` has the adapter's rank and alpha: records show the config.

    Raises:
        SalmonError: it has others.
    """
    config, lora = read_config(folder), shared.lora
    if (config["r"], config["lora_alpha"]) != (lora.r, lora.alpha):
        raise SalmonError(
            f"{folder / CONFIG} has r={config['r']} and lora_alpha={config['lora_alpha']}, the config "
            f"model.lora.r={lora.r} and model.lora.alpha={lora.alpha}: set model.lora.r={config['r']} "
            f"model.lora.alpha={config['lora_alpha']}"
        )


def _folder(start: str) -> Path:
    folder = Path(start).expanduser()
    return adapter_in(folder) or folder
