"""BIG-Bench Hard through lm-eval's tasks.

One thing is added. lm-eval's metric loses right answers (``eval.bbh.lm_eval_verdict``), so ``accuracy`` (our
extraction, ``eval.bbh.answers``) stands beside ``exact_match_lm_eval`` (theirs, unchanged).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.bbh.answers import is_right, kind_of, read_answer
from eval.bbh.scores import BBHVerdict, bbh_rows
from eval.config import BBHMode, EvalConfig
from eval.drawing import selection_of
from eval.lm_eval.harness import (
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
from eval.sources import BBH_TASKS, bbh_examples, bbh_names
from salmon.models.base import SharedModel

PREFIX = {BBHMode.direct: "bbh_fewshot_", BBHMode.cot: "bbh_cot_fewshot_"}  # of lm-eval's names of the tasks


def run_bbh(
    shared: SharedModel, checkpoint: str, config: EvalConfig, folder: Path | None, work: Path, cache: Path | None = None
) -> list[Row]:
    """Rows of BBH with the active adapter: pooled over the items of all tasks that are there, and of each task.

    Args:
        cache: file of what this checkpoint gave for each request, not computed again.

    Raises:
        Unavailable: the data cannot be reached.
    """
    prefix = PREFIX[config.bbh.mode]
    selection = selection_of(config, "bbh")
    chosen = None if selection.draw is None else selection.places
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
        results = evaluate_tasks(lm, specs, config, folder is None, config.bbh.max_new_tokens, chosen)
    scored = {name: [score_bbh(sample) for sample in results["samples"][prefix + name]] for name in names}
    save_samples(work, {prefix + name: samples for name, samples in scored.items()})
    how = replace(
        lm_eval_provenance(results, prefix + names[0], prefix[:-1], config),
        scope=f"{len(names)} of {len(BBH_TASKS)} tasks",
        max_new_tokens=config.bbh.max_new_tokens,
    )
    of = TaskRows(checkpoint, f"bbh_{config.bbh.mode.value}", how)
    verdicts = [
        BBHVerdict(
            name, item["resps"][0][0], item["answer"], bool(item["accuracy"]), bool(item["exact_match"]), item["doc_id"]
        )
        for name, items in scored.items()
        for item in items
    ]
    return [*bbh_rows(of, verdicts), *cut_rows(lm, of)]


def score_bbh(sample: dict[str, Any]) -> dict[str, Any]:
    """lm-eval's record of one item with our extraction, its score, and whether there was an answer at all."""
    answer = read_answer(sample["resps"][0][0], kind_of(sample["target"]))
    return {
        **sample,
        "answer": answer,
        "accuracy": float(is_right(answer, sample["target"])),
        "parsed": answer is not None,
    }
