"""How much held-out reward a policy gained for how much KL, from its start (0 nats) to its end."""

from dataclasses import dataclass

from sweeps.cells import Cell
from sweeps.curves import KL, REWARD


@dataclass(frozen=True)
class FrontierPath:
    """One policy on its way, by the step at which both were measured."""

    seed: str
    steps: list[int]
    kl: list[float]
    reward: list[float]


def frontier_paths(cell: Cell) -> list[FrontierPath]:
    """Of each policy of the cell that logged both."""
    rewards, kls = cell.curves(REWARD), cell.curves(KL)
    found = []
    for seed in (seed for seed in rewards if seed in kls):
        steps = sorted(rewards[seed].values.keys() & kls[seed].values.keys())
        kl, reward = ([curve[seed].values[step] for step in steps] for curve in (kls, rewards))
        found.append(FrontierPath(seed, steps, kl, reward))
    return found
