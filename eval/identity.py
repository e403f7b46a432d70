"""What decides the figures of an evaluation, besides the checkpoint: settings of its tasks, and files by content."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from eval.bbh.answers import VERSION as ANSWERS_VERSION
from eval.config import (
    GROUP_OF_TASK,
    EvalConfig,
    EvalJudgeSettings,
    JudgeKind,
    PrincipleFollowingSettings,
    TruthfulQAJudgeSettings,
)
from eval.drawing import DRAWN_TASKS, selection_of
from eval.probes.refusals import VERSION as REFUSALS_VERSION
from eval.sources import BUNDLED, TASKS_OF_FOLDER, content_hash, data_folder, is_reference_file, require_data
from salmon.config.schema import Config
from salmon.data.sources import source_identity
from salmon.principles.bank import load_bank
from salmon.runtime.files import file_digest
from salmon.runtime.fingerprint import semantic

_JUDGED = {"mt_bench", "truthfulqa_gen"}


def evaluation_identity(cfg: Config) -> dict[str, Any]:
    """Settings and content of the tasks that are run; what other tasks would read decides nothing.

    Raises:
        SalmonError: a file or folder that is named is not there.
    """
    evaluation: EvalConfig = cfg.eval
    tasks = set(evaluation.tasks)
    idle = {group for task, group in GROUP_OF_TASK.items() if task not in tasks}
    settings = {key: value for key, value in semantic(evaluation).items() if key not in idle}
    for group in _JUDGED & settings.keys():
        settings[group] = {key: value for key, value in settings[group].items() if key != "judge"}  # see ``_judges``
    settings["draw"] = _draws(evaluation, tasks)
    return {"eval": settings | {"tasks": sorted(tasks)}, "data": _data(evaluation, tasks), "judges": _judges(cfg)}


def _draws(evaluation: EvalConfig, tasks: set[str]) -> dict[str, Any]:
    """What is drawn of the tasks that are run."""
    used = [name for name, about in DRAWN_TASKS.items() if tasks.intersection(about)]
    selections = {name: selection_of(evaluation, name) for name in used}
    return {name: one.identity for name, one in selections.items() if one.draw is not None}


def _data(evaluation: EvalConfig, tasks: set[str]) -> dict[str, Any]:
    """By content: the benchmarks' files, the banks, and how answers are read."""
    require_data(evaluation.data_dir, evaluation.tasks)
    folder = data_folder(evaluation.data_dir)
    read = [name for name, users in TASKS_OF_FOLDER.items() if tasks.intersection(users)]
    data: dict[str, Any] = {name: content_hash(None if folder is None else folder / name) for name in read}
    if "principle_following" in tasks:
        data["principle_following"] = _principle_following(evaluation.principle_following)
    if "mt_bench" in tasks:
        beside = {"baseline": evaluation.mt_bench.baseline, "references": evaluation.mt_bench.references}
        data["beside"] = {key: _file_or_name(value) for key, value in beside.items()}
    if "bbh" in tasks:
        data["bbh_answers"] = ANSWERS_VERSION
    if "ifbench" in tasks:
        from eval.ifbench.constraints import checkers_identity

        data["ifbench_checkers"] = checkers_identity()
    if "pairs" in tasks:
        data["preferences"] = _contents(evaluation.pairs.files, "pairs")
        data["preference_banks"] = [load_bank(bank).content() for bank in evaluation.pairs.banks]
    if "probes" in tasks:
        data["probes"] = _contents(evaluation.probes.files, "probes")
        data["refusals"] = REFUSALS_VERSION
    return data


def _principle_following(settings: PrincipleFollowingSettings) -> dict[str, Any]:
    banks = {"trained": settings.trained, "paraphrased": settings.paraphrased, "unseen": settings.unseen}
    return {
        "banks": {key: load_bank(bank).content() for key, bank in banks.items() if bank},
        "real_banks": [load_bank(bank).content() for bank in settings.real_banks] if settings.real_pairs else [],
        "pairs": source_identity(settings.pairs) if settings.pairs else None,
        "real_pairs": {name: _content(file) for name, file in settings.real_pairs.items()},
    }


def _judges(cfg: Config) -> dict[str, Any]:
    """Who judges, of the tasks that have a judge: a name at a server, or weights here by their content."""
    judges: dict[str, Any] = {}
    if "mt_bench" in cfg.eval.tasks:
        rating: EvalJudgeSettings = cfg.eval.mt_bench.judge
        judges["mt_bench"] = _judge(cfg, rating, {"model": rating.model})
    if "truthfulqa_gen" in cfg.eval.tasks:
        answers: TruthfulQAJudgeSettings = cfg.eval.truthfulqa_gen.judge
        judges["truthfulqa_gen"] = _judge(
            cfg, answers, {"model": answers.model, "informative_model": answers.informative_model}
        )
    return judges


def _judge(
    cfg: Config, settings: EvalJudgeSettings | TruthfulQAJudgeSettings, models: dict[str, str | None]
) -> dict[str, Any] | None:
    if settings.kind is JudgeKind.none:
        return None
    if settings.kind is JudgeKind.openai:
        return {"server": semantic(settings)}
    from salmon.models.identity import model_identity  # torch

    cache = Path(cfg.paths.cache)
    return {
        f"weights of {key}": None
        if path is None
        else model_identity(replace(cfg.model, path=path, revision=None), cache)["base"]
        for key, path in models.items()
    }


def _contents(files: dict[str, str], smoke_test: str) -> dict[str, Any]:
    """By name, what tells a file from all others; without files, the bundled ones that take their place."""
    return {name: _content(spec) for name, spec in files.items()} or {"": content_hash(BUNDLED / smoke_test)}


def _content(spec: str) -> str:
    """Of a file, or of all files in a folder."""
    path = Path(spec).expanduser()
    return content_hash(path) if path.is_dir() else source_identity(spec)


def _file_or_name(value: str | None) -> str | None:
    """The hash of a file; an author in the benchmark's own folder, whose content is covered, by name."""
    if value is None or not is_reference_file(value):
        return value
    path = Path(value).expanduser()
    return file_digest(path) if path.is_file() else value
