"""TruthfulQA (MC1, MC2) and BBH through lm-eval's own packaged tasks.

Prompts, few-shot examples, filters and metrics are lm-eval's; only where the rows come from, how long an
answer may be and how the model is called are set here. One thing is added. lm-eval's BBH metric loses right
answers (see ``bbh_lm_eval``), so ``accuracy`` (our extraction, see ``bbh_answers``) stands beside
``exact_match_lm_eval`` (theirs, unchanged).
"""

import io
import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import datasets
import lm_eval
from lm_eval.evaluator import evaluate
from lm_eval.tasks import TaskManager

from eval.bbh.answers import is_right, kind_of, read_answer
from eval.bbh.scores import BBHVerdict, bbh_rows
from eval.config import BBHMode, EvalConfig
from eval.lm_eval.model import PrefixLM
from eval.network import require_hub
from eval.provenance import Provenance
from eval.results import Row, TaskRows, Unavailable
from eval.sources import BBH_TASKS, bbh_examples, bbh_names, truthfulqa_rows
from eval.truthfulqa.multiple_choice import mc2, undefined
from salmon.models.base import SharedModel
from salmon.runtime.jsonl import rewrite_records

BBH_PREFIX = {BBHMode.direct: "bbh_fewshot_", BBHMode.cot: "bbh_cot_fewshot_"}
FEWSHOT_SEED = 1234  # lm-eval's default; these tasks take their examples in a fixed order anyway

Samples = dict[str, list[dict[str, Any]]]  # lm-eval's record of every item, by task


def run_truthfulqa(
    shared: SharedModel,
    checkpoint: str,
    tasks: Sequence[str],
    config: EvalConfig,
    folder: Path | None,
    work: Path,
    cache: Path | None = None,
) -> list[Row]:
    """Rows of ``truthfulqa_mc1`` and / or ``truthfulqa_mc2``, computed in one pass with the active adapter.

    Args:
        cache: file of what this checkpoint gave for each request, not computed again.

    Raises:
        Unavailable: the data cannot be reached.
    """
    with rows_folder(work) as rows:
        specs: list[Any] = list(tasks)
        if folder is not None:
            file = write_rows(rows / "truthfulqa.jsonl", truthfulqa_rows(folder))
            specs = [local_task(task, {"validation": file}) for task in tasks]
        lm = PrefixLM(shared, config.batch_size, cache)
        results = _evaluate(lm, specs, config, folder is None, max_new_tokens=None)
    save_samples(work, results["samples"])
    table = []
    for task in tasks:
        samples = results["samples"][task]
        of = TaskRows(checkpoint, task, _provenance(results, task, task, config))
        table.append(of.mean("acc", [truthfulqa_score(sample) for sample in samples]))
        without = sum(undefined(loglikelihoods_of(sample)) for sample in samples)
        if without:
            table.append(of.count("n_undefined", without, len(samples)))
    return [*table, *_cut(lm, of)]


def run_bbh(
    shared: SharedModel, checkpoint: str, config: EvalConfig, folder: Path | None, work: Path, cache: Path | None = None
) -> list[Row]:
    """Rows of BBH with the active adapter: pooled over the items of all tasks that are there, and of each task.

    Args:
        cache: as for ``run_truthfulqa``.

    Raises:
        Unavailable: the data cannot be reached.
    """
    prefix = BBH_PREFIX[config.bbh.mode]
    with rows_folder(work) as rows:
        if folder is None:
            names = bbh_names(config.bbh.tasks)
            specs: list[Any] = [prefix + name for name in names]
        else:
            data = bbh_examples(folder, config.bbh.tasks)
            names = list(data)
            files = {name: write_rows(rows / f"{name}.jsonl", data[name]) for name in names}
            specs = [local_task(prefix + name, {"test": files[name]}) for name in names]
        lm = PrefixLM(shared, config.batch_size, cache)
        results = _evaluate(lm, specs, config, folder is None, config.bbh.max_new_tokens)
    scored = {name: [score_bbh(sample) for sample in results["samples"][prefix + name]] for name in names}
    save_samples(work, {prefix + name: samples for name, samples in scored.items()})
    how = replace(
        _provenance(results, prefix + names[0], prefix[:-1], config),
        scope=f"{len(names)} of {len(BBH_TASKS)} tasks",
        max_new_tokens=config.bbh.max_new_tokens,
    )
    of = TaskRows(checkpoint, f"bbh_{config.bbh.mode.value}", how)
    verdicts = [
        BBHVerdict(name, item["resps"][0][0], item["answer"], bool(item["accuracy"]), bool(item["exact_match"]))
        for name, items in scored.items()
        for item in items
    ]
    return [*bbh_rows(of, verdicts), *_cut(lm, of)]


