"""A frozen base whose layers are sharded over the processes (stage 3 of DeepSpeed's ZeRO).

transformers reads the checkpoint in the first process, tensor by tensor, and DeepSpeed leaves each process its shard.
A layer's weights are gathered when the layer computes, while those of the next layer are on their way. DeepSpeed's own
hooks gather module by module, in the order in which autograd happens to reach them. That order differs between a pass
with an adapter and one without, and processes that gather in different orders receive each other's numbers. Here the
layer is the unit: what the processes gather depends only on the kind of pass, on which ``salmon.distributed.lockstep``
makes them agree.

Embeddings, final norm and output head are whole in every process: they are called apart from the layers, and are 1 % of
a large base. So are adapters and heads, which come later (salmon/training/zero2_backend.py shards their optimiser).
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
from salmon.models.decoder import blocks_of, decoder_of, run_decoder
from salmon.models.layer_control import gradient_checkpointing

DUMMY_ROWS = 6  # a number that two or three roles can share, which read in one pass (ppo.one_pass)


def load_zero3(folder: str, revision: str | None, dtype: torch.dtype) -> PreTrainedModel:
    """Load a frozen model of a folder or hub id; no process's device ever holds it whole.

    Raises:
        OSError, ValueError: as ``from_pretrained``.
    """
    here = world()
    assert here.lockstep is not None
    here.all_gather(None)  # waits until all processes are here
    with sharded_loading(dtype):
        model = AutoModelForCausalLM.from_pretrained(folder, revision=revision, dtype=dtype, use_safetensors=True)
    model.requires_grad_(False)
    decoder = decoder_of(model)
    name, layers = blocks_of(decoder)
    gather_all_but(layers, model)
    ShardedLayers(decoder, name, layers).attach_hooks()
    announce_passes(decoder, name, layers, here.lockstep)
    return model


@contextmanager
def sharded_loading(dtype: torch.dtype) -> Iterator[None]:
    """Within the context, transformers' ``from_pretrained`` shards what it loads."""
    from transformers.integrations import HfDeepSpeedConfig
    from transformers.integrations.deepspeed import unset_hf_deepspeed_config

    library()
    config = HfDeepSpeedConfig(  # transformers finds it as long as this object lives
        {
            "train_micro_batch_size_per_gpu": 1,  # required; without effect here
            "bf16": {"enabled": dtype is torch.bfloat16},
            "zero_optimization": {"stage": 3, "stage3_param_persistence_threshold": 0},
        }
    )
    try:
        yield
    finally:
        unset_hf_deepspeed_config()  # or ``generate`` would wait for the other processes at each token
        del config


def gather_all_but(sharded: nn.Module, model: PreTrainedModel) -> None:
    """Make every parameter outside ``sharded`` whole in every process; tied weights stay tied."""
    layers = {id(parameter) for parameter in sharded.parameters()}
    whole: dict[int, nn.Parameter] = {}
    for module in model.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            if id(parameter) not in layers:
                if id(parameter) not in whole:
                    with library().zero.GatheredParameters([parameter]):
                        whole[id(parameter)] = nn.Parameter(parameter.detach().clone(), requires_grad=False)
                setattr(module, name, whole[id(parameter)])


