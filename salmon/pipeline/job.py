"""One job from a checked config: run the pipeline, keep its state on disk, print what came out."""

import logging
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salmon.config.model import Quantization
from salmon.config.run import Engine
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.distributed.batch_sizes import check_batch_sizes
from salmon.distributed.launch import joined
from salmon.distributed.termination import signal_of
from salmon.distributed.world import world
from salmon.errors import SalmonError, Unfinished
from salmon.models import weights
from salmon.models.identity import settled
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.pipeline.preflight import preflight
from salmon.pipeline.registry import STAGES
from salmon.pipeline.report import closing_report
from salmon.runtime.files import storage_errors, write_json_atomic
from salmon.runtime.foreign import read_yaml
from salmon.runtime.status import StatusFile
from salmon.sampling.sampler import DequantizingSampler, MergingSampler, Sampler, transformers_sampler
from salmon.tracking.run_description import cell_of
from salmon.tracking.wandb_environment import check_environment

if TYPE_CHECKING:
    from salmon.models.base import SharedModel

log = logging.getLogger("salmon")


def run_job(cfg: Config, resolved: dict[str, Any], folder: Path) -> None:
    """Run the stages of a job.

    Args:
        cfg: the checked config.
        resolved: the same as plain containers, for trackers and manifests.
        folder: the job's folder; the first process writes status.json, results.json and links to the artifacts there.

    Raises:
        SalmonError: a stage stopped; status.json then says which and why.
    """
    check_environment(cfg.tracking)
    if cfg.engine.kind is not Engine.single:
        # Before the processes join: after that, transformers' save_pretrained writes in the first process only.
        weights.resolve(cfg.model.path, Path(cfg.paths.cache))
    with joined(cfg.engine.kind, cfg.model.device) as here:
        given = cfg.model
        cfg = replace(cfg, model=here.on_main(lambda: settled(given)))  # one answer for all processes and stages
        check_batch_sizes(cfg, here.size, cfg.engine.uneven)
        with response_sampler(cfg) as sampler:
            if here.rank:
                Pipeline(cfg, resolved, lambda: _base(cfg), sampler, partial(preflight, cfg)).run(lambda label: None)
            else:
                _run_and_report(cfg, resolved, sampler, folder)


def _run_and_report(cfg: Config, resolved: dict[str, Any], sampler: Sampler, folder: Path) -> None:
    resolved = {key: value for key, value in resolved.items() if key != "paths"}  # local paths concern nobody else
    status = StatusFile(folder / "status.json")

    def starts(label: str) -> None:
        with storage_errors(folder):
            link_artifacts(folder, pipeline.executions)  # those before it: should it fail, the job's page has them
        status.save(stage=label, progress=None, work=None)

    def works(work: Path) -> None:
        status.save(work=str(work.absolute()))

    pipeline = Pipeline(
        cfg,
        resolved,
        lambda: _base(cfg),
        sampler,
        partial(preflight, cfg),
        cell=cell_of(overrides(folder)),
        on_work=works,
    )
    log.addHandler(status)
    began = time.perf_counter()
    try:
        executions = pipeline.run(starts)
        _show(cfg, executions, folder, time.perf_counter() - began)
        if pipeline.unfinished:
            raise Unfinished("\n".join(pipeline.unfinished))
    except SystemExit:  # of submitit, which has put the job back into Slurm's queue: time limit or preemption
        status.save(state="requeued")
        raise
    except KeyboardInterrupt as error:
        status.save(state="interrupted", error=f"by {signal_of(error).name}; the same command continues it")
        raise
    except BaseException as error:
        status.save(state="failed", error=str(error) or type(error).__name__)
        write_job_page(folder)
        raise
    finally:
        log.removeHandler(status)
    status.save(state="finished", stage=None, progress=None, work=None)
    if page := write_job_page(folder):
        print(f"see it:            {page}\n")


def write_job_page(folder: Path) -> Path | None:
    """Write the job's page; what is wrong with it is logged, for a page must not take results along. None: no page."""
    from salmon.view.command import write_page  # templates: not before they are needed

    again = f"The job's results are kept; write it with: salmon view {folder}"
    try:
        return write_page(folder)
    except SalmonError as error:
        log.error("no page: %s. %s", str(error).rstrip("."), again)
    except Exception:
        log.error("no page, by a fault of the page:\n%s%s", traceback.format_exc(), again)
    return None


def _show(cfg: Config, executions: list[Execution], folder: Path, seconds: float) -> None:
    """The job's results, in its folder and on the terminal."""
    with storage_errors(folder):
        link_artifacts(folder, executions)
        write_json_atomic(folder / "results.json", {e.label: e.artifact.metrics for e in executions})
    made_by = [execution.artifact.stage for execution in executions]
    for stage in dict.fromkeys(name for name in made_by if made_by.count(name) > 1):
        STAGES[stage].draw_overview(folder)
    said = [line for stage in dict.fromkeys(made_by) for line in STAGES[stage].conclude(folder)]
    print(closing_report(cfg, executions, folder, seconds, said))


def overrides(folder: Path) -> list[str]:
    """What the job was asked for, as Hydra wrote it down; nothing where it was started without Hydra."""
    file = folder / ".hydra" / "overrides.yaml"
    return [str(word) for word in read_yaml(file, list)] if file.exists() else []


@contextmanager
def response_sampler(cfg: Config) -> Iterator[Sampler]:
    """The sampler that ``rollout.backend`` names; it ends with the block.

    Raises:
        SalmonError: its package is not installed.
    """
    if cfg.rollout.backend is RolloutBackend.hf:
        yield _sampler_of_weights(cfg)
        return
    from salmon.sampling.vllm_sampler import VLLMSampler  # imports torch: only where it is needed

    with VLLMSampler(cfg.model, cfg.rollout, Path(cfg.paths.cache)) as sampler:
        yield sampler


def _sampler_of_weights(cfg: Config) -> Sampler:
    if cfg.model.quantization is Quantization.nf4 and cfg.rollout.dequantize is not False:
        return DequantizingSampler(None if cfg.rollout.dequantize is True else partial(_dequantizes, cfg))
    return MergingSampler() if cfg.rollout.merged_copy else transformers_sampler


def _dequantizes(cfg: Config) -> bool:
    from salmon.plan.devices import this_device  # torch
    from salmon.plan.planner import dequantizes

    try:
        return dequantizes(cfg, this_device(cfg.model.device), world().size)
    except SalmonError:  # nobody knows how much it would take
        return False


def _base(cfg: Config) -> "SharedModel":
    from salmon.models.loading import load_base  # torch and transformers: ten seconds that a reused job need not wait

    return load_base(cfg.model, Path(cfg.paths.cache))


def link_artifacts(folder: Path, executions: list[Execution]) -> None:
    """``artifacts/<stage>`` links and artifacts.json: what this job made or used."""
    links = folder / "artifacts"
    links.mkdir(exist_ok=True)
    for execution in executions:
        link = links / execution.label.replace(" ", "_")
        link.unlink(missing_ok=True)
        link.symlink_to(execution.artifact.path.absolute())
    write_json_atomic(
        folder / "artifacts.json",
        {e.label: {"path": str(e.artifact.path), "reused": e.reused} for e in executions},
    )