def truthfulqa_score(sample: dict[str, Any]) -> float:
    """lm-eval's ``acc`` of one item; MC2 also where all its probabilities underflow to 0; 0 where it is undefined."""
    if undefined(loglikelihoods_of(sample)):
        return 0.0
    if math.isfinite(sample["acc"]):
        return float(sample["acc"])
    return mc2(loglikelihoods_of(sample), sample["doc"]["mc2_targets"]["labels"])


def loglikelihoods_of(sample: dict[str, Any]) -> list[float]:
    """Nats of every choice in lm-eval's record of one item."""
    return [response[0] for response in sample["filtered_resps"]]


def score_bbh(sample: dict[str, Any]) -> dict[str, Any]:
    """lm-eval's record of one item with our extraction, its score, and whether there was an answer at all."""
    answer = read_answer(sample["resps"][0][0], kind_of(sample["target"]))
    return {
        **sample,
        "answer": answer,
        "accuracy": float(is_right(answer, sample["target"])),
        "parsed": answer is not None,
    }


# --- calling lm-eval -----------------------------------------------------------------------------


@contextmanager
def rows_folder(work: Path) -> Iterator[Path]:
    """A folder for converted rows and for the data library's copies of them, removed at the end."""
    work.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="rows-", dir=work) as folder:
        yield Path(folder)


def local_task(task: str, rows: dict[str, Path]) -> dict[str, Any]:
    """lm-eval's packaged ``task`` on local rows of some splits: everything else stays as packaged."""
    cache = next(iter(rows.values())).parent / "cache"
    files = {"data_files": {split: str(file) for split, file in rows.items()}, "cache_dir": str(cache)}
    return {"task": task, "dataset_path": "json", "dataset_name": None, "dataset_kwargs": files}


def write_rows(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def save_samples(work: Path, samples: Samples) -> None:
    """One JSONL a task: prompts, responses, filtered responses and scores of every item."""
    for task, rows in samples.items():
        rewrite_records(work / "samples" / f"{task}.jsonl", [json.loads(json.dumps(row, default=str)) for row in rows])


def _cut(lm: PrefixLM, of: TaskRows) -> list[Row]:
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


def _evaluate(
    lm: PrefixLM, specs: list[Any], config: EvalConfig, from_hub: bool, max_new_tokens: int | None
) -> dict[str, Any]:
    loaded = load_tasks(specs, from_hub)
    if max_new_tokens is not None:
        for task in loaded["tasks"].values():
            task.set_config(key="generation_kwargs", value={"max_gen_toks": max_new_tokens}, update=True)
    with redirect_stderr(io.StringIO()):  # a progress bar for every task
        results = evaluate(
            lm=lm,
            task_dict=loaded,
            limit=config.limit,
            bootstrap_iters=0,
            apply_chat_template=config.chat_template,
            fewshot_as_multiturn=True,
            system_instruction=(lm.shared.chat.system_prompt or None) if config.chat_template else None,
        )
    assert results is not None  # None is for the other ranks of a distributed run
    return dict(results)


def _provenance(results: dict[str, Any], task: str, name: str, config: EvalConfig) -> Provenance:
    return Provenance(
        harness=f"lm-eval {lm_eval.__version__}",
        task=name,
        task_version=str(results["versions"][task]),
        shots=results["n-shot"][task],
        chat_template=config.chat_template,
    )
