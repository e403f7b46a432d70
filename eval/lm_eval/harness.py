"""lm-eval's own packaged tasks on the shared base.

Prompts, few-shot examples, filters and metrics are lm-eval's; only where the rows come from, how long an answer may be
and how the model is called are set here.
"""

import glob
import io
import json
import logging
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import lm_eval
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from eval.config import EvalConfig
from eval.lm_eval.model import PrefixLM
from eval.network import require_hub
from eval.provenance import Provenance
from eval.results import Row, TaskRows, Unavailable
from salmon.runtime.jsonl import rewrite_records

Choose = Callable[[Mapping[str, int]], dict[str, list[int]]]  # items of each task -> numbers of those to measure
TEMPORARY = ".rows-"
FEWSHOT_SEED = 1234  # lm-eval's default; these tasks take their examples in a fixed order anyway


@contextmanager
def rows_folder(work: Path) -> Iterator[Path]:
    """A folder for converted rows and for the data library's copies of them, removed at the end.

    One that a kill left is removed at the beginning; the name says that it is no part of an artifact.
    """
    work.mkdir(parents=True, exist_ok=True)
    for left in work.glob(f"{TEMPORARY}*"):
        shutil.rmtree(left)
    with TemporaryDirectory(prefix=TEMPORARY, dir=work) as folder:
        yield Path(folder)


def local_task(task: str, rows: dict[str, Path]) -> dict[str, Any]:
    """lm-eval's packaged ``task`` on local rows of some splits: everything else stays as packaged."""
    cache = next(iter(rows.values())).parent / "cache"
    paths = {split: glob.escape(str(file)) for split, file in rows.items()}  # the data library takes patterns
    files = {"data_files": paths, "cache_dir": str(cache)}
    return {"task": task, "dataset_path": "json", "dataset_name": None, "dataset_kwargs": files}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """The rows as JSON lines for the data library; the file."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def save_samples(work: Path, samples: Mapping[str, Sequence[dict[str, Any]]]) -> None:
    """One JSONL a task: prompts, responses, filtered responses and scores of every item, as lm-eval records them."""
    for task, rows in samples.items():
        rewrite_records(work / "samples" / f"{task}.jsonl", [json.loads(json.dumps(row, default=str)) for row in rows])


def cut_rows(lm: PrefixLM, of: TaskRows) -> list[Row]:
    """How many requests lost their beginning, where any did."""
    return [of.count("n_cut", len(lm.cut), len(lm.cut))] if lm.cut else []


def load_tasks(specs: list[Any], from_hub: bool, folders: Sequence[str] = ("truthfulqa", "bbh")) -> dict[str, Any]:
    """lm-eval's tasks, by name under "tasks"; each of ``specs`` is a name or a ``local_task``.

    Args:
        folders: of its packaged tasks, that hold them; indexing all of its thousands would take 15 s.

    Raises:
        Unavailable: the hub's data cannot be reached.
    """
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    if from_hub:
        require_hub()
    packaged = Path(lm_eval.__file__).parent / "tasks"
    manager = TaskManager(include_path=[str(packaged / folder) for folder in folders], include_defaults=False)
    try:
        loaded = manager.load([{"group": "selected", "task": specs}])
    except (OSError, ValueError) as error:
        if not from_hub:
            raise
        raise Unavailable(
            f"the hub's data cannot be loaded ({' '.join(str(error).split())[:200]}); set eval.data_dir"
        ) from error
    for task in loaded["tasks"].values():
        task.set_fewshot_seed(seed=FEWSHOT_SEED)
    return dict(loaded)


def evaluate_tasks(
    lm: PrefixLM,
    specs: list[Any],
    config: EvalConfig,
    from_hub: bool,
    max_new_tokens: int | None,
    choose: Choose | None = None,
) -> dict[str, Any]:
    """lm-eval's results of some tasks with the active adapter: "samples", "versions", "n-shot", ...

    Args:
        max_new_tokens: in the place of the tasks' own limit; None keeps it.
        choose: which items are measured; None: the first of each task, as ``eval.limit`` says.

    Raises:
        Unavailable: the hub's data cannot be reached.
    """
    loaded = load_tasks(specs, from_hub)
    if max_new_tokens is not None:
        for task in loaded["tasks"].values():
            task.set_config(key="generation_kwargs", value={"max_gen_toks": max_new_tokens}, update=True)
    chosen = None if choose is None else choose({name: len(task.eval_docs) for name, task in loaded["tasks"].items()})
    with redirect_stderr(io.StringIO()):  # a progress bar for every task
        results = evaluate(
            lm=lm,
            task_dict=loaded,
            limit=None if chosen else config.limit,
            samples=chosen,
            bootstrap_iters=0,
            apply_chat_template=config.chat_template,
            fewshot_as_multiturn=True,
            system_instruction=(lm.shared.chat.system_prompt or None) if config.chat_template else None,
        )
    assert results is not None  # None is for the other ranks of a distributed run
    return dict(results)


def lm_eval_provenance(results: dict[str, Any], task: str, name: str, config: EvalConfig) -> Provenance:
    """How lm-eval measured one task.

    Args:
        name: of the task, or of the group that it belongs to.
    """
    return Provenance(
        harness=f"lm-eval {lm_eval.__version__}",
        task=name,
        task_version=str(results["versions"][task]),
        shots=results["n-shot"][task],
        chat_template=config.chat_template,
    )
