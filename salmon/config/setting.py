"""What a field of the schema says about itself, besides its type."""

from dataclasses import field
from typing import Any

from omegaconf import MISSING


def cosmetic() -> Any:
    """A field without influence on a stage's result (up to floating-point rounding)."""
    return field(default=MISSING, metadata={"cosmetic": True})
