"""Random streams that depend on what they are for, never on the order of calls.

Every random decision draws from ``stream(seed, purpose, step, row id, ...)``. Results therefore do
not depend on batching, on the number of processes or on where a run was interrupted, and resuming
needs no saved generator state.
"""

import hashlib

import numpy as np


def seed_of(*key: str | int) -> int:
    """A 64-bit seed from a key such as ``(seed, "rollout", step, prompt_id)``."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def stream(*key: str | int) -> np.random.Generator:
    """The generator that belongs to ``key``; equal keys give equal streams on every machine."""
    return np.random.Generator(np.random.PCG64(seed_of(*key)))
