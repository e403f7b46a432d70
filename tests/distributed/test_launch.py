"""How a job is started: what does not fit its engine, or wastes processes, is refused."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from salmon import cli
from salmon.config.register import register
from salmon.config.run import Engine
from salmon.distributed.batch_sizes import check_batch_sizes
from salmon.distributed.deepspeed import library
from salmon.distributed.launch import joined, only_in_one_process, started_rank
from salmon.distributed.world import world
from salmon.errors import SalmonError
from tests.pipeline.stage_lock import config

pytestmark = pytest.mark.slow

register()
STARTED = ("RANK", "WORLD_SIZE", "LOCAL_RANK")


@pytest.fixture(autouse=True)
def _not_started_by_torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in STARTED:
        monkeypatch.delenv(name, raising=False)


def started(monkeypatch: pytest.MonkeyPatch, rank: int, size: int) -> None:
    for name, value in zip(STARTED, (rank, size, rank), strict=True):
        monkeypatch.setenv(name, str(value))


def engine_of(folder: Path, *overrides: str) -> tuple[Engine, str]:
    cfg = config(folder, *overrides)[0]
    return cfg.engine.kind, cfg.model.device


def test_one_process_is_a_world_of_its_own(tmp_path: Path) -> None:
    with joined(*engine_of(tmp_path)) as here:
        assert (here.rank, here.size, here) == (0, 1, world())


def test_processes_without_an_engine_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started(monkeypatch, 1, 2)
    with pytest.raises(SalmonError, match="2 processes were started, and engine=single uses one. Add engine=ddp"):
        with joined(*engine_of(tmp_path)):
            pass


@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3"])
def test_an_engine_without_processes_is_refused(tmp_path: Path, engine: str) -> None:
    said = f"engine={engine} runs in processes that torchrun starts.*torchrun --nproc-per-n"
    with pytest.raises(SalmonError, match=said), joined(*engine_of(tmp_path, f"engine={engine}")):
        pass


def test_a_missing_deepspeed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "deepspeed", None)
    with pytest.raises(SalmonError, match="engine=zero2 and engine=zero3 need DeepSpeed.*pip install .*engine=ddp"):
        library()


def test_a_sweep_in_several_processes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    only_in_one_process("a multirun (-m)")
    started(monkeypatch, 0, 2)
    with pytest.raises(SalmonError, match=r"a multirun \(-m\) starts jobs of its own and is not to be started by tor"):
        only_in_one_process("a multirun (-m)")


@pytest.mark.parametrize(("rank", "size", "expected"), [(1, 2, 1), (0, 2, 0), (0, 1, 0)])
def test_the_rank_is_torchruns(monkeypatch: pytest.MonkeyPatch, rank: int, size: int, expected: int) -> None:
    assert started_rank() == 0
    started(monkeypatch, rank, size)
    assert started_rank() == expected


def test_only_the_first_process_prints_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def task(_: object) -> None:
        raise SalmonError("no such file")

    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    with pytest.raises(cli.Stopped, match="salmon: no such file"):
        cli.clear_errors(task)(None)  # type: ignore[arg-type]
    started(monkeypatch, 1, 2)
    with pytest.raises(SystemExit, match="1"):
        cli.clear_errors(task)(None)  # type: ignore[arg-type]
    assert slept == [cli.SECONDS_TO_SPEAK]


BATCHES = [
    "stages=[sft,reward,ppo,dpo]",
    "sft.train.batch_size=6",
    "reward.train.batch_size=8",
    "ppo.minibatch=4",
    "reward.pretrain.data=mismatched",
    "reward.pretrain.train.batch_size=8",
    "dpo.train.batch_size=4",
]


def test_uneven_shares_are_refused_with_the_sizes_that_are_even(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for processes in (1, 2):
        check_batch_sizes(config(tmp_path, *BATCHES)[0], processes, False)
    with pytest.raises(SalmonError) as refused:
        check_batch_sizes(config(tmp_path, *BATCHES, "ppo.rollout_batch=12", "ppo.num_prompts=40")[0], 4, False)
    listed = (
        "batches do not divide by 4 processes, so that some wait for others in each step: "
        "sft.train.batch_size=6 (4 and 8 would)"
    )
    assert str(refused.value) == (
        f"{listed}. Start 2 processes, which all batches divide by; or set other sizes, "
        "which makes another result; or engine.uneven=true, which waits and makes the same"
    )
    with caplog.at_level(logging.WARNING, logger="salmon"):
        check_batch_sizes(config(tmp_path, *BATCHES, "ppo.rollout_batch=12", "ppo.num_prompts=40")[0], 4, True)
    assert caplog.messages == [f"{listed}; results are the same"]


@pytest.mark.parametrize(
    ("rollout", "minibatch", "processes", "said"),
    [
        (24, 4, 3, "ppo.minibatch=4 (3 and 6 would). Start 2 or 4 processes"),
        (12, 4, 3, "ppo.minibatch=4 (3 and 6 would)"),
        (8, 4, 3, "ppo.minibatch=4 (no divisor of ppo.rollout_batch=8 would; one of 6 or 9 would)"),
    ],
)
def test_a_minibatch_must_divide_the_rollout_too(
    tmp_path: Path, rollout: int, minibatch: int, processes: int, said: str
) -> None:
    cfg, _ = config(
        tmp_path, "stages=[ppo]", "ppo.num_prompts=40", f"ppo.rollout_batch={rollout}", f"ppo.minibatch={minibatch}"
    )
    with pytest.raises(SalmonError) as refused:
        check_batch_sizes(cfg, processes, False)
    assert said in str(refused.value)


def test_stages_that_take_an_adapter_as_it_is_share_nothing(tmp_path: Path) -> None:
    taken = [
        "stages=[sft,reward]",
        "sft.train.epochs=0",
        "sft.start=/somewhere",
        "sft.train.batch_size=3",
        "reward.train.epochs=0",
        "reward.start=/elsewhere",
        "reward.train.batch_size=3",
        "reward.pretrain.data=null",
    ]
    check_batch_sizes(config(tmp_path, *taken)[0], 2, False)


def test_a_reward_model_of_parametric_principles_alone_shares_its_lessons(tmp_path: Path) -> None:
    alone = ["stages=[reward]", "reward=parametric", "reward.train.batch_size=3", "reward.pretrain.train.batch_size=5"]
    with pytest.raises(SalmonError, match=r"in each step: reward.pretrain.train.batch_size=5 \(4 and 6 would\)\."):
        check_batch_sizes(config(tmp_path, *alone)[0], 2, False)


def test_batches_smaller_than_the_number_of_processes_are_refused_together(tmp_path: Path) -> None:
    cfg, _ = config(tmp_path, *BATCHES)
    with pytest.raises(SalmonError) as refused:
        check_batch_sizes(cfg, 8, True)
    assert str(refused.value).split("; ") == [
        f"{key} gives nothing to {8 - n} of 8 processes: raise it to 8, or start {n}"
        for key, n in (
            ("sft.train.batch_size=6", 6),
            ("ppo.minibatch=4", 4),
            ("dpo.train.batch_size=4", 4),
        )
    ]
    check_batch_sizes(
        config(tmp_path, *BATCHES, "stages=[eval]")[0], 8, False
    )  # of no concern to a stage that is not run


@pytest.mark.parametrize(("size", "tidied"), [(1, "tidied up\n"), (2, "")])
def test_processes_of_a_job_of_several_end_without_pythons_tidying_up(size: int, tidied: str) -> None:
    program = (
        "import atexit; from salmon.distributed.launch import leave; atexit.register(print, 'tidied up'); "
        "print('done'); leave()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"WORLD_SIZE": str(size)}, capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, f"done\n{tidied}", "")
