"""Refusals of arguments that broadcasting or indexing would silently turn into a wrong number.

A failure here is a bug of the caller, never of the user: all of them raise ``ValueError``.
"""

from jaxtyping import Shaped
from torch import Tensor


def require_same_shape(**tensors: Shaped[Tensor, "..."]) -> None:
    """Refuse tensors of different shapes: ``[B] - [B, 1]`` would otherwise become ``[B, B]``."""
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError("shapes differ: " + ", ".join(f"{name} {shape}" for name, shape in shapes.items()))


def require_left_aligned(mask: Shaped[Tensor, "B R"]) -> None:
    """Refuse a mask ``[B, R]`` with a row that is not a run of ones from position 0, then zeros."""
    real = mask.bool()
    resumes = (real[:, 1:] & ~real[:, :-1]).any(dim=1)
    if resumes.any():
        rows = resumes.nonzero().flatten().tolist()
        raise ValueError(f"mask rows {rows} have a real token after padding; responses must be left-aligned")


def require_positive(**counts: float) -> None:
    """Refuse a divisor that is zero or negative."""
    for name, count in counts.items():
        if not count > 0:
            raise ValueError(f"{name} must be positive, not {count}")