class ShardedLayers:
    """The layers of a decoder; a layer's weights are whole while it computes, forward or backward."""

    def __init__(self, decoder: nn.Module, name: str, layers: nn.ModuleList) -> None:
        """
        Args:
            name: of the list of layers within the decoder; a pass of fewer layers has a shorter list in its place.
        """
        self._decoder, self._name, self._layers = decoder, name, list(layers)
        self._weights: list[list[Any]] = [list(layer.parameters()) for layer in self._layers]  # no adapter is there yet
        # Passes inside a layer: two where the backward pass recomputes the layer's forward pass.
        self._users = [0] * len(self._layers)
        self._gathers: dict[int, Any] = {}  # under way, by number of the layer

    def attach_hooks(self) -> None:
        """Gather and partition from now on, by hooks that live as long as the layers."""
        for number, layer in enumerate(self._layers):
            layer.register_forward_pre_hook(self._before_forward(number), with_kwargs=True)
            layer.register_forward_hook(self._after_forward(number))

    def _before_forward(self, number: int) -> Any:
        def hook(layer: nn.Module, args: tuple, kwargs: dict[str, Any]) -> None:
            if torch.is_grad_enabled() and not self._users[number]:
                # The layer's backward pass ends when the gradient of its input [B, L, D] is there.
                states: Tensor = args[0] if args else kwargs["hidden_states"]
                states.register_hook(lambda gradient: self._leave(number))
            self._enter(number, number + 1 if number + 1 < running_layers(self._decoder, self._name) else None)

        return hook

    def _after_forward(self, number: int) -> Any:
        def hook(layer: nn.Module, args: tuple, output: Any) -> None:
            self._leave(number)
            if torch.is_grad_enabled() and not self._users[number]:
                # Its backward pass begins when the gradient of its output [B, L, D] is there.
                states: Tensor = output[0] if isinstance(output, tuple) else output
                states.register_hook(lambda gradient: self._enter(number, number - 1 if number else None))

        return hook

    def _enter(self, number: int, following: int | None) -> None:
        """Wait for a layer's weights, and start to gather those of the layer that follows."""
        self._users[number] += 1
        if self._users[number] == 1:
            self._start_gather(number)
            self._gathers.pop(number).wait()
            if following is not None:
                self._start_gather(following)

    def _start_gather(self, number: int) -> None:
        if number not in self._gathers:
            weights = self._weights[number]
            self._gathers[number] = weights[0].all_gather_coalesced(weights)

    def _leave(self, number: int) -> None:
        """Keep this process's shard only, unless another pass is inside the layer."""
        self._users[number] -= 1
        if not self._users[number]:
            weights = self._weights[number]
            weights[0].partition(weights)


def running_layers(decoder: nn.Module, name: str) -> int:
    """How many layers a pass runs through now."""
    return len(decoder.get_submodule(name))  # type: ignore[arg-type]


def announce_passes(decoder: Any, name: str, whole: nn.ModuleList, lockstep: Lockstep) -> None:
    """Every pass through the decoder, whoever makes it, is announced to the other processes first."""
    numbers: list[int | None] = []  # of forward passes under way: more than one only while a dummy pass is made

    def before_forward(module: nn.Module, args: Any) -> None:
        numbers.append(lockstep.forward(running_layers(decoder, name), torch.is_grad_enabled()))

    def after_forward(module: nn.Module, args: Any, output: Any) -> None:
        number = numbers.pop()
        if number is not None:
            output.last_hidden_state.register_hook(lambda gradient: lockstep.backward(number))

    def require_gradient(module: nn.Module, args: Any, output: Tensor) -> None:
        # So that a backward pass goes through every layer, also in a dummy pass, which may be without adapters.
        output.requires_grad_(torch.is_grad_enabled())

    decoder.register_forward_pre_hook(before_forward)
    decoder.register_forward_hook(after_forward)
    decoder.get_input_embeddings().register_forward_hook(require_gradient)
    lockstep.start(lambda layers, keep_graph: dummy_forward(decoder, name, whole[:layers], keep_graph))


def dummy_forward(decoder: Any, name: str, layers: nn.ModuleList, keep_graph: bool) -> DummyBackward:
    """Make a forward pass of a few tokens, with which a process joins in a pass of the others.

    Args:
        name: of the list of layers within the decoder.
        layers: those to run through.
        keep_graph: whether a backward pass can follow.

    Returns:
        The backward pass; no adapter gets a gradient of it.
    """
    rows = torch.zeros(DUMMY_ROWS, 1, dtype=torch.long, device=decoder.device)
    embedded: list[Tensor] = []  # [DUMMY_ROWS, 1, D]
    before = decoder.get_submodule(name)
    handle = decoder.get_input_embeddings().register_forward_hook(lambda module, args, output: embedded.append(output))
    try:
        decoder.set_submodule(name, layers)  # the caller may be inside a pass of fewer
        # Nothing is recomputed in the backward pass, when another adapter may be active.
        with torch.set_grad_enabled(keep_graph), gradient_checkpointing(decoder, False):
            hidden = run_decoder(decoder, rows, torch.ones_like(rows), rows)
    finally:
        decoder.set_submodule(name, before)
        handle.remove()

    def backward() -> None:
        torch.autograd.grad(hidden, embedded, torch.zeros_like(hidden))

    return backward
