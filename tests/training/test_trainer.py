"""The optimiser engine: schedule, clipping, refusal of broken gradients, and exact resumption."""

import errno
import os
from pathlib import Path

import pytest
import torch
from torch import nn

from salmon.config.training import Optimizer, Schedule
from salmon.errors import SalmonError
from salmon.training.trainer import Trainer, learning_rate

OPTIMIZERS = list(Optimizer)


@pytest.mark.parametrize(
    ("schedule", "warmup", "total", "step", "expected"),
    [
        # Warm-up of 5 steps: fifths of the peak.
        (Schedule.constant, 5, 100, 0, 0.2),
        (Schedule.constant, 5, 100, 4, 1.0),
        (Schedule.constant, 5, 100, 5, 1.0),
        (Schedule.constant, 5, 100, 99, 1.0),
        # Below 1 it is a share: 0.2 of 10 steps are 2, 0.03 of 10 are rounded up to 1.
        (Schedule.linear, 0.2, 10, 0, 0.5),
        (Schedule.linear, 0.2, 10, 1, 1.0),
        (Schedule.linear, 0.2, 10, 2, 1.0),
        (Schedule.linear, 0.2, 10, 6, 0.5),  # 1 - 4 / 8
        (Schedule.linear, 0.2, 10, 9, 0.125),  # 1 - 7 / 8
        (Schedule.linear, 0.03, 10, 0, 1.0),
        # 1 is a number of steps, not the whole run.
        (Schedule.linear, 1, 5, 0, 1.0),
        (Schedule.linear, 1, 5, 3, 0.5),  # 1 - 2 / 4
        (Schedule.linear, 0, 4, 1, 0.75),
        # Cosine: 0.5 (1 + cos(pi t)).
        (Schedule.cosine, 0, 4, 0, 1.0),
        (Schedule.cosine, 0, 4, 1, 0.85355339),  # (1 + cos 45 degrees) / 2
        (Schedule.cosine, 0, 4, 2, 0.5),
        (Schedule.cosine, 0, 4, 3, 0.14644661),
        (Schedule.cosine, 2, 6, 4, 0.5),
        # Fewer steps than the warm-up has: it is not finished.
        (Schedule.cosine, 5, 2, 1, 0.4),
    ],
)
def test_learning_rate(
    optim_settings, schedule: Schedule, warmup: float, total: int, step: int, expected: float
) -> None:
    settings = optim_settings(lr=2e-3, schedule=schedule, warmup=float(warmup))
    assert learning_rate(step, total, settings) == pytest.approx(2e-3 * expected, rel=1e-6)


