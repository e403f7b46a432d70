"""A base split over processes computes what a whole one does, whatever each process has to do with it."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from salmon.config.model import ModelConfig
from salmon.config.register import register
from salmon.config.run import Engine
from salmon.distributed.world import World, use_world
from salmon.models.base import SharedModel
from salmon.models.forward import response_logprobs, token_batch
from salmon.models.loading import load_base
from salmon.models.packing.forward import next_token_logits
from salmon.sampling.token_loop import generate
from tests.distributed.in_processes import together
from tests.pipeline.stage_lock import config

pytestmark = pytest.mark.slow

register()
POLICY, SHORT = "policy", "short"


def model(folder: Path, *changes: str) -> ModelConfig:
    return config(folder / "store", *changes)[0].model


def loaded(settings: ModelConfig, cache: Path) -> SharedModel:
    """With an adapter on all layers and one on the first, neither of which changes nothing."""
    shared = load_base(settings, cache)
    for name, layers in ((POLICY, None), (SHORT, 1)):
        shared.add_adapter(name, 0, layers)
        generator = torch.Generator().manual_seed(7)
        for parameter in shared.parameters_of(name).values():
            nn.init.normal_(parameter, std=0.05, generator=generator)
    return shared


def policy_loss(shared: SharedModel, row: int) -> Tensor:
    batch = token_batch([[5, 6, 7 + row]], [[40 + row] * (3 + row)], 0, shared.device)
    with shared.using(POLICY):
        return -response_logprobs(shared, batch, 0.7).sum()


def value_loss(shared: SharedModel, row: int) -> Tensor:
    ids = torch.tensor([[9, 8, 7, row]])
    with shared.using(SHORT):
        return (shared.hidden_states(ids, torch.ones_like(ids), layers=1) * torch.arange(128.0)).sum()


def gradients(shared: SharedModel, row: int) -> dict[str, Tensor]:
    """Of a row's two losses, one after the other, as a PPO minibatch has them."""
    parameters = shared.parameters_of(POLICY) | shared.parameters_of(SHORT)
    for parameter in parameters.values():
        parameter.grad = None
    for loss in (policy_loss, value_loss):
        with shared.using(POLICY if loss is policy_loss else SHORT):
            loss(shared, row).backward()
    return {name: p.grad.clone() for name, p in parameters.items() if p.grad is not None}


def written(shared: SharedModel, row: int) -> list[list[int]]:
    """Answers of different lengths to some prompts."""
    with shared.using(POLICY):
        answers = generate(
            shared,
            [[5, 6, 7 + n] for n in range(1 + row)],
            [(row, n) for n in range(1 + row)],
            temperature=1.0,
            top_p=1.0,
            max_new_tokens=4 + 3 * row,
            batch_size=2,
        )
    return [answer.ids for answer in answers]


def judged(shared: SharedModel, row: int) -> Tensor:
    with shared.using(None):
        return next_token_logits(shared, [[3, 4, 5, 6, 9], [3, 4, 5, 7 + row]], [20, 30])


def everything(shared: SharedModel, row: int) -> dict[str, Any]:
    return {"gradients": gradients(shared, row), "written": written(shared, row), "judged": judged(shared, row)}


def worst(found: dict[str, Any], expected: dict[str, Any]) -> float:
    """Largest difference in the gradients' and logits' numbers, relative to their size; infinite for other answers."""
    if found["written"] != expected["written"] or found["gradients"].keys() != expected["gradients"].keys():
        return float("inf")
    pairs = [(found["gradients"][name], tensor) for name, tensor in expected["gradients"].items()]
    return max(
        ((a - b).abs().max() / b.abs().max().clamp(min=1e-6)).item()
        for a, b in [*pairs, (found["judged"], expected["judged"])]
    )


def uneven(here: World, settings: ModelConfig, cache: Path) -> dict[str, Any]:
    """Rows in an order and number of each process's own; then work of the first process alone."""
    shared = loaded(settings, cache)
    mine = {row: everything(shared, row) for row in ([0, 1, 2], [2])[here.rank]}
    # Out of step: losses first and their backward passes later, in the opposite order, of different depths.
    crossed = [loss(shared, 1) for loss in ((policy_loss, value_loss), (value_loss,))[here.rank]]
    for name, loss in zip((SHORT, POLICY), reversed(crossed), strict=False):
        with shared.using(name):
            loss.backward()
    here.all_gather(None)
    alone = here.on_main(lambda: written(shared, 2))
    here.all_gather(None)
    layers = [p for name, p in shared.model.named_parameters() if ".layers." in name and "lora_" not in name]
    held = [sum(p.numel() for p in layers), sum(p.ds_tensor.numel() for p in layers)]  # at hand, and this one's part
    with use_world(World()):
        reference = loaded(settings, cache)
        expected = {row: everything(reference, row) for row in mine}
        again = written(reference, 2)
    return {
        "worst": max(worst(found, expected[row]) for row, found in mine.items()),
        "alone": alone == again,
        "held": held,
        "all": sum(
            p.numel() for name, p in reference.model.named_parameters() if ".layers." in name and "lora_" not in name
        ),
    }


@pytest.mark.parametrize("checkpointing", [True, False])
def test_work_of_any_kind_in_any_process(tmp_path: Path, checkpointing: bool) -> None:
    settings = model(tmp_path, f"model.gradient_checkpointing={checkpointing}")
    load_base(settings, tmp_path)  # makes the model
    for found in together(2, uneven, settings, tmp_path, engine=Engine.zero3):
        assert found["worst"] < 1e-4 and found["alone"]
        assert found["held"] == [0, found["all"] // 2], "between passes nothing is at hand; the parts are halves"
