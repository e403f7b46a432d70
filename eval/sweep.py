"""``python -m eval sweep=FOLDER``: the benchmarks on the checkpoints of a finished sweep, each base loaded once.

What several jobs share, such as one SFT policy, is measured once. The figures are written where the sweep's report, its
page and ``python -m eval.tables`` read them (``sweeps/benchmarks.py``), artifact by artifact.
"""

import gc
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from eval.checkpoints import REWARD_TASKS, Checkpoints, checkpoints_of
from eval.config import EvalApp
from eval.inputs import check_files
from eval.sources import require_data
from eval.tables.measured import RESULTS
from salmon.config.model import ModelConfig
from salmon.distributed.world import world
from salmon.errors import SalmonError, Unfinished
from salmon.models.identity import settled
from salmon.runtime.artifact import Artifact, open_artifact
from salmon.runtime.files import storage_errors
from salmon.runtime.fingerprint import identity_digest, recorded
from salmon.runtime.foreign import read_json
from salmon.runtime.progress import Progress
from sweeps.benchmarks import benchmarks_folder, forget_figures, has_figures, write_figures
from sweeps.cells import cells_of
from sweeps.collect import SweepJob, read_sweep
from sweeps.seeds import seed_notes

if TYPE_CHECKING:
    from salmon.models.base import SharedModel

log = logging.getLogger("salmon")

_KEPT = "_step_"  # in the name of a policy that was kept on the way (ppo.keep_every)


@dataclass(frozen=True)
class OfOneBase:
    """What is measured on one loaded base."""

    model: ModelConfig
    artifacts: dict[Path, Checkpoints]  # what is measured of each, by the folder that its results go to


def plan_sweep(cfg: EvalApp) -> list[OfOneBase]:
    """What is to be measured, by base, in the order of the sweep's jobs.

    Raises:
        SalmonError: the folder is no sweep's, no job of it has finished, or none has a checkpoint for the tasks.
    """
    sweep = Path(cfg.sweep or "").expanduser().resolve()
    jobs = read_sweep(sweep)
    finished = [job for job in jobs if job.finished]
    if not finished:
        raise SalmonError(f"sweep={cfg.sweep}: no job of it has finished; python -m sweeps.status {sweep} says why")
    for note in seed_notes(jobs, {cell.name: cell.finished_seeds for cell in cells_of(jobs)}):
        log.warning("%s", note)
    if left := [job.name for job in jobs if not job.finished]:
        log.warning("not measured, since not finished: %s. The same command measures them later", ", ".join(left))
    bases: dict[str, OfOneBase] = {}
    for job in finished:
        model = model_of(job, cfg)
        of_base = bases.setdefault(identity_digest(recorded(model)), OfOneBase(model, {}))
        for artifact in _artifacts(job):
            found = _wanted(artifact, cfg.eval.tasks, cfg.every_checkpoint)
            if found.policies or found.reward_models:
                of_base.artifacts.setdefault(benchmarks_folder(sweep, artifact.path), found)
    planned = [of_base for of_base in bases.values() if of_base.artifacts]
    if not planned:
        raise SalmonError(
            f"sweep={cfg.sweep}: no artifact of it has a checkpoint that {', '.join(cfg.eval.tasks)} measure"
        )
    return planned


def model_of(job: SweepJob, cfg: EvalApp) -> ModelConfig:
    """The base that a job trained on, on the device of this command.

    Raises:
        SalmonError: its saved config has another model group than this version.
    """
    try:
        saved = OmegaConf.merge(OmegaConf.structured(ModelConfig), OmegaConf.select(job.config, "model"))
        model: Any = OmegaConf.to_object(saved)
    except (OmegaConfBaseException, ValueError, TypeError) as error:
        raise SalmonError(
            f"{job.name}: its model settings cannot be read ({error}). Measure its artifacts one by one: "
            "python -m eval checkpoint=FOLDER model=NAME"
        ) from error
    return replace(model, device=cfg.model.device)


def _artifacts(job: SweepJob) -> Iterator[Artifact]:
    for path in dict.fromkeys(job.artifacts.values()):
        artifact = open_artifact(path)
        artifact.check()
        yield artifact


def _wanted(artifact: Artifact, tasks: Sequence[str], every: bool) -> Checkpoints:
    """Of an artifact what the tasks are about; policies that were kept on the way only where ``every`` says so."""
    found = checkpoints_of(artifact)
    of_rewards = set(REWARD_TASKS).intersection(tasks)
    kept = {name: path for name, path in found.policies.items() if every or _KEPT not in name}
    return replace(
        found,
        policies=kept if set(tasks) - {REWARD_TASKS[0]} else {},
        reward_models=found.reward_models if of_rewards else {},
    )


def evaluate_sweep(cfg: EvalApp) -> None:
    """Measure what is not measured yet, base by base.

    Raises:
        SalmonError: nothing is there to measure, or a file is missing or malformed.
        Unfinished: figures are lacking that the same command may still get; all else is measured first.
    """
    cache = Path(cfg.paths.cache).expanduser()
    bases = plan_sweep(cfg)
    require_data(cfg.eval.data_dir, cfg.eval.tasks)
    check_files(cfg.eval, cache)
    from eval.preflight import require_usable
    from salmon.models.loading import load_base

    total = sum(len(of_base.artifacts) for of_base in bases)
    waiting = world().on_main(
        lambda: [replace(of_base, artifacts=_not_measured(of_base.artifacts, cfg)) for of_base in bases]
    )
    progress = Progress(total, "artifacts", start=total - sum(len(of_base.artifacts) for of_base in waiting))
    unfinished: list[str] = []
    for of_base in waiting:
        if not of_base.artifacts:
            continue
        model = world().on_main(partial(settled, of_base.model))
        mine, shared = replace(cfg, model=model), load_base(model, cache)
        if any(found.policies for found in of_base.artifacts.values()):
            require_usable(mine, shared)
        for folder, found in of_base.artifacts.items():
            try:
                _measure(mine, shared, folder, found)
            except Unfinished as error:
                unfinished.append(f"{folder.name}: {error}")
            progress.advance()
        del shared
        gc.collect()  # the next base needs the room
    log.info("measured: %d artifacts. With them in the report: python -m sweeps.report %s", total, cfg.sweep)
    if unfinished:
        raise Unfinished("; ".join(unfinished))


def _measure(cfg: EvalApp, shared: "SharedModel", folder: Path, found: Checkpoints) -> None:
    """The benchmarks of one artifact, in the sweep's folder for it; raises ``Unfinished`` where some are lacking."""
    from eval.record import record
    from eval.stage import evaluate_all
    from eval.tracked import tracked

    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    rows = evaluate_all(cfg, shared, found, folder)
    if world().rank:
        return
    with tracked(cfg, f"benchmarks-{folder.name}", found, folder) as tracker:
        write_figures(folder, record(cfg, found, rows, folder, tracker))


def _not_measured(artifacts: dict[Path, Checkpoints], cfg: EvalApp) -> dict[Path, Checkpoints]:
    """Those without whole results of the same settings; results of other settings get another name."""
    waiting = {}
    for folder, found in artifacts.items():
        saved = read_json(folder / RESULTS, None) if (folder / RESULTS).is_file() else {}
        if saved and saved.get("settings") != recorded(cfg.eval):
            (folder / RESULTS).rename(folder / f"results-{identity_digest(saved.get('settings'))}.json")
            forget_figures(folder)  # a report must not mix two suites
            saved = {}
        if set(saved.get("checkpoints", ())) != {*found.policies, *found.reward_models} or not has_figures(folder):
            waiting[folder] = found
    return waiting