def parameters(size: int = 3) -> dict[str, nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return {name: nn.Parameter(torch.randn(size, generator=generator)) for name in ("a", "b")}


def set_gradients(trainer: Trainer, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in trainer.parameters.values():
        parameter.grad = torch.randn(parameter.shape, generator=generator)


def test_the_first_step_of_adamw(optim_settings) -> None:
    """Bias-corrected, its size is lr whatever the gradient's: 1 - 0.1 and 2 + 0.1; clipping changes nothing."""
    parameter = nn.Parameter(torch.tensor([1.0, 2.0]))
    trainer = Trainer({"p": parameter}, optim_settings(lr=0.1, max_grad_norm=1.0))
    parameter.grad = torch.tensor([3.0, -4.0])
    stats = trainer.step(1, 0, 10)
    assert (stats.lr, stats.grad_norm) == (0.1, 5.0)  # before clipping
    assert parameter.tolist() == pytest.approx([0.9, 2.1], abs=1e-6)
    assert parameter.grad is None
    assert stats.metrics() == {"optim/lr": 0.1, "optim/grad_norm": 5.0}


def test_the_schedule_decides_how_far_a_step_goes(optim_settings) -> None:
    """Warm-up of 4 steps to 0.1: the first step is 0.025 long, also where the optimiser was made with the peak."""
    parameter = nn.Parameter(torch.tensor([1.0]))
    trainer = Trainer({"p": parameter}, optim_settings(lr=0.1, warmup=4.0))
    for place, expected in ((0, 0.975), (1, 0.925)):  # equal gradients: each step is as long as its rate
        parameter.grad = torch.tensor([3.0])
        assert trainer.step(place + 1, place, 10).lr == pytest.approx(0.025 * (place + 1))
        assert parameter.item() == pytest.approx(expected, abs=1e-6)


def test_weight_decay_is_decoupled(optim_settings) -> None:
    """AdamW: 2 x (1 - 0.1 x 0.5) - 0.1 = 1.8."""
    parameter = nn.Parameter(torch.tensor([2.0]))
    trainer = Trainer({"p": parameter}, optim_settings(lr=0.1, weight_decay=0.5))
    parameter.grad = torch.tensor([1.0])
    trainer.step(1, 0, 10)
    assert parameter.item() == pytest.approx(1.8, abs=1e-6)


def test_gradients_are_clipped_together(optim_settings) -> None:
    """Seen through the second moments: norm 5 clipped to 1 leaves (0.6, 0.8), squared x 0.001."""
    one, two = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    trainer = Trainer({"one": one, "two": two}, optim_settings(max_grad_norm=1.0))
    one.grad, two.grad = torch.tensor([3.0]), torch.tensor([4.0])
    trainer.step(1, 0, 10)
    moments = [state["exp_avg_sq"].item() for state in trainer._backend.optimizer.state.values()]
    assert moments == pytest.approx([0.36e-3, 0.64e-3], rel=1e-4)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("broken", [float("nan"), float("inf")])
def test_a_broken_gradient_stops_and_changes_nothing(optim_settings, optimizer: Optimizer, broken: float) -> None:
    trainer = Trainer(parameters(), optim_settings(optimizer=optimizer))
    set_gradients(trainer, seed=1)
    trainer.parameters["b"].grad[1] = broken
    before = {name: p.detach().clone() for name, p in trainer.parameters.items()}
    with pytest.raises(SalmonError, match="step 17: gradient_norm is (nan|inf).*learning rate"):
        trainer.step(17, 3, 10)
    assert all(torch.equal(before[name], p) for name, p in trainer.parameters.items())


def test_parameters_without_gradient_are_left_alone(optim_settings) -> None:
    """PPO's critic warm-up relies on it; weight decay must not move them either."""
    trainer = Trainer(parameters(), optim_settings(weight_decay=0.1))
    before = trainer.parameters["b"].detach().clone()
    trainer.parameters["a"].grad = torch.ones(3)
    trainer.step(1, 0, 10)
    assert torch.equal(trainer.parameters["b"], before)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("size", [3, 8192], ids=["small", "large"])  # 8-bit states begin at 4,096 numbers
def test_a_resumed_learner_continues_to_the_bit(
    optim_settings, optimizer: Optimizer, size: int, tmp_path: Path
) -> None:
    settings = optim_settings(optimizer=optimizer, schedule=Schedule.cosine, warmup=2.0, weight_decay=0.01)
    whole, first = Trainer(parameters(size), settings), Trainer(parameters(size), settings)
    for step in range(5):
        set_gradients(whole, step)
        whole.step(step + 1, step, 5)
    for step in range(3):
        set_gradients(first, step)
        first.step(step + 1, step, 5)
    first.save(tmp_path / "state.pt", step=3, best=None)

    second = Trainer({name: nn.Parameter(torch.zeros(size)) for name in ("a", "b")}, settings)
    assert second.load(tmp_path / "state.pt") == {"step": 3, "best": None}
    for name, parameter in first.parameters.items():
        assert torch.equal(second.parameters[name], parameter)
    for step in range(3, 5):
        set_gradients(second, step)
        second.step(step + 1, step, 5)
    for name, parameter in whole.parameters.items():
        assert torch.equal(second.parameters[name], parameter)
        assert not torch.equal(first.parameters[name], parameter)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_descends_on_a_cpu(optim_settings, optimizer: Optimizer) -> None:
    parameter = nn.Parameter(torch.full((8192,), 1.0))
    trainer = Trainer({"p": parameter}, optim_settings(optimizer=optimizer, lr=0.05))
    for step in range(10):
        (0.5 * parameter**2).sum().backward()
        trainer.step(step + 1, step, 10)
    assert parameter.abs().max() < 0.7  # ten steps of about lr
    assert torch.isfinite(parameter).all()


def test_without_a_checkpoint_there_is_nothing_to_continue(optim_settings, tmp_path: Path) -> None:
    assert Trainer(parameters(), optim_settings()).load(tmp_path / "state.pt") is None


def test_a_checkpoint_of_other_parameters_is_refused(optim_settings, tmp_path: Path) -> None:
    Trainer(parameters(), optim_settings()).save(tmp_path / "state.pt")
    other = Trainer({"c": nn.Parameter(torch.zeros(3))}, optim_settings())
    with pytest.raises(SalmonError, match=f"{tmp_path / 'state.pt'} holds other parameters"):
        other.load(tmp_path / "state.pt")


def test_saving_replaces_the_checkpoint_and_leaves_nothing_else(optim_settings, tmp_path: Path) -> None:
    trainer = Trainer(parameters(), optim_settings())
    trainer.save(tmp_path / "state.pt", step=1)
    trainer.save(tmp_path / "state.pt", step=2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.previous.pt", "state.pt"]
    assert trainer.load(tmp_path / "state.pt") == {"step": 2}


def flip_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((3,), 2.0).numpy().tobytes()) + 5] ^= 1  # of a tensor: torch would not notice
    path.write_bytes(content)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-200]),
    "text": lambda path: path.write_text("no state"),
    "flipped": flip_a_byte,
    "other": lambda path: torch.save([1, 2], path),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_state_is_set_aside_for_the_one_before_it(optim_settings, tmp_path: Path, caplog, damage) -> None:
    path, settings = tmp_path / "state.pt", optim_settings()
    for step in (1.0, 2.0):
        values = {"a": nn.Parameter(torch.full((3,), step))}
        Trainer(values, settings).save(path, step=step)
    damage(path)
    again = Trainer({"a": nn.Parameter(torch.zeros(3))}, settings)
    assert again.load(path) == {"step": 1.0}
    assert torch.equal(again.parameters["a"], torch.ones(3))
    assert f"{path} cannot be used (it is" in caplog.text and path.with_name("state.pt.damaged").exists()

    damage(path.with_name("state.previous.pt")) if damage is not flip_a_byte else path.with_name(
        "state.previous.pt"
    ).write_bytes(b"PK")
    assert Trainer({"a": nn.Parameter(torch.zeros(3))}, settings).load(path) is None, "from the start"


