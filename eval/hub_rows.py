"""Rows of data sets of the Hugging Face hub."""

from collections.abc import Iterator
from typing import Any

from eval.network import require_hub
from eval.results import Unavailable


def hub_rows(name: str, split: str, config: str | None = None) -> Iterator[dict[str, Any]]:
    """Every row of a split, in the hub's order.

    Raises:
        Unavailable: the hub cannot be reached, or does not give the data set.
    """
    require_hub()
    import datasets

    datasets.disable_progress_bars()
    try:
        rows: Any = datasets.load_dataset(name, config, split=split)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise Unavailable(f"the hub's {name} cannot be loaded ({reason}); set eval.data_dir") from error
    return (dict(row) for row in rows)
