"""What is said, or refused, before the first job of a multirun."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from salmon.config.register import CONF, job_slug, register
from salmon.errors import SalmonError
from sweeps import guard
from sweeps.guard import check_grid, claim

pytestmark = pytest.mark.slow

register()

HOLDER = """
import sys
from pathlib import Path
from omegaconf import OmegaConf
from sweeps.guard import claim
claim(Path(sys.argv[1]), OmegaConf.create({}))
print("holds", flush=True)
sys.stdin.read()
"""


def plan(*task: str, **axes: str):
    params = {key.replace("__", "."): value for key, value in axes.items()}
    return OmegaConf.create(
        {"hydra": {"sweeper": {"params": params}, "overrides": {"task": list(task)}, "job": {"config_name": "config"}}}
    )


@pytest.fixture(autouse=True)
def let_go():
    yield
    for lock in guard._held.values():
        lock.release()
    guard._held.clear()


@pytest.mark.slow
def test_a_folder_has_one_sweep_at_a_time(tmp_path):
    folder = tmp_path / "sweep"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(CONF).parent,
    ) as holder:
        assert holder.stdout.readline() == "holds\n"
        with pytest.raises(SalmonError, match=f"{folder}: another sweep runs in this folder.*hydra.sweep.dir"):
            claim(folder, plan(seed="0,1"))
        holder.kill()
    claim(folder, plan(seed="0,1"))  # a killed sweep holds nothing


@pytest.mark.parametrize("again", [plan(seed="0,1"), plan(seed="1"), plan(seed="1,2,3"), plan("seed=0,1")])
def test_the_same_sweep_or_more_or_less_of_it_goes_on(tmp_path, again):
    OmegaConf.save(plan(seed="0,1"), tmp_path / "multirun.yaml")
    claim(tmp_path, again)


@pytest.mark.parametrize("other", [plan(seed="2,3"), plan(seed="0,1", ppo__seed="0"), plan(principles="paper")])
def test_another_sweep_is_refused(tmp_path, other):
    OmegaConf.save(plan("model=tiny", seed="0,1"), tmp_path / "multirun.yaml")
    with pytest.raises(SalmonError, match="has another sweep .its first job: seed=0 model=tiny"):
        claim(tmp_path, other)


def test_cells_that_cannot_run_are_named_by_what_tells_them_apart():
    with initialize_config_dir(CONF, version_base="1.3"):
        found = check_grid(plan("model=tiny", ppo__minibatch="3,4", principles="paper,no_such_set")).impossible
    assert list(found) == [
        "ppo.minibatch=3 principles=paper",
        "ppo.minibatch=3 principles=no_such_set",
        "ppo.minibatch=4 principles=no_such_set",
    ]
    assert "not divisible by ppo.minibatch=3" in found["ppo.minibatch=3 principles=paper"]
    assert "no_such_set" in found["ppo.minibatch=4 principles=no_such_set"]


def test_a_single_cell_is_named_whole():
    with initialize_config_dir(CONF, version_base="1.3"):
        assert list(check_grid(plan("model=tiny", "ppo.minibatch=3")).impossible) == ["model=tiny ppo.minibatch=3"]


@pytest.mark.parametrize(
    ("axes", "equal"),
    [
        ({"principles": "paper,honest", "ppo__seed": "0,1"}, []),
        (
            {"name": "a,b", "ppo__seed": "0,1"},
            [["name=a ppo.seed=0", "name=b ppo.seed=0"], ["name=a ppo.seed=1", "name=b ppo.seed=1"]],
        ),
    ],
)
def test_axes_that_change_nothing_are_named(axes, equal):
    with initialize_config_dir(CONF, version_base="1.3"):
        assert check_grid(plan("model=tiny", **axes)).equal == equal


def test_a_grid_without_a_swept_seed_is_told_apart():
    with initialize_config_dir(CONF, version_base="1.3"):
        assert not check_grid(plan("model=tiny", principles="paper,honest")).seeded
        assert not check_grid(plan("model=tiny", "ppo.seed=3", principles="paper,honest")).seeded
        assert check_grid(plan("model=tiny", ppo__seed="0,1")).seeded
        assert check_grid(plan("model=tiny")).seeded, "one job is no study"


@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [*Path(CONF).glob("experiment/*.yaml"), *Path(CONF).parent.glob("sweeps/*.yaml")],
    ids=lambda file: file.stem,
)
def test_every_grid_of_ours_can_run_and_each_axis_changes_something(file):
    sweeper = OmegaConf.select(OmegaConf.load(file), "hydra.sweeper.params")
    if sweeper is None:
        return  # a recipe: one job
    axes = {key: str(value) for key, value in sweeper.items()}
    with initialize_config_dir(CONF, version_base="1.3"):
        grid = check_grid(plan(f"+{file.parent.name}={file.stem}", **axes))
    assert (grid.impossible, grid.equal, grid.seeded) == ({}, [], True)


def test_job_folders_are_readable_distinct_and_short():
    assert job_slug("principles=concise,ppo.seed=0") == "principles=concise,ppo.seed=0"
    named = job_slug("+experiment=x,paths.store=/a/b,ppo.seed=0,principles=concise")
    assert named.startswith("ppo.seed=0,principles=concise-")
    assert named != job_slug("+experiment=y,paths.store=/a/b,ppo.seed=0,principles=concise")
    ugly = [job_slug(text) for text in ("principles.exclude=[a b]", "principles.exclude=[a/b]", "", "x" * 300)]
    assert len(set(ugly)) == 4 and not any("/" in name or " " in name for name in ugly)
    assert ugly[0].startswith("principles.exclude=_a_b_-") and max(map(len, ugly)) < 120
