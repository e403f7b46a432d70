"""Adapters that were trained elsewhere as the start of a stage's own."""

from pathlib import Path

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.heads import ScalarHead, load_scalar_model
from salmon.runtime.adapter_files import CONFIG, adapter_in, read_config


def start_policy(shared: SharedModel, name: str, start: str) -> None:
    """Load the adapter of a folder under ``name``.

    Raises:
        SalmonError: there is none that fits the base, or it is of another size than ``model.lora``.
    """
    folder = _folder(start)
    require_same_lora(shared, folder)
    shared.load_adapter(name, folder)


def start_scalar_model(shared: SharedModel, name: str, start: str, layers: int | None) -> ScalarHead:
    """Load adapter and head of a folder; the head.

    Args:
        layers: of the base that the model runs through by the config.

    Raises:
        SalmonError: they do not fit the base, ``model.lora`` or ``layers``.
    """
    folder = _folder(start)
    head = load_scalar_model(shared, name, folder)
    require_same_lora(shared, folder)
    if head.layers != layers:
        has = "null" if head.layers is None else head.layers
        raise SalmonError(
            f"reward.layers={'null' if layers is None else layers}, but the model in {folder} has "
            f"{has}: set reward.layers={has}"
        )
    return head


def require_same_lora(shared: SharedModel, folder: Path) -> None:
    """The config is what records show, so it must say what the adapter has.

    Raises:
        SalmonError: it says something else.
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
