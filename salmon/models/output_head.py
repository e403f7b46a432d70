"""From a decoder's last hidden states to logits, by the model's own code.

What a model does around its output layer is its own affair: Gemma 2 caps its logits, Cohere and Granite scale them,
others project the states first or add a bias. So the logits of given states are those of the model's own ``forward``
with a decoder that returns these states.
"""

import copy
from typing import Any

from jaxtyping import Float
from torch import Tensor, nn
from transformers import PreTrainedModel

from salmon.models.decoder import decoder_of


class OutputHead:
    """Logits of states, with the gradient; the model's weights are shared, not copied.

    It is no ``nn.Module``: it owns nothing, and hooks and adapters on the model's modules act in it.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        """
        Raises:
            SalmonError: the model has no decoder apart from its output layer.
        """
        decoder = decoder_of(model)
        self._model = _with_decoder(model, decoder, _ReturnsItsEmbeddings(decoder))

    def __call__(self, states: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Raw logits of N tokens."""
        # Not ``self._model(...)``: a loader may have set ``forward`` on the model itself, bound to the whole model.
        output = type(self._model).forward(self._model, inputs_embeds=states[None], use_cache=False, return_dict=True)
        logits: Tensor = output.logits[0]
        return logits


class _Given:
    """A decoder's output that holds last hidden states only."""

    def __init__(self, states: Tensor) -> None:
        self.last_hidden_state = states

    def __getitem__(self, index: int | slice) -> Any:
        return (self.last_hidden_state,)[index]

    def __getattr__(self, name: str) -> None:
        return None  # no cache, router logits, attentions, ...


class _ReturnsItsEmbeddings(nn.Module):
    """Stands in for a decoder, whose attributes it has."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self._decoder = (decoder,)  # not a submodule

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_decoder"][0], name)

    def forward(self, *args: Any, inputs_embeds: Tensor, **kwargs: Any) -> _Given:
        return _Given(inputs_embeds)


def _with_decoder(model: nn.Module, decoder: nn.Module, stand_in: nn.Module) -> Any:
    """A shallow copy of a model, with another decoder and all its other modules."""
    (*path, last) = next(name for name, module in model.named_modules() if module is decoder).split(".")
    parent = copied = _shallow(model)
    for name in path:
        parent._modules[name] = _shallow(parent._modules[name])
        parent = parent._modules[name]
    parent._modules[last] = stand_in
    return copied


def _shallow(module: Any) -> Any:
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    return copied
