"""Scalar heads: one number from a hidden state, always in fp32 (the reward and the value model)."""

from pathlib import Path

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.runtime.adapter_files import HEAD_FILE as HEAD_FILE
from salmon.runtime.adapter_files import WEIGHTS, adapters_in, pickle_refused, pickled_head
from salmon.runtime.seeding import seed_of


class ScalarHead(nn.Module):
    """Linear map from hidden states [..., D] to scalars [...]."""

    def __init__(self, hidden_size: int, seed: int | None, layers: int | None = None) -> None:
        """``seed=None`` gives a head of zeros; ``layers``: of the base, below the head (None = all)."""
        super().__init__()
        self.layers = layers
        self.weight = nn.Parameter(torch.zeros(hidden_size))
        self.bias = nn.Parameter(torch.zeros(()))
        if seed is not None:
            generator = torch.Generator().manual_seed(seed_of(seed, "scalar head") % 2**63)
            with torch.no_grad():
                # 1/sqrt(D+1): scores of order one at the start (Stiennon et al. 2020, appendix B).
                self.weight.copy_(torch.randn(hidden_size, generator=generator) / (hidden_size + 1) ** 0.5)

    def forward(self, hidden: Float[Tensor, "*shape D"]) -> Float[Tensor, "*shape"]:
        return hidden.float() @ self.weight + self.bias


def save_scalar_model(shared: SharedModel, name: str, head: ScalarHead, folder: Path) -> None:
    """Adapter and head together: neither means anything without the other."""
    shared.save_adapter(name, folder)
    save_file(
        {"weight": head.weight.detach().cpu(), "bias": head.bias.detach().cpu()},
        folder / HEAD_FILE,
        metadata=None if head.layers is None else {"layers": str(head.layers)},
    )


def load_scalar_model(shared: SharedModel, name: str, folder: Path) -> ScalarHead:
    """Load adapter and head; one without the other, or of another base, is an error.

    Raises:
        SalmonError: a file is missing or does not fit the base.
    """
    pickles = [file for adapter in adapters_in(folder).values() if (file := pickled_head(adapter.absolute()))]
    if pickles:
        raise SalmonError(pickle_refused(pickles[0], folder))
    has_adapter, has_head = (folder / WEIGHTS).is_file(), (folder / HEAD_FILE).is_file()
    if not (has_adapter or has_head):
        raise SalmonError(f"{folder} has neither an adapter ({WEIGHTS}) nor a scalar head ({HEAD_FILE})")
    if has_adapter != has_head:
        missing, present = (HEAD_FILE, "adapter") if has_adapter else (WEIGHTS, "scalar head")
        raise SalmonError(
            f"{folder} has the {present} but no {missing}: a scalar model needs both. Make it again, "
            "or copy the whole folder"
        )
    head = ScalarHead(shared.hidden_size, seed=None)
    try:
        head.load_state_dict(load_file(folder / HEAD_FILE))
        with safe_open(folder / HEAD_FILE, "pt") as file:
            layers = (file.metadata() or {}).get("layers")
        head.layers = None if layers is None else int(layers)
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SalmonError(f"{folder / HEAD_FILE} does not fit the base {shared.path}: {reason}") from error
    if not all(parameter.isfinite().all() for parameter in head.parameters()):
        raise SalmonError(f"{folder / HEAD_FILE} holds NaN or infinity: its training diverged. Give another folder")
    shared.load_adapter(name, folder)
    return head.to(shared.device)
