"""Heads: one number from a hidden state (the reward and the value model), and the folders of models that have one."""

from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.output_head import OutputHead
from salmon.principles.encoding import yes_no_tokens
from salmon.runtime.adapter_files import HEAD_FILE as HEAD_FILE
from salmon.runtime.adapter_files import WEIGHTS, adapters_in, pickle_refused, pickled_head
from salmon.runtime.seeding import seed_of


class ScalarHead(nn.Module):
    """Linear map from hidden states [..., D] to scalars [...], in fp32."""

    kind = RewardHead.scalar

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


class YesNoHead(nn.Module):
    """Log-odds of "Yes" against "No" as the next token, by the base's own output layer (Zhang et al. 2024, arXiv
    2408.15240); it has no weights of its own.

    Below ``layers`` the hidden states are those behind the last layer that runs, through the base's final norm: the
    output layer, made for states of all layers, reads them as they are, and the adapter learns to write for it. Logits
    are computed in the base's precision, so in bf16 scores of about 16 and more are rounded to multiples of 1/8.
    """

    kind = RewardHead.yes_no

    def __init__(self, output: OutputHead, yes: int, no: int, layers: int | None = None) -> None:
        """``yes`` and ``no`` are tokens; ``layers``: of the base, below the head (None = all)."""
        super().__init__()
        self.layers, self.yes, self.no, self._output = layers, yes, no, output

    def forward(self, hidden: Float[Tensor, "N D"]) -> Float[Tensor, " N"]:
        logits = self._output(hidden).float()
        return logits[:, self.yes] - logits[:, self.no]


Head = ScalarHead | YesNoHead


def new_head(shared: SharedModel, kind: RewardHead, seed: int, layers: int | None) -> Head:
    """The head that the training of a reward model begins with.

    Raises:
        SalmonError: the tokenizer cannot tell "Yes" from "No".
    """
    if kind is RewardHead.yes_no:
        tokens = yes_no_tokens(shared.chat.encode)
        return YesNoHead(shared.head, tokens.yes, tokens.no, layers)
    return ScalarHead(shared.hidden_size, seed, layers).to(shared.device)


def save_scalar_model(shared: SharedModel, name: str, head: Head, folder: Path) -> None:
    """Adapter and head together: neither means anything without the other."""
    shared.save_adapter(name, folder)
    metadata = {} if head.layers is None else {"layers": str(head.layers)}
    if isinstance(head, YesNoHead):
        metadata |= {"head": head.kind.value, "tokens": f"{head.yes} {head.no}"}
    save_file({key: value.cpu() for key, value in head.state_dict().items()}, folder / HEAD_FILE, metadata or None)


def load_scalar_model(shared: SharedModel, name: str, folder: Path) -> Head:
    """Load adapter and head; one without the other, or of another base, is an error.

    The file of the head says which kind it is; one that says nothing is scalar.

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
    try:
        with safe_open(folder / HEAD_FILE, "pt") as file:
            head = _empty_head(shared, file.metadata() or {})
        head.load_state_dict(load_file(folder / HEAD_FILE))
    except (SafetensorError, RuntimeError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SalmonError(f"{folder / HEAD_FILE} does not fit the base {shared.path}: {reason}") from error
    if not all(parameter.isfinite().all() for parameter in head.parameters()):
        raise SalmonError(f"{folder / HEAD_FILE} holds NaN or infinity: its training diverged. Give another folder")
    shared.load_adapter(name, folder)
    return head.to(shared.device)


def _empty_head(shared: SharedModel, metadata: dict[str, Any]) -> Head:
    """A head without values, as a file's metadata describes it.

    Raises:
        ValueError: it is none that the base can have.
    """
    layers = int(metadata["layers"]) if "layers" in metadata else None
    if RewardHead(metadata.get("head", "scalar")) is RewardHead.scalar:
        return ScalarHead(shared.hidden_size, None, layers)
    tokens = yes_no_tokens(shared.chat.encode)
    if metadata.get("tokens") != f"{tokens.yes} {tokens.no}":
        raise ValueError(
            f'it compares the tokens {metadata.get("tokens")}, and "Yes" and "No" are {tokens.yes} {tokens.no} here'
        )
    return YesNoHead(shared.head, tokens.yes, tokens.no, layers)
