"""All stages on the tiny model in one, two and three processes: the same data, and the same training up to rounding."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from salmon.config.register import register
from salmon.config.schema import Config
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.pipeline.job import run_job
from salmon.ppo import stage as ppo
from tests.distributed.in_processes import started
from tests.pipeline.stage_lock import config

pytestmark = pytest.mark.slow

register()

# Batches of 3 and 5 over 2 processes are uneven; 2 held-out prompts over 3 leave one without any.
SETTINGS = [
    "stages=[sft,preferences,reward,ppo,dpo,best_of_n]",
    "sft.train.batch_size=3",
    "sft.train.epochs=1",
    "preferences.num_prompts=24",
    "preferences.judge.kind=verifier",
    "principles=verifiable",
    "reward.train.batch_size=5",
    "reward.train.micro_batch_size=2",
    "reward.pretrain.data=parametric",
    "reward.pretrain.train.batch_size=3",
    "reward.probe.every=1",
    "ppo.num_prompts=12",
    "ppo.held_out_prompts=2",
    "ppo.rollout_batch=5",
    "ppo.minibatch=5",
    "ppo.epochs=1",
    "ppo.shaping.center=true",
    "dpo.train.batch_size=3",
    "dpo.train.epochs=1",
    "best_of_n.n=2",
    "engine.uneven=true",
]
FIRST, SECOND = ("sft", "preferences", "reward"), ("ppo", "dpo", "best_of_n")
# Of machine and clock; and at DPO's first step, where policy and reference are one, accuracy is the sign of rounding.
VARYING = ("time", "perf/", "dpo/accuracy")


def run(
    folder: Path, size: int, *changes: str, engine: str = "ddp", stop: bool = False, late: bool = False
) -> list[Any]:
    """What a job of ``size`` processes in ``folder`` returned or raised.

    ``engine``: where there are several; ``stop``: in PPO's second update; ``late``: the first process comes last to the
    model's cache.
    """
    folder.mkdir(exist_ok=True)
    (folder / "job").mkdir(exist_ok=True)
    given = [
        *SETTINGS,
        f"engine={engine if size > 1 else 'single'}",
        f"paths.cache={folder.parent / 'cache'}",
        *changes,
    ]
    return started(size, job, *config(folder / "store", *given), folder / "job", stop, late)


def job(cfg: Config, resolved: dict[str, Any], folder: Path, stop: bool, late: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if late and os.environ["RANK"] == "0":
            patch.setattr(weights, "resolve", after(3.0, weights.resolve))
        if stop:
            patch.setattr(ppo, "update", stopping_in(2, ppo.update))
        run_job(cfg, resolved, folder)


def after(seconds: float, resolve: Any) -> Any:
    def waiting(path: str, cache: Path) -> str:
        time.sleep(seconds)
        return resolve(path, cache)

    return waiting


def stopping_in(step: int, update: Any) -> Any:
    def stopping(actors: Any, learner: Any, experience: Any, settings: Any, now: int, *rest: Any) -> dict[str, float]:
        if now == step:
            raise SalmonError("stopped by the test")
        return update(actors, learner, experience, settings, now, *rest)

    return stopping


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("processes") / "one"
    assert run(folder, 1) == [None]
    return folder


@pytest.fixture(
    scope="module",
    params=[
        (2, "ddp", FIRST),
        (3, "ddp", SECOND),
        (2, "zero2", FIRST),
        (2, "zero2", ("ppo",)),
        (2, "zero3", FIRST),
        (2, "zero3", SECOND),
    ],
    ids=lambda param: f"{param[0]}-{param[1]}-{param[2][0]}",
)
def shared_out(request: pytest.FixtureRequest, alone: Path) -> tuple[Path, Path, tuple[str, ...]]:
    """Some stages in several processes, on inputs that one process made."""
    size, engine, stages = request.param
    folder = alone.parent / f"{size}-{engine}-{stages[0]}"
    if stages != FIRST:
        shutil.copytree(alone / "store", folder / "store", ignore=shutil.ignore_patterns(*SECOND))
    assert run(folder, size, f"stages=[{','.join(stages)}]", engine=engine) == [None] * size
    return alone, folder, stages


def artifacts(folder: Path) -> dict[str, Path]:
    return {link.name: link.resolve() for link in (folder / "job/artifacts").iterdir()}


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def assert_same_training(one: Path, several: Path) -> None:
    """Metrics of every step, adapters and heads of a stage."""
    for before, after in zip(rows(one / "metrics.jsonl"), rows(several / "metrics.jsonl"), strict=True):
        before, after = ({k: v for k, v in row.items() if not k.startswith(VARYING)} for row in (before, after))
        assert after == pytest.approx(before, rel=1e-4, abs=1e-4)
    files = [path.relative_to(one) for path in one.rglob("*.safetensors")]
    assert files or one.parent.name in ("preferences", "best_of_n")
    for file in files:
        tensors, others = load_file(one / file), load_file(several / file)
        if one.parent.name == "reward":  # its gradient is 0 up to rounding: scores are only compared. Adam scales it up
            tensors.pop("bias", None)
        assert max((tensors[name] - others[name]).abs().max().item() for name in tensors) < 2e-4, file


def test_every_stage_reaches_the_same(shared_out: tuple[Path, Path, tuple[str, ...]]) -> None:
    *folders, stages = shared_out
    one, several = map(artifacts, folders)
    assert set(several) == set(stages)
    for stage in stages:
        assert several[stage].name == one[stage].name, "the number of processes is in no fingerprint"
        assert_same_training(one[stage], several[stage])


def test_prompts_principles_labels_and_responses_are_the_same(shared_out: tuple[Path, Path, tuple[str, ...]]) -> None:
    *folders, stages = shared_out
    one, several = map(artifacts, folders)
    if "preferences" in stages:
        for name in ("samples", "pairs", "judgements", "rows", "probes"):
            file = f"preferences/{name}.jsonl"
            assert rows(folders[1] / "job/artifacts" / file) == rows(folders[0] / "job/artifacts" / file), name
    if "ppo" in stages:
        for step in (0, 2):
            shown, others = (
                [
                    {key: value for key, value in row.items() if key != "score"}
                    for row in rows(links["ppo"] / f"tables/responses_{step}.jsonl")
                ]
                for links in (one, several)
            )
            assert shown == others and len(shown) == 2


def test_only_the_first_process_writes(shared_out: tuple[Path, Path, tuple[str, ...]]) -> None:
    *folders, stages = shared_out
    one, several = folders
    assert sorted(p.name for p in several.iterdir()) == sorted(p.name for p in one.iterdir()) == ["job", "store"]
    assert json.loads((several / "job/status.json").read_text())["state"] == "finished"
    assert not list((several / "store").rglob("*.partial"))
    for stage in stages:
        files = [
            sorted(p.relative_to(path) for p in path.rglob("*"))
            for path in (artifacts(folder)[stage] for folder in folders)
        ]
        assert files[0] == files[1]


def test_a_finished_job_is_reused_by_any_number_of_processes(alone: Path) -> None:
    assert run(alone, 2) == [None, None]
    found = json.loads((alone / "job/artifacts.json").read_text())
    assert [artifact["reused"] for artifact in found.values()] == [True] * 6


@pytest.mark.parametrize(("before", "after", "engine"), [(2, 1, "zero3"), (1, 2, "zero2")])
def test_ppo_continues_in_another_number_of_processes(
    alone: Path, tmp_path: Path, before: int, after: int, engine: str
) -> None:
    shutil.copytree(alone / "store", tmp_path / "store", ignore=shutil.ignore_patterns("ppo", "dpo", "best_of_n"))
    stopped = run(tmp_path, before, "stages=[ppo]", engine=engine, stop=True)
    assert set(stopped) == {"SalmonError: stopped by the test"}
    assert json.loads((tmp_path / "job/status.json").read_text())["error"] == "stopped by the test"
    (partial,) = (tmp_path / "store/ppo").glob("*.partial")
    assert {row["step"] for row in rows(partial / "metrics.jsonl")} == {0, 1}
    assert run(tmp_path, after, "stages=[ppo]", engine=engine) == [None] * after
    assert_same_training(artifacts(alone)["ppo"], (tmp_path / "job/artifacts/ppo").resolve())


@pytest.mark.parametrize("engine", ["ddp", "zero3"])
def test_ppo_without_a_value_model_reaches_the_same(alone: Path, tmp_path: Path, engine: str) -> None:
    """The answers to a prompt are sampled in different processes, and compared all the same."""
    grpo = ["ppo/advantage=grpo", "ppo.answers_per_prompt=2", "ppo.rollout_batch=6", "ppo.minibatch=6"]
    for size in (1, 2):
        shutil.copytree(alone / "store", tmp_path / f"{size}/store", ignore=shutil.ignore_patterns(*SECOND))
        cache = f"paths.cache={alone.parent / 'cache'}"
        assert run(tmp_path / str(size), size, "stages=[ppo]", "ppo.max_updates=2", *grpo, cache, engine=engine) == (
            [None] * size
        )
    one, two = (artifacts(tmp_path / str(size))["ppo"] for size in (1, 2))
    assert one.name == two.name and not (two / "last/value").exists()
    assert_same_training(one, two)


@pytest.mark.parametrize("engine", ["ddp", "zero2", "zero3"])
def test_roles_that_read_in_one_pass_reach_the_same(alone: Path, tmp_path: Path, engine: str) -> None:
    """As one process in which each role reads alone."""
    shutil.copytree(alone / "store", tmp_path / "store", ignore=shutil.ignore_patterns(*SECOND))
    assert run(tmp_path, 2, "stages=[ppo]", "ppo.one_pass=true", engine=engine) == [None] * 2
    assert_same_training(artifacts(alone)["ppo"], artifacts(tmp_path)["ppo"])


def test_any_process_may_be_the_one_that_makes_the_model(tmp_path: Path) -> None:
    """transformers' ``save_pretrained`` writes nothing where torch.distributed says that it is not the first."""
    fresh = f"paths.cache={tmp_path / 'fresh'}"
    assert run(tmp_path / "late", 2, "stages=[sft]", fresh, late=True) == [None, None]
    assert (tmp_path / "fresh/tiny-v1/model.safetensors").is_file()


