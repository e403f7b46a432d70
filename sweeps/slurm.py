"""Hydra's launcher for Slurm (``hydra/launcher=slurm``): hydra-submitit-launcher's, for sweeps that nobody attends.

Beyond that launcher: resources by model; a job of several processes, one a GPU, which Slurm starts in torchrun's place;
a failed or killed job is failed in Slurm too and takes no other along; and the same command waits for the jobs that
still run, and submits only those that are missing or failed.
"""

import copy
import logging
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, JobStatus, filter_overrides
from hydra_plugins.hydra_submitit_launcher.config import BaseQueueConf
from hydra_plugins.hydra_submitit_launcher.submitit_launcher import SlurmLauncher as SubmititLauncher
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from submitit import JobEnvironment
from submitit.core.core import Job
from submitit.core.utils import FailedSubmissionError
from submitit.helpers import TorchDistributedEnvironment
from submitit.slurm.slurm import SlurmJob

from salmon.config.register import register
from salmon.config.run import Engine
from salmon.distributed.launch import started_rank
from salmon.errors import SalmonError
from salmon.runtime.files import storage_errors, write_json_atomic
from salmon.runtime.status import read_state
from sweeps.collect import read_job
from sweeps.slurm_queue import SqueueWatcher, await_jobs, queued

log = logging.getLogger("salmon")

IDS = ".slurm/jobs.json"  # in the sweep's folder: name of a job's folder -> id in Slurm
_OF_ALL_CLUSTERS = set(OmegaConf.structured(BaseQueueConf).keys())  # submitit wants the others with a prefix


def register_launcher() -> None:
    """Hydra takes launchers from the package ``hydra_plugins`` only, of which this repository cannot have a part."""
    Plugins.instance().class_name_to_class["hydra_plugins.salmon_submitit.SlurmLauncher"] = SlurmLauncher


class SlurmLauncher(SubmititLauncher):
    """Options: parameters of hydra-submitit-launcher; ``by_model``: those of a model's jobs, by choice of ``model``."""

    def __init__(self, by_model: Mapping[str, Any], **parameters: Any) -> None:
        super().__init__(**parameters)
        self.by_model = {str(model): dict(given) for model, given in by_model.items()}

    def __call__(self, *args: Any, **kwargs: Any) -> JobReturn:
        """In Slurm's task. Raises what the job raised, so that its state and exit status in Slurm tell the truth."""
        register()
        if JobEnvironment().num_tasks > 1:
            # What torchrun would set; each process takes its GPU itself.
            TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
        if started_rank():  # the job's folder is the first process's
            sweep_overrides, *others = args
            args = ([*sweep_overrides, "hydra.output_subdir=null"], *others)
        returned = super().__call__(*args, **kwargs)
        _ = returned.return_value
        return returned

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> list[JobReturn]:
        """Submit what is missing, wait for all; one ``JobReturn`` a job, in the order of ``job_overrides``."""
        assert self.config is not None
        SlurmJob.watcher = SqueueWatcher(delay_s=30)
        sweep = Path(self.config.hydra.sweep.dir).absolute()
        planned = {
            number: self._composed(overrides, number) for number, overrides in enumerate(job_overrides, initial_job_idx)
        }
        folders = {number: sweep / job.hydra.sweep.subdir for number, job in planned.items()}
        returns = {
            number: JobReturn(status=JobStatus.COMPLETED)
            for number, job in planned.items()
            if is_finished(folders[number], job)
        }
        try:
            jobs = self._still_there(sweep, {n: folder.name for n, folder in folders.items() if n not in returns})
            log.info("%d of %d jobs are finished, %d wait or run in Slurm", len(returns), len(planned), len(jobs))
            for (model, engine), numbers in by_choice(
                {n: job for n, job in planned.items() if n not in {*returns, *jobs}}
            ):
                for number in numbers:
                    (folders[number] / "status.json").unlink(missing_ok=True)  # of an earlier try
                submitted = self._submit(model, engine, {n: list(job_overrides[n - initial_job_idx]) for n in numbers})
                _remember(sweep, {folders[number].name: job.job_id for number, job in submitted.items()})
                jobs |= submitted
        except SalmonError as error:
            raise SystemExit(f"salmon: {error}") from None
        returns |= await_jobs(jobs, folders)
        return [returns[number] for number in planned]

    def _composed(self, overrides: Sequence[str], number: int) -> DictConfig:
        assert self.hydra_context is not None and self.config is not None
        composed = self.hydra_context.config_loader.load_sweep_config(self.config, list(overrides))
        with open_dict(composed):
            composed.hydra.job.num = number
        return composed

    def _still_there(self, sweep: Path, names: Mapping[int, str]) -> dict[int, Job[Any]]:
        """Jobs that an earlier start of this sweep submitted and that have not ended."""
        ids = read_state(sweep / IDS) or {}
        known = {number: ids[name] for number, name in names.items() if name in ids}
        alive = queued() if known else set()
        return {number: SlurmJob(self.params["submitit_folder"], id_) for number, id_ in known.items() if id_ in alive}

    def _submit(self, model: str, engine: str, overrides: Mapping[int, list[str]]) -> dict[int, Job[Any]]:
        """One job array. Raises ``SalmonError`` where submitit or Slurm refuses it."""
        parameters = with_processes(self.params | self.by_model.get(model, {}), engine)
        folder, retries = parameters.pop("submitit_folder"), parameters.pop("max_num_timeout")
        prefixed = {
            name if name in _OF_ALL_CLUSTERS else f"{self._EXECUTOR}_{name}": value
            for name, value in parameters.items()
        }
        arguments = [
            (given, "hydra.sweep.dir", number, f"job_id_for_{number}", Singleton.get_state())
            for number, given in overrides.items()
        ]
        try:
            executor = submitit.AutoExecutor(folder, self._EXECUTOR, slurm_max_num_timeout=retries)
            executor.update_parameters(**prefixed)
            jobs = executor.map_array(self, *zip(*arguments, strict=True))
        except (FailedSubmissionError, NameError, AssertionError, RuntimeError, subprocess.SubprocessError) as error:
            raise SalmonError(f"the jobs of model={model} were not submitted (hydra.launcher): {error}") from error
        for job, (number, given) in zip(jobs, overrides.items(), strict=True):
            log.info("#%d is Slurm job %s: %s", number, job.job_id, " ".join(filter_overrides(given)))
        return dict(zip(overrides, jobs, strict=True))


