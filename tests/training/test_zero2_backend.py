"""Updates split over processes: one process's tensors up to rounding, its own state a part, checkpoints of one kind."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from salmon.config.run import Engine
from salmon.config.training import Optimizer, OptimSettings, Schedule
from salmon.distributed.world import World
from salmon.errors import SalmonError
from salmon.training.trainer import Trainer
from tests.distributed.in_processes import together

pytestmark = pytest.mark.slow

SETTINGS = OptimSettings(
    Optimizer.adamw, lr=0.05, schedule=Schedule.linear, warmup=2.0, weight_decay=0.1, max_grad_norm=1.0
)
STEPS = 6
WARMUP = 2  # steps that leave the policy without gradients


def trainer() -> Trainer:
    generator = torch.Generator().manual_seed(0)
    shapes = {"policy.A": (5, 3), "policy.B": (4,), "value.A": (7, 2), "head.bias": ()}
    parameters = {name: nn.Parameter(torch.randn(shape, generator=generator)) for name, shape in shapes.items()}
    return Trainer(parameters, SETTINGS, sometimes_frozen=("policy.A", "policy.B"))


def backward(here: World, trainer: Trainer, step: int) -> None:
    """This process's share of three rows; the second, which is the only row of one of two processes, has no bias."""
    for row in here.shard(range(3)):
        factor = (step + 1.0) * (row + 1)
        for name, parameter in trainer.parameters.items():
            if (step >= WARMUP or not name.startswith("policy")) and not (name == "head.bias" and row == 1):
                (factor * (parameter - row) ** 2).sum().backward()


def train(here: World, path: Path, first: int, last: int) -> dict[str, Any]:
    """Some steps; what the process holds afterwards."""
    trained = trainer()
    trained.load(path)
    norms = []
    for step in range(first, last):
        backward(here, trained, step)
        norms.append(trained.step(step + 1, step, STEPS).grad_norm)
    trained.save(path)
    backend: Any = trained._backend
    state = (backend._engine.optimizer.optimizer if here.splits_state else backend.optimizer).state
    held = sum(entry["exp_avg"].numel() for entry in state.values())
    trained.close()
    before = [p.clone() for p in trained.parameters.values()]
    again = Trainer(trained.parameters, SETTINGS)  # as the reward model's lessons train the same tensors in turn
    again.close()
    assert all(torch.equal(p, b) for p, b in zip(trained.parameters.values(), before, strict=True))
    return {"norms": norms, "weights": [p.tolist() for p in trained.parameters.values()], "held": held}


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    assert found["norms"] == pytest.approx(expected["norms"], rel=1e-5)
    for weights, others in zip(found["weights"], expected["weights"], strict=True):
        torch.testing.assert_close(torch.tensor(weights), torch.tensor(others), rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return train(World(), tmp_path_factory.mktemp("alone") / "state.pt", 0, STEPS)


@pytest.mark.parametrize("size", [1, 2])
def test_any_number_of_processes_updates_as_one_does(tmp_path: Path, size: int, alone: dict[str, Any]) -> None:
    found = together(size, train, tmp_path / "state.pt", 0, STEPS, engine=Engine.zero2)
    for one in found:
        assert one["weights"] == found[0]["weights"], "to the bit"
        assert_same(one, alone)
    assert alone["held"] == 5 * 3 + 4 + 7 * 2 + 1
    assert all(one["held"] <= alone["held"] // size + 2 for one in found), "two groups, each padded by less than one"


@pytest.mark.parametrize("engines", [(Engine.zero2, Engine.single), (Engine.ddp, Engine.zero2)], ids=["from", "to"])
@pytest.mark.parametrize("until", [1, 4], ids=["one-rests", "both"])
def test_another_engine_continues(
    tmp_path: Path, engines: tuple[Engine, ...], until: int, alone: dict[str, Any]
) -> None:
    path, found = tmp_path / "state.pt", {}
    for engine, first, last in zip(engines, (0, until), (until, STEPS), strict=True):
        if engine is Engine.single:
            found = train(World(), path, first, last)
        else:
            found = together(2, train, path, first, last, engine=engine)[0]
    assert_same(found, {"norms": alone["norms"][until:], "weights": alone["weights"]})


def broken(here: World) -> tuple[str, bool]:
    trained = trainer()
    before = [p.detach().clone() for p in trained.parameters.values()]
    backward(here, trained, 0)
    if here.rank == 1:
        trained.parameters["value.A"].grad[0, 0] = float("nan")
    try:
        trained.step(17, 0, STEPS)
    except SalmonError as error:
        kept = all(torch.equal(p, b) for p, b in zip(trained.parameters.values(), before, strict=True))
        return str(error), kept
    return "", False


def test_a_broken_gradient_stops_and_changes_nothing() -> None:
    for said, kept in together(2, broken, engine=Engine.zero2):
        assert "step 17: gradient_norm is" in said and kept


def part_of_a_group(here: World) -> None:
    trained = trainer()
    (trained.parameters["policy.A"] ** 2).sum().backward()
    trained.step(1, 0, STEPS)


def test_tensors_of_a_group_are_trained_together() -> None:
    """Zeros in the others' place would not be what the other engines do with them."""
    assert together(1, part_of_a_group, engine=Engine.zero2) == ["ValueError: 1 of 2 tensors of a group have gradients"]
