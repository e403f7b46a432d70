"""What W&B groups runs by: everything that was asked of a job but its seeds."""

import pytest

from salmon.tracking.run_description import cell_of


@pytest.mark.parametrize(
    ("overrides", "cell"),
    [
        (["principles=paper", "ppo.seed=1"], "principles=paper"),
        (["+sweeps=kl", "seed=2", "ppo.seed=0", "ppo.kl.coefficient=0.1"], "sweeps=kl, ppo.kl.coefficient=0.1"),
        (["paths.store=/data/store", "tracking=offline", "hydra.sweep.dir=/x/y"], "default"),
        (["ppo.seed=1"], "default"),
        ([], "default"),
        (["model.path=/home/me/base"], "model.path=.../base"),
    ],
)
def test_a_cell_is_what_was_asked_without_seeds_and_places(overrides: list[str], cell: str) -> None:
    assert cell_of(overrides) == cell