def with_processes(parameters: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """The parameters of jobs with this engine: unless ``tasks_per_node`` says another number, a task a GPU.

    Raises:
        SalmonError: several tasks or nodes for a job of one process.
    """
    nodes, tasks = parameters.get("nodes") or 1, parameters.get("tasks_per_node")
    if engine != Engine.single.name:
        return {**parameters, "tasks_per_node": tasks or parameters.get("gpus_per_node") or 1}
    if nodes * (tasks or 1) != 1:
        raise SalmonError(
            f"hydra.launcher: nodes={nodes}, tasks_per_node={tasks or 1}, but with engine=single a job "
            "is one process: add engine=ddp, zero2 or zero3, or leave both at 1"
        )
    return {**parameters, "tasks_per_node": 1}


def by_choice(jobs: Mapping[int, DictConfig]) -> list[tuple[tuple[str, str], list[int]]]:
    """Numbers of the jobs of each choice of ``model`` with each engine."""
    groups: dict[tuple[str, str], list[int]] = {}
    for number, job in jobs.items():
        kind = job.engine.kind
        groups.setdefault((str(job.hydra.runtime.choices.model), getattr(kind, "name", kind)), []).append(number)
    return list(groups.items())


def is_finished(folder: Path, composed: DictConfig) -> bool:
    """Whether the job ran to its end with this very config, and its artifacts are still in the store."""
    if not (folder / ".hydra" / "config.yaml").is_file() or not read_job(folder).finished:
        return False
    task = copy.deepcopy(composed)
    with flag_override(task, ["struct", "readonly"], False):
        del task["hydra"]
    return OmegaConf.to_yaml(task) == (folder / ".hydra" / "config.yaml").read_text(encoding="utf-8")


def _remember(sweep: Path, ids: Mapping[str, str]) -> None:
    with storage_errors(sweep):
        (sweep / IDS).parent.mkdir(parents=True, exist_ok=True)
        write_json_atomic(sweep / IDS, (read_state(sweep / IDS) or {}) | dict(ids))
