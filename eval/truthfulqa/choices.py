"""TruthfulQA's multiple-choice tasks through lm-eval."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from eval.config import EvalConfig
from eval.drawing import selection_of
from eval.lm_eval.harness import (
    Choose,
    cut_rows,
    evaluate_tasks,
    lm_eval_provenance,
    local_task,
    rows_folder,
    save_samples,
    write_rows,
)
from eval.lm_eval.model import PrefixLM
from eval.results import Row, TaskRows
from eval.sources import truthfulqa_rows
from eval.truthfulqa.multiple_choice import mc2, undefined
from salmon.models.base import SharedModel


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
        results = evaluate_tasks(lm, specs, config, folder is None, None, _chosen(config))
    save_samples(work, results["samples"])
    table = []
    for task in tasks:
        samples = results["samples"][task]
        of = TaskRows(checkpoint, task, lm_eval_provenance(results, task, task, config))
        scores = [truthfulqa_score(sample) for sample in samples]
        table.append(of.mean("acc", scores, items=[str(sample["doc_id"]) for sample in samples]))
        without = sum(undefined(loglikelihoods_of(sample)) for sample in samples)
        if without:
            table.append(of.count("n_undefined", without, len(samples)))
    return [*table, *cut_rows(lm, of)]


def _chosen(config: EvalConfig) -> Choose | None:
    """The same questions of both tasks, which are two ways of asking them; None where none are drawn."""
    selection = selection_of(config, "truthfulqa_mc")
    if selection.draw is None:
        return None

    def choose(sizes: Mapping[str, int]) -> dict[str, list[int]]:
        places = selection.places({"questions": min(sizes.values())})["questions"]
        return dict.fromkeys(sizes, places)

    return choose


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
