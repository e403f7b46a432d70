"""Small trials of what stages do with adapters on a base, so that what fails does so before hours of work."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, score_forward, token_batch
from salmon.models.heads import new_head
from salmon.models.library_errors import refusing

ADAPTER = "trial"
PROMPT, ANSWERS = "Why?", ("Because.", "No.")


def try_training(shared: SharedModel) -> None:
    """The gradient of two answers' log-probs, of different lengths, in an adapter.

    Raises:
        SalmonError: it fails, or no gradient comes out.
    """
    chat = shared.chat
    batch = token_batch(
        [chat.user_ids(PROMPT)] * len(ANSWERS), [chat.answer_ids(a) for a in ANSWERS], shared.pad_id, shared.device
    )
    with _adapter(shared, "training an adapter"):
        response_logprobs(shared, batch, temperature=1.0).sum().backward()
        _require_gradient(shared)


def try_scoring(shared: SharedModel, kind: RewardHead, layers: int | None, first_layer: int) -> None:
    """The gradient of two scores in an adapter below a head.

    Args:
        kind: of the head.
        layers: on the first so many layers; None is all.
        first_layer: of them, the first that has the adapter.

    Raises:
        SalmonError: it fails, no layer is left, no gradient comes out, or the tokenizer cannot tell "Yes" from "No".
    """
    inputs = [shared.chat.with_start_token(shared.chat.encode(f"{PROMPT} {answer}")) for answer in ANSWERS]
    with _adapter(shared, "training a reward model", layers, first_layer):
        score_forward(shared, new_head(shared, kind, 0, layers), inputs).sum().backward()
        _require_gradient(shared)


@contextmanager
def _adapter(shared: SharedModel, what: str, layers: int | None = None, first_layer: int = 0) -> Iterator[None]:
    with torch.random.fork_rng(), refusing(f"model.path={shared.path}: {what} fails"):
        try:
            shared.add_adapter(ADAPTER, seed=0, layers=layers, first_layer=first_layer)
            with torch.enable_grad(), shared.using(ADAPTER):
                yield
        finally:
            shared.clear()


def _require_gradient(shared: SharedModel) -> None:
    gradients = [parameter.grad for parameter in shared.parameters_of(ADAPTER).values()]
    if not any(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients):
        raise SalmonError(f"model.path={shared.path}: no gradient reaches the adapter's weights")
