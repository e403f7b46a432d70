"""What the pipeline knows of the stage ``eval``; importing it is cheap."""

from pathlib import Path
from typing import Any

from eval.bbh.answers import VERSION as ANSWERS_VERSION
from eval.config import EvalConfig
from eval.probes.refusals import VERSION as REFUSALS_VERSION
from salmon.config.schema import Config
from salmon.data.sources import source_identity
from salmon.principles.bank import load_bank
from salmon.runtime.files import file_digest
from salmon.runtime.fingerprint import semantic
from salmon.stage.spec import StageSpec

POLICIES = ("sft", "ppo", "dpo")  # stages that make policies, which are compared with the first one's
REWARD_TASKS = {"principle_following", "pairs"}  # that measure reward models
NO_POLICY = {"principle_following"}  # of those, what measures nothing else


def subjects(cfg: Config) -> tuple[str, ...]:
    """Stages that the configured tasks are about; the first is what others are compared with."""
    tasks = set(cfg.eval.tasks)
    return (() if tasks == NO_POLICY else POLICIES) + (("reward",) if tasks & REWARD_TASKS else ())


def settings(cfg: Config) -> dict[str, Any]:
    """Everything that decides the figures, besides the checkpoint."""
    evaluation: EvalConfig = cfg.eval
    return {"eval": semantic(evaluation), "data": _data(evaluation)}


def _data(evaluation: EvalConfig) -> dict[str, Any]:
    """By content: the benchmarks' files, the banks, and how answers are read."""
    data: dict[str, Any] = {}
    if evaluation.data_dir and (folder := Path(evaluation.data_dir)).is_dir():
        data = dict(_hashes(folder))
    if "principle_following" in evaluation.tasks:
        following = evaluation.principle_following
        real = following.real_banks if following.real_pairs else []
        banks = [following.trained, following.paraphrased, following.unseen, *real]
        files = [*([following.pairs] if following.pairs else []), *following.real_pairs.values()]
        data["banks"] = [load_bank(bank).content() for bank in banks if bank]
        data["pairs"] = [source_identity(file) for file in files]
    if "mt_bench" in evaluation.tasks:
        beside = (evaluation.mt_bench.baseline, evaluation.mt_bench.references)
        files_beside = [Path(file).expanduser() for file in beside if file]
        data |= {str(file): file_digest(file) for file in files_beside if file.is_file()}
    if "bbh" in evaluation.tasks:
        data["bbh_answers"] = ANSWERS_VERSION
    if "pairs" in evaluation.tasks:
        data["preferences"] = _contents(evaluation.pairs.files)
        data["preference_banks"] = [load_bank(bank).content() for bank in evaluation.pairs.banks]
    if "probes" in evaluation.tasks:
        data["probes"] = _contents(evaluation.probes.files)
        data["refusals"] = REFUSALS_VERSION
    return data


def _contents(files: dict[str, str]) -> dict[str, Any]:
    """By name, what tells a file from all others; of a folder, each file in it."""
    found: dict[str, Any] = {}
    for name, spec in files.items():
        path = Path(spec).expanduser()
        found[name] = _hashes(path) if path.is_dir() else source_identity(spec)
    return found


def _hashes(folder: Path) -> dict[str, str]:
    return {str(file.relative_to(folder)): file_digest(file) for file in sorted(folder.rglob("*")) if file.is_file()}


SPEC = StageSpec("eval", 1, "eval.stage", ("checkpoint",), settings, subjects=subjects)
