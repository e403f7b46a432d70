"""What this machine reaches: seconds of a run, tokens of its passes, products of matrices, reads of memory."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from salmon.models.decoder import blocks_of

Run = Callable[[], object]

ROWS_ON_GPU, ROWS_ON_CPU = 4096, 1024  # rows and columns of the plain product of two matrices
READ_ON_GPU, READ_ON_CPU = 2**32, 2**28  # bytes of the matrix that is read once by a product with a vector


def timed(run: Run) -> float:
    """Seconds until a GPU, too, has done it."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def matmul_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations a second of a product of two large square matrices."""
    size, times = (ROWS_ON_GPU, 50) if device.type == "cuda" else (ROWS_ON_CPU, 5)
    one, two = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    one @ two
    seconds = timed(lambda: [one @ two for _ in range(times)])
    return 2 * size**3 * times / seconds


def memory_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Bytes of weights a second of a product of a matrix with a vector, which reads each weight once for one
    operation, as a decoding step of one row does."""
    size, times = (READ_ON_GPU, 20) if device.type == "cuda" else (READ_ON_CPU, 5)
    columns = 4096
    matrix = torch.zeros(size // dtype.itemsize // columns, columns, device=device, dtype=dtype)
    vector = torch.zeros(columns, device=device, dtype=dtype)
    matrix @ vector
    return matrix.nbytes * times / timed(lambda: [matrix @ vector for _ in range(times)])


@contextmanager
def counted(decoder: nn.Module) -> Iterator[list[int]]:
    """Tokens of each pass through the decoder inside the block."""
    tokens: list[int] = []
    hook = decoder.register_forward_pre_hook(
        lambda module, args, given: tokens.append(given["input_ids"].numel()), with_kwargs=True
    )
    try:
        yield tokens
    finally:
        hook.remove()


@contextmanager
def layers_called(decoder: nn.Module) -> Iterator[list[str]]:
    """The name of a layer for each of its forward passes inside the block, but for those that gradient checkpointing
    makes once more."""
    called: list[str] = []

    def note(name: str) -> Callable[..., None]:
        return lambda *_: called.append(name)

    hooks = [layer.register_forward_pre_hook(note(name)) for name, layer in blocks_of(decoder)[1].named_children()]
    try:
        yield called
    finally:
        for hook in hooks:
            hook.remove()