class Executed:
    """Unpickled without a guard, it would make a file."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self):
        return Path.touch, (self.made,)


def test_nothing_in_a_state_is_executed(optim_settings, tmp_path: Path) -> None:
    trainer = Trainer(parameters(), optim_settings())
    trainer.save(tmp_path / "state.pt", step=1)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    torch.save(state | {"extras": {"step": 1, "planted": Executed(tmp_path / "made")}}, tmp_path / "state.pt")
    assert trainer.load(tmp_path / "state.pt") is None
    assert not (tmp_path / "made").exists() and (tmp_path / "state.pt.damaged").exists()


def test_a_state_that_its_caller_cannot_use_is_set_aside(optim_settings, tmp_path: Path) -> None:
    trainer = Trainer(parameters(), optim_settings())
    for step in (1, 2):
        trainer.save(tmp_path / "state.pt", step=step)
    assert trainer.load(tmp_path / "state.pt", lambda extras: extras["step"] < 2) == {"step": 1}
    assert trainer.load(tmp_path / "state.pt", lambda extras: False) is None


def test_a_full_disk_leaves_the_state_and_no_half_one(optim_settings, tmp_path: Path, monkeypatch) -> None:
    trainer = Trainer(parameters(), optim_settings())
    trainer.save(tmp_path / "state.pt", step=1)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SalmonError, match="disk is full"):
            trainer.save(tmp_path / "state.pt", step=2)
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]
    assert trainer.load(tmp_path / "state.pt") == {"step": 1}


def test_a_checkpoint_that_cannot_be_written_is_named(optim_settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SalmonError, match=str(tmp_path / "file")):
        Trainer(parameters(), optim_settings()).save(tmp_path / "file" / "state.pt")