def test_a_batch_with_nothing_for_some_processes_is_refused(tmp_path: Path) -> None:
    expected = (
        "SalmonError: sft.train.batch_size=1 gives nothing to 1 of 2 processes: raise it to 2, or start 1; "
        "ppo.minibatch=1 gives nothing to 1 of 2 processes: raise it to 2, or start 1"
    )
    assert run(tmp_path, 2, "sft.train.batch_size=1", "ppo.minibatch=1") == [expected] * 2


def test_more_processes_than_prompts(alone: Path, tmp_path: Path) -> None:
    """Two prompts: the third process samples and judges nothing. (Fewer training rows than processes are refused.)"""
    few = ["stages=[preferences]", "preferences.num_prompts=2", "preferences.held_out_fraction=0"]
    outcomes = []
    for size in (1, 3):
        shutil.copytree(alone / "store/sft", tmp_path / f"{size}/store/sft")
        outcomes.append({result is None for result in run(tmp_path / str(size), size, *few)})
    assert outcomes[0] == outcomes[1], "finished, or without a row where the judge has no opinion"
    for name in ("samples", "pairs", "judgements"):
        one, several = (next((tmp_path / str(size) / "store/preferences").glob(f"*/{name}.jsonl")) for size in (1, 3))
        assert one.read_text() == several.read_text() and len(rows(one)) >= 1, name
