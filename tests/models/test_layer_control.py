"""How many layers run: a scalar model on the first layers is one on a base cut there. And recomputing layers."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from salmon.config.ppo import ValueInit
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, score_forward, token_batch
from salmon.models.heads import ScalarHead, load_scalar_model, save_scalar_model
from salmon.models.layer_control import first_layers
from salmon.ppo.models import POLICY, VALUE, load_ppo_models
from tests.models.passes import value_forward

IDS = torch.tensor([[10, 20, 30, 40, 50], [60, 70, 80, 90, 100]])
INPUTS = [[10, 11, 12, 13, 14], [20, 21], [10, 11, 12, 30]]


@pytest.fixture
def folder(load_tiny, randomise, tmp_path: Path) -> Path:
    """A reward model of one layer, saved with its head; beside it an SFT policy of all layers."""
    shared = load_tiny()
    shared.add_adapter("sft", 0)
    shared.add_adapter("reward", 1, layers=1)
    for seed, name in enumerate(("sft", "reward")):
        randomise(shared, name, seed)
    shared.save_adapter("sft", tmp_path / "sft")
    save_scalar_model(shared, "reward", ScalarHead(shared.hidden_size, 3, layers=1), tmp_path / "reward")
    return tmp_path


def cut(shared: SharedModel, layers: int) -> SharedModel:
    """The base without its later layers, by another way than ``reward.layers``."""
    decoder = shared.model.get_decoder()
    decoder.layers = decoder.layers[:layers]
    shared.model.config.num_hidden_layers = layers
    return shared


def scores(shared: SharedModel, folder: Path) -> torch.Tensor:
    head = load_scalar_model(shared, "reward", folder / "reward")
    with torch.no_grad(), shared.using("reward"):
        return score_forward(shared, head, INPUTS)


def test_an_adapter_that_begins_higher_leaves_the_layers_below_as_they_are(tiny: SharedModel, randomise) -> None:
    """Whatever other adapters are there: the first layer gives the base's state, and only later layers learn."""
    tiny.add_adapter("other", 0)
    tiny.add_adapter("reward", 1, layers=None, first_layer=1)
    for seed, name in enumerate(("other", "reward")):
        randomise(tiny, name, seed)
    head = ScalarHead(tiny.hidden_size, 3)
    states = {}
    for name in (None, "reward", "other"):
        with torch.no_grad(), tiny.using(name):
            states[name] = tiny.model(IDS, output_hidden_states=True).hidden_states
    below, above = ([states[name][layer] for name in (None, "reward", "other")] for layer in (1, -1))
    assert torch.equal(below[0], below[1]) and not torch.allclose(below[0], below[2])
    assert not torch.allclose(above[0], above[1])
    with tiny.using("reward"):
        score_forward(tiny, head, INPUTS).sum().backward()
    learning = {name for name, p in tiny.model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert learning == set(tiny.parameters_of("reward")) and not any(".layers.0." in name for name in learning)


def test_an_adapter_with_no_layer_left_is_refused(tiny: SharedModel) -> None:
    number = tiny.model.config.num_hidden_layers
    with pytest.raises(SalmonError, match=rf"reward.first_layer={number}: the model has {number} layers"):
        tiny.add_adapter("reward", 1, layers=None, first_layer=number)


def test_the_tiny_base_has_more_layers(tiny: SharedModel) -> None:
    assert tiny.model.config.num_hidden_layers == len(tiny.model.get_decoder().layers) >= 2


def test_scores_are_those_of_a_base_cut_to_one_layer(load_tiny, folder: Path) -> None:
    whole = load_tiny()
    found = scores(whole, folder)
    torch.testing.assert_close(found, scores(cut(load_tiny(), 1), folder), atol=1e-5, rtol=0)
    head = load_scalar_model(whole, "other", folder / "reward")
    head.layers = None  # the same adapter and head above all layers
    with torch.no_grad(), whole.using("other"):
        assert (score_forward(whole, head, INPUTS) - found).abs().min() > 1e-3


def test_the_adapter_has_tensors_for_those_layers_only(tiny: SharedModel) -> None:
    tiny.add_adapter("first", 0, layers=1)
    tiny.add_adapter("all", 0)
    first, everything = tiny.parameters_of("first"), tiny.parameters_of("all")
    assert first and {name.partition("layers.")[2].partition(".")[0] for name in first} == {"0"}
    renamed = {name.replace(".first.", ".all.") for name in first}
    assert renamed == {name for name in everything if "layers.0." in name}  # every linear module of the layer
    assert len(everything) > len(first)


def test_all_layers_by_number_are_all_linear_modules(tiny: SharedModel) -> None:
    """Also when an adapter is there already, whose wrapped modules have other names."""
    tiny.add_adapter("all", 0)
    tiny.add_adapter("counted", 0, layers=tiny.model.config.num_hidden_layers)
    assert {name.replace(".counted.", ".all.") for name in tiny.parameters_of("counted")} == set(
        tiny.parameters_of("all")
    )


def test_the_number_travels_with_the_head(tiny: SharedModel, folder: Path, tmp_path: Path) -> None:
    assert load_scalar_model(tiny, "one", folder / "reward").layers == 1
    save_scalar_model(tiny, "one", ScalarHead(tiny.hidden_size, 0), tmp_path / "whole")
    assert load_scalar_model(tiny, "two", tmp_path / "whole").layers is None


def test_the_value_model_follows_and_the_policy_does_not(load_tiny, folder: Path) -> None:
    models = load_ppo_models(load_tiny(), folder / "sft", folder / "reward", ValueInit.reward)
    assert models.value_head.layers == models.reward_head.layers == 1
    zero = load_ppo_models(load_tiny(), folder / "sft", folder / "reward", ValueInit.reward_zero_head)
    assert zero.value_head.layers == 1

    shared = models.shared
    batch = token_batch([[5, 6, 7], [8]], [[9, 10], [11, 12, 13]], shared.pad_id, shared.device)
    with torch.no_grad(), shared.using(VALUE):
        values = value_forward(shared, models.value_head, batch)
    short = cut(load_tiny(), 1)
    head = load_scalar_model(short, VALUE, folder / "reward")
    with torch.no_grad(), short.using(VALUE):
        torch.testing.assert_close(values, value_forward(short, head, batch), atol=1e-5, rtol=0)

    alone = load_tiny()
    alone.load_adapter(POLICY, folder / "sft")
    with torch.no_grad(), alone.using(POLICY):
        expected = response_logprobs(alone, batch, 1.0)
    with torch.no_grad(), shared.using(POLICY):
        assert torch.equal(response_logprobs(shared, batch, 1.0), expected)


def test_more_layers_than_there_are_is_an_error_that_says_so(tiny: SharedModel) -> None:
    whole = tiny.model.config.num_hidden_layers
    ids = torch.tensor([[5, 6]])
    with pytest.raises(SalmonError, match=f"reward.layers={whole + 1}: this base has {whole} layers; lower it, or set"):
        tiny.hidden_states(ids, torch.ones_like(ids), layers=whole + 1)
    assert len(tiny.model.get_decoder().layers) == whole
    tiny.hidden_states(ids, torch.ones_like(ids), layers=whole)


def test_an_error_below_leaves_the_base_whole(tiny: SharedModel) -> None:
    decoder = tiny.model.get_decoder()
    whole = decoder.layers
    with pytest.raises(ZeroDivisionError), first_layers(decoder, 1):
        assert list(decoder.layers) == [whole[0]]
        _ = 1 / 0
    assert decoder.layers is whole


# --- gradient checkpointing --------------------------------------------------------------------


def loss(shared: SharedModel) -> Tensor:
    batch = token_batch(IDS.tolist(), [[5, 6], [7, 8]], 0, shared.device)
    return -response_logprobs(shared, batch, 1.0).sum()


def test_gradient_checkpointing_gives_the_same_gradients(load_tiny, randomise) -> None:
    gradients = []
    for checkpointing in (False, True):
        shared = load_tiny(gradient_checkpointing=checkpointing)
        shared.add_adapter("policy", seed=0)
        randomise(shared, "policy", seed=1)
        with shared.using("policy"):
            loss(shared).backward()
        gradients.append({name: p.grad for name, p in shared.parameters_of("policy").items()})
    assert all(gradients[1][name] is not None for name in gradients[1])
    for name, gradient in gradients[0].items():
        torch.testing.assert_close(gradients[1][name], gradient, atol=1e-5, rtol=1e-5)


def test_gradient_checkpointing_saves_less(load_tiny) -> None:
    """The base is in evaluation mode, in which transformers checkpoints nothing by itself."""
    saved = {}
    for checkpointing in (False, True):
        shared = load_tiny(gradient_checkpointing=checkpointing)
        shared.add_adapter("policy", seed=0)
        own = {p.untyped_storage().data_ptr() for p in shared.model.parameters()}
        kept: dict[int, int] = {}

        def keep(tensor: Tensor, own=own, kept=kept) -> Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in own:
                kept[storage.data_ptr()] = storage.nbytes()
            return tensor

        with shared.using("policy"), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            states = shared.hidden_states(IDS, torch.ones_like(IDS))
        assert states.requires_grad
        saved[checkpointing] = sum(kept.values())
        assert not any(layer.training for layer in shared.model.get_decoder().layers)
    assert saved[True] < saved[False] / 4
