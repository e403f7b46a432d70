"""A frozen base whose layers are split over the processes (stage 3 of DeepSpeed's ZeRO).

transformers reads the checkpoint in the first process, tensor by tensor, and DeepSpeed leaves each process its part.
A layer's weights come together when the layer computes, and the next layer's are on their way meanwhile. DeepSpeed's
own hooks fetch module by module, in the order in which autograd happens to come by; that order differs between a pass
with an adapter and one without, and processes that fetch in different orders get each other's numbers. Here the layer
is the unit: what the processes fetch depends on the kind of pass alone, on which ``salmon.distributed.lockstep``
makes them agree.

Embeddings, final norm and output head stay whole: they are called apart from the layers, and are 1 % of a large base.
So do adapters and heads, which come later (salmon/training/zero2_backend.py splits what trains them).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModelForCausalLM, PreTrainedModel

from salmon.distributed.deepspeed import library
from salmon.distributed.lockstep import DummyBackward, Lockstep
from salmon.distributed.world import world
from salmon.models.passes import recomputing


def load_split(folder: str, revision: str | None, dtype: torch.dtype) -> PreTrainedModel:
    """The model of a folder or hub id, frozen; no process's device ever holds it whole.

    Raises:
        OSError, ValueError: as ``from_pretrained``.
    """
    here = world()
    assert here.lockstep is not None
    here.all_gather(None)  # all are here
    with splitting(dtype):
        model = AutoModelForCausalLM.from_pretrained(folder, revision=revision, dtype=dtype, use_safetensors=True)
    model.requires_grad_(False)
    decoder: Any = model.get_decoder()
    keep_whole(model, decoder.layers)
    SplitLayers(decoder).attach()
    announce_passes(decoder, here.lockstep)
    return model


@contextmanager
def splitting(dtype: torch.dtype) -> Iterator[None]:
    """transformers' ``from_pretrained`` splits what it loads in here."""
    from transformers.integrations import HfDeepSpeedConfig
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    library()
    config = HfDeepSpeedConfig(
        {  # transformers looks for it as long as it lives
            "train_micro_batch_size_per_gpu": 1,  # asked for, and of no meaning here
            "bf16": {"enabled": dtype is torch.bfloat16},
            "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
        }
    )
    try:
        yield
    finally:
        unset_hf_deepspeed_config()  # or sampling would wait for the others at each token
        del config


def keep_whole(model: PreTrainedModel, split: nn.Module) -> None:
    """Put together in every process what is not in ``split``; tied weights stay one."""
    layers = {id(parameter) for parameter in split.parameters()}
    whole: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if id(parameter) not in layers:
                if id(parameter) not in whole:
                    with library().zero.GatheredParameters([parameter]):
                        whole[id(parameter)] = nn.Parameter(parameter.detach().clone(), requires_grad=False)
                setattr(module, name, whole[id(parameter)])


class SplitLayers:
    """The layers of a decoder; each one's weights are together while it computes, forward or backward."""

    def __init__(self, decoder: Any) -> None:
        self._layers, self._config = list(decoder.layers), decoder.config
        self._weights: list[list[Any]] = [list(layer.parameters()) for layer in self._layers]  # no adapter is there yet
        self._users = [0] * len(self._layers)  # passes that are in a layer: a backward pass computes forward again
        self._coming: dict[int, Any] = {}  # layers on their way

    def attach(self) -> None:
        """Fetch and drop from now on, by hooks that live as long as the layers."""
        for number, layer in enumerate(self._layers):
            layer.register_forward_pre_hook(self._before(number), with_kwargs=True)
            layer.register_forward_hook(self._after(number))

    def _before(self, number: int) -> Any:
        def hook(layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            if torch.is_grad_enabled() and not self._users[number]:
                states: Tensor = args[0] if args else kwargs["hidden_states"]
                states.register_hook(lambda gradient: self._leave(number))  # the backward pass has gone through
            self._enter(number, number + 1 if number + 1 < self._config.num_hidden_layers else None)

        return hook

    def _after(self, number: int) -> Any:
        def hook(layer: nn.Module, args: tuple, output: Any) -> None:
            self._leave(number)
            if torch.is_grad_enabled() and not self._users[number]:
                states: Tensor = output[0] if isinstance(output, tuple) else output
                states.register_hook(lambda gradient: self._enter(number, number - 1 if number else None))

        return hook

    def _enter(self, number: int, following: int | None) -> None:
        self._users[number] += 1
        if self._users[number] == 1:
            self._fetch(number)
            self._coming.pop(number).wait()
            if following is not None:
                self._fetch(following)

    def _fetch(self, number: int) -> None:
        if number not in self._coming:
            weights = self._weights[number]
            self._coming[number] = weights[0].all_gather_coalesced(weights)

    def _leave(self, number: int) -> None:
        self._users[number] -= 1
        if not self._users[number]:
            weights = self._weights[number]
            weights[0].partition(weights)


def announce_passes(decoder: Any, lockstep: Lockstep) -> None:
    """Every pass through the decoder, whoever makes it, is announced to the other processes first."""
    numbers: list[int | None] = []  # of the forward passes that have begun: one at most, but for a dummy in between

    def before(module: nn.Module, args: Any) -> None:
        numbers.append(lockstep.forward(decoder.config.num_hidden_layers, torch.is_grad_enabled()))

    def after(module: nn.Module, args: Any, output: Any) -> None:
        number = numbers.pop()
        if number is not None:
            output.last_hidden_state.register_hook(lambda gradient: lockstep.backward(number))

    def follow(module: nn.Module, args: Any, output: Tensor) -> None:
        # So that a backward pass goes through every layer, also in a dummy pass, which may be without adapters.
        output.requires_grad_(torch.is_grad_enabled())

    decoder.register_forward_pre_hook(before)
    decoder.register_forward_hook(after)
    decoder.get_input_embeddings().register_forward_hook(follow)
    lockstep.start(lambda layers, keep_graph: dummy_forward(decoder, layers, keep_graph))


def dummy_forward(decoder: Any, layers: int, keep_graph: bool) -> DummyBackward:
    """A forward pass of one token through the first ``layers`` layers; no adapter gets a gradient of it.

    Returns:
        Its backward pass.
    """
    token = torch.zeros(1, 1, dtype=torch.long, device=decoder.device)
    embedded: list[Tensor] = []
    config, limit = decoder.config, decoder.config.num_hidden_layers
    kept = decoder.get_input_embeddings().register_forward_hook(lambda module, args, output: embedded.append(output))
    try:
        config.num_hidden_layers = layers  # the caller may be inside a pass of fewer
        # Nothing is computed again on the way back, when another adapter may be in use.
        with torch.set_grad_enabled(keep_graph), recomputing(decoder, False):
            hidden = decoder(
                input_ids=token, attention_mask=torch.ones_like(token), position_ids=token, use_cache=False
            ).last_hidden_state
    finally:
        config.num_hidden_layers = limit
        kept.remove()

    def backward() -> None:
        torch.autograd.grad(hidden, embedded, torch.zeros_like(hidden))

    return backward
