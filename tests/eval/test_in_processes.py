"""Two processes share the benchmarks of an evaluation out; the results are those of one."""

import logging
from pathlib import Path
from typing import Any

import pytest

from eval.checkpoints import Checkpoints
from eval.results import Row
from salmon.config.register import register
from salmon.config.schema import Config
from salmon.models import weights
from salmon.models.loading import load_base
from tests.distributed.in_processes import together
from tests.pipeline.stage_lock import config

pytestmark = pytest.mark.slow

register()

TASKS = ["truthfulqa_mc2", "mt_bench", "humaneval", "probes"]


def settings(folder: Path, *changes: str) -> Config:
    tasks = f"eval.tasks=[{','.join(TASKS)}]"
    cfg, _ = config(
        folder,
        "eval=mini",
        tasks,
        "eval.limit=2",
        "eval.mt_bench.max_new_tokens=4",
        "eval.humaneval.max_new_tokens=4",
        "eval.probes.max_new_tokens=4",
        f"paths.cache={folder / 'cache'}",
        *changes,
    )
    weights.resolve(cfg.model.path, Path(cfg.paths.cache))  # see test_any_process_may_be_the_one_that_makes_the_model
    return cfg


def evaluated(here: Any, cfg: Config, adapter: Path, work: Path) -> tuple[list[str], list[Row]]:
    """The benchmarks that this process did, as its log says, and all rows."""
    from eval.stage import evaluate_all

    done: list[str] = []
    notes = logging.Handler()
    notes.emit = lambda record: done.append(record.getMessage()) if " in " in record.getMessage() else None  # type: ignore[method-assign]
    logging.getLogger("salmon").addHandler(notes)
    logging.getLogger("salmon").setLevel(logging.INFO)
    shared = load_base(cfg.model, Path(cfg.paths.cache))
    rows = evaluate_all(cfg, shared, Checkpoints({"base": None, "sft": adapter, "same": adapter}, {}, {}), work)
    return [line.partition(" in ")[0] for line in done], rows


@pytest.mark.parametrize("server", [False, True], ids=["no-server", "server"])
def test_two_processes_share_the_benchmarks_out(server: bool, adapter: Path, tmp_path: Path, endpoint: Any) -> None:
    judge = [
        f"eval.mt_bench.judge.{setting}"
        for setting in (("kind=openai", "model=m", f"base_url={endpoint.url}") if server else ("kind=local",))
    ]
    cfg = settings(tmp_path, *judge)
    everything, alone = evaluated(None, cfg, adapter, tmp_path / "one")
    assert sorted(everything) == sorted(
        f"{name}: {task}" for name in ("base", "sft") for task in ("truthfulqa", "mt_bench", "humaneval", "probes")
    )
    asked = len(endpoint.seen)
    (first, rows), (second, others) = together(
        2, evaluated, settings(tmp_path / "two", *judge), adapter, tmp_path / "work"
    )
    assert sorted(first + second) == sorted(everything), "each is done once"
    assert min(len(first), len(second)) >= 3
    assert rows == others and [(r.checkpoint, r.task, r.metric) for r in rows] == [
        (r.checkpoint, r.task, r.metric) for r in alone
    ]
    assert [row.value for row in rows] == pytest.approx([row.value for row in alone], nan_ok=True)
    assert not any("mt_bench" in done for done in second) or not server, "a server is asked by the first process only"
    assert len(endpoint.seen) == 2 * asked and bool(asked) == server


def test_an_error_in_one_process_ends_the_job(adapter: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "adapter_config.json").write_text((adapter / "adapter_config.json").read_text())
    found = together(2, evaluated, settings(tmp_path), broken, tmp_path / "work")
    assert all(isinstance(one, str) and "adapter_model.safetensors" in one for one in found)
