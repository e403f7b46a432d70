"""Run the chosen stages in order; make each artifact once, reuse what is there, continue what was interrupted."""

import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from salmon.config.schema import Config
from salmon.distributed.world import world
from salmon.errors import SalmonError, Unfinished, check_all
from salmon.pipeline.registry import STAGES
from salmon.plan.devices import this_device
from salmon.plan.out_of_memory import explained
from salmon.plan.planner import tokens_at_once
from salmon.runtime.environment import git_revision, peak_memory_gib, reset_peak_memory, versions
from salmon.runtime.files import storage_errors
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.micro_batches import TOKENS
from salmon.runtime.progress import format_duration
from salmon.runtime.store import Artifact, Store
from salmon.stage.spec import StageSpec
from salmon.tracking.run_description import CELL, RunDescription
from salmon.tracking.tracker import Tracker, start_tracking

if TYPE_CHECKING:
    from salmon.models.base import SharedModel
    from salmon.sampling.sampler import Sampler

log = logging.getLogger("salmon")


@dataclass(frozen=True)
class Execution:
    """One stage run, or found finished."""

    label: str  # "ppo", "eval of sft"
    artifact: Artifact
    reused: bool


@dataclass
class Pipeline:
    """One job: a config, its store, and what its stages share: the base model and the sampler of responses."""

    cfg: Config
    resolved: dict[str, Any]  # the config as plain containers, for trackers and manifests
    load_base: Callable[[], "SharedModel"]
    sampler: "Sampler"
    # Tries the base for the stages that will be made, before the first of them.
    preflight: Callable[[Sequence[str], Callable[[], "SharedModel"]], None] = lambda stages, base: None
    cell: str = ""  # what was asked of the job, without its seeds; for trackers
    on_work: Callable[[Path], None] = lambda work: None  # gets the folder that a stage is about to be made in
    executions: list[Execution] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)  # what lacks in stages that no other one waits for
    _shared: "SharedModel | None" = None
    _model: dict[str, Any] = field(default_factory=dict)
    _settings: dict[str, Any] = field(default_factory=dict)  # by stage; reading them hashes whole prompt files

    def run(self, on_progress: Callable[[str], None]) -> list[Execution]:
        """Run the configured stages; ``on_progress`` gets the label of each before it starts.

        Raises:
            SalmonError: a stage's input is neither made by this job nor in the store, or a stage fails.
        """
        self._model_identity()  # asked by all processes, before what the first one does alone
        check_all(partial(self._settings_of, spec) for spec in self._chosen().values())
        made = self._artifacts_in_store()
        self._check_inputs(made)
        if missing := world().on_main(lambda: self._to_be_made(made)):
            with explained(self.cfg, missing[0], "before the first stage"), world().guarding_collectives():
                self.preflight(missing, self._base)
        for name, spec in self._chosen().items():
            if spec.subjects is None:
                on_progress(name)
                made[name] = self._execute(spec, {stage: made[stage] for stage in spec.reads(self.cfg)}, name)
                continue
            for source in self._subjects_of(spec, made):
                label = f"{name} of {source}"
                on_progress(label)
                try:
                    self._execute(spec, {"checkpoint": made[source]}, label)
                except Unfinished as lacking:  # the other subjects do not wait for it
                    log.warning("%s: %s", label, lacking)
                    self.unfinished.append(f"{label}: {lacking}")
        return self.executions

    def _chosen(self) -> dict[str, StageSpec]:
        return {name: spec for name, spec in STAGES.items() if name in self.cfg.stages}

    def _subjects_of(self, spec: StageSpec, made: Mapping[str, Artifact]) -> list[str]:
        """Stages whose artifacts a stage with subjects is run on.

        With other stages in the job, what these made and the first subject; alone it takes all that is there.
        """
        assert spec.subjects is not None
        possible = spec.subjects(self.cfg)
        others = [name for name, other in self._chosen().items() if other.subjects is None]
        return [name for name in possible if name in made and (not others or name in others or name == possible[0])]

    def _to_be_made(self, found: Mapping[str, Artifact]) -> list[str]:
        """Chosen stages that the store lacks an artifact of."""
        chosen, store = self._chosen(), self._store()
        missing = [name for name, spec in chosen.items() if spec.subjects is None and name not in found]
        for name, spec in chosen.items():
            if spec.subjects is not None:
                known = (self._fingerprint(spec, {"checkpoint": found[s]}) for s in self._subjects_of(spec, found))
                coming = set(missing) & set(spec.subjects(self.cfg))
                if coming or any(store.find(name, key) is None for key in known):
                    missing.append(name)
        return missing

    def _check_inputs(self, found: Mapping[str, Artifact]) -> None:
        """Refuse now what would stop a later stage after hours: an input that is not there, a file that is damaged.

        Raises:
            SalmonError: names every stage to add, or every problem of the files.
        """
        chosen = self._chosen()
        lacking: dict[str, str] = {}  # stage -> what needs it
        waiting = [name for name, spec in chosen.items() if spec.subjects is None]
        for name, spec in chosen.items():
            subjects = spec.subjects(self.cfg) if spec.subjects else ()
            if subjects and not any(stage in found or stage in chosen for stage in subjects):
                lacking[subjects[0]] = name
                waiting.append(subjects[0])
        while waiting:
            name = waiting.pop()
            for stage in STAGES[name].reads(self.cfg):
                if stage not in found and stage not in chosen and stage not in lacking:
                    lacking[stage] = name
                    waiting.append(stage)
        if lacking:
            first = next(stage for stage in reversed(STAGES) if stage in lacking)
            wanted = [name for name in STAGES if name in lacking or name in chosen]
            raise SalmonError(
                f"stage {lacking[first]} needs the result of stage {first} for this config, and "
                f"{self.cfg.paths.store} does not have it. Run it too: stages=[{','.join(wanted)}]"
            )
        unread = dict.fromkeys(spec.check for name, spec in chosen.items() if name not in found)  # stages may share one
        check_all(partial(check, self.cfg) for check in unread)

    def _artifacts_in_store(self) -> dict[str, Artifact]:
        """Finished artifacts of this config, as far as their inputs are finished too; those to be used are checked."""
        return world().on_main(self._found_in_store)  # so that all processes go by one answer

    def _found_in_store(self) -> dict[str, Artifact]:
        store, used = self._store(), self._used()
        found: dict[str, Artifact] = {}
        for name, spec in STAGES.items():
            upstream = spec.reads(self.cfg)
            if all(stage in found for stage in upstream):
                look = store.get if name in used else store.find
                artifact = look(name, self._fingerprint(spec, {stage: found[stage] for stage in upstream}))
                if artifact:
                    found[name] = artifact
        return found

    def _used(self) -> set[str]:
        """Stages whose artifacts this job makes, reuses or reads."""
        chosen = self._chosen()
        read = {stage for spec in chosen.values() for stage in spec.reads(self.cfg)}
        return {
            *chosen,
            *read,
            *(stage for spec in chosen.values() if spec.subjects for stage in spec.subjects(self.cfg)),
        }

    def _model_identity(self) -> dict[str, Any]:
        """What decides what the base computes: one answer for all processes and stages."""
        if not self._model:
            from salmon.models.identity import model_identity  # torch

            self._model = world().on_main(lambda: model_identity(self.cfg.model, Path(self.cfg.paths.cache)))
        return self._model

    def _settings_of(self, spec: StageSpec) -> dict[str, Any]:
        """Everything that decides the stage's result besides its inputs, read once a job."""
        if spec.name not in self._settings:
            self._settings[spec.name] = {
                "seed": self.cfg.seed,
                "model": self._model_identity(),
                **spec.settings(self.cfg),
            }
        return self._settings[spec.name]

    def _fingerprint(self, spec: StageSpec, inputs: Mapping[str, Artifact]) -> str:
        return fingerprint(
            spec.name,
            spec.version,
            self._settings_of(spec),
            {name: f"{artifact.stage}-{artifact.fingerprint}" for name, artifact in inputs.items()},
        )

    def _store(self) -> Store:
        return Store(Path(self.cfg.paths.store).expanduser().absolute(), self.cfg.paths.on_damage)

    def _execute(self, spec: StageSpec, inputs: Mapping[str, Artifact], label: str) -> Artifact:
        """Find the artifact, or make it under the store's lock."""
        artifact, reused = self._find_or_make(spec, inputs, label)
        if reused:
            log.info("%s: reused, made before with the same settings (%s)", label, artifact.path)
        self.executions.append(Execution(label, artifact, reused))
        return artifact

    def _find_or_make(self, spec: StageSpec, inputs: Mapping[str, Artifact], label: str) -> tuple[Artifact, bool]:
        """The artifact, and whether it was there; of several processes the first looks, and holds the lock."""
        store, here = self._store(), world()
        key = self._fingerprint(spec, inputs)
        artifact = here.on_main(lambda: store.get(spec.name, key))
        if artifact is not None:
            return artifact, True
        with ExitStack() as held:
            here.on_main(lambda: held.enter_context(store.lock(spec.name, key)))
            artifact = here.on_main(lambda: store.get(spec.name, key))  # another job may have made it while we waited
            if artifact is not None:
                return artifact, True
            return self._make(spec, inputs, store, key, label), False

    def _make(self, spec: StageSpec, inputs: Mapping[str, Artifact], store: Store, key: str, label: str) -> Artifact:
        """Run the stage in its work folder and commit what it made."""
        from salmon.stage.context import StageContext

        cfg, work = self.cfg, world().on_main(lambda: _work_on(store, spec.name, key, inputs.values()))
        log.info("%s: starts (%s)", label, work)
        self.on_work(work)
        reset_peak_memory()
        began = time.perf_counter()
        with self._tracker(spec, inputs, work, label) as tracker:
            base = partial(self._base_of, spec.name)
            context = StageContext(work, inputs, tracker, base, self.sampler, cfg.tracking.sample_rows)
            full = storage_errors(work, only_full=True)
            with full, explained(cfg, spec.name, label), world().guarding_collectives():
                metrics = spec.run(cfg, context)
            metrics |= {"time/total_s": time.perf_counter() - began, "perf/peak_memory_gib": peak_memory_gib()}
            artifact = world().on_main(
                lambda: store.commit(
                    spec.name,
                    key,
                    {
                        "config": self.resolved,
                        "upstream": {name: a.name for name, a in inputs.items()},
                        "metrics": metrics,
                        "checkpoints": {**spec.checkpoints, **context.checkpoints},
                        "steps": context.steps,
                        "versions": versions(),
                        "git_revision": git_revision(),
                        "wandb_run_id": tracker.run_id,
                    },
                )
            )
            tracker.summary(metrics)
            tracker.output(artifact.name, artifact.path, {"stage": spec.name, "metrics": metrics})
        if self._shared:
            self._shared.clear()
        log.info("%s: done in %s (%s)", label, format_duration(metrics["time/total_s"]), artifact.path)
        return artifact

    def _tracker(self, spec: StageSpec, inputs: Mapping[str, Artifact], work: Path, label: str) -> Tracker:
        """The stage's record; in the first process only."""
        if world().rank:
            return Tracker(spec.name, None, None)
        cfg = self.cfg
        run = RunDescription(
            spec.name,
            work,
            {**self.resolved, CELL: self.cell},
            group=cfg.tracking.group or cfg.name,
            name=f"{cfg.name}-s{cfg.seed}-{label}".replace(" ", "-"),
            tags=[cfg.model.name, cfg.principles.name, *cfg.tracking.tags],
            inputs=inputs,
        )
        return start_tracking(cfg.tracking, run, Path(cfg.paths.wandb).expanduser())

    def _base_of(self, stage: str) -> "SharedModel":
        """The base, with what a micro-batch of a stage holds."""
        shared = self._base()
        try:
            shared.tokens_at_once = tokens_at_once(self.cfg, stage, this_device(self.cfg.model.device), world().size)
        except SalmonError as unknown:
            shared.tokens_at_once = TOKENS
            log.info("%s: micro-batches of auto have %d tokens, since there is no plan: %s", stage, TOKENS, unknown)
        return shared

    def _base(self) -> "SharedModel":
        """The base without adapters, loaded once a job."""
        if self._shared is None:
            self._shared = self.load_base()
        self._shared.clear()
        return self._shared


def _work_on(store: Store, stage: str, key: str, inputs: Iterable[Artifact]) -> Path:
    """The work folder of a stage, once its inputs are still as they were made."""
    for artifact in inputs:
        artifact.check()
    return store.work_dir(stage, key)
