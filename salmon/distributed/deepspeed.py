"""DeepSpeed, imported when it is needed, as this project uses it."""

import logging
import os
import warnings
from typing import Any

from salmon.errors import SalmonError


def library(device: str | None = None) -> Any:
    """The package, without operators of its own that it would compile.

    Args:
        device: to work on, at the first call; None is a GPU where there is one.

    Raises:
        SalmonError: it cannot be imported.
    """
    if device is not None:
        os.environ["DS_ACCELERATOR"] = device
    # It calls functions of torch by names that will go, in every process.
    warnings.filterwarnings("ignore", "`torch.distributed", FutureWarning)
    try:
        import deepspeed
        import deepspeed.ops
    except (ImportError, RuntimeError) as error:
        raise SalmonError(
            f"engine=zero2 and engine=zero3 need DeepSpeed, and it cannot be imported: {error}. Install "
            "it with pip install 'deepspeed>=0.19.8,<0.20', or use engine=ddp"
        ) from error
    # What of its C++ and CUDA code this machine could compile: none. It would take a compiler and half a minute, for a
    # shortcut between processes on one CPU; the rest is torch's.
    deepspeed.ops.__compatible_ops__ = {}
    logging.getLogger("DeepSpeed").setLevel(logging.ERROR)  # it warns of what is meant, such as an AdamW of our own
    return deepspeed
