"""The pipeline with stand-ins for the stages' code: what is made, reused, remade, continued and refused."""

import errno
import importlib.metadata
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

from salmon.config.extensions import stage_names
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.distributed.termination import Terminated
from salmon.errors import SalmonError, Unfinished
from salmon.pipeline import job as job_module
from salmon.pipeline import pipeline
from salmon.pipeline.job import run_job
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.pipeline.registry import STAGES
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.spec import StageSpec

pytestmark = pytest.mark.slow

register()

ALL = ["sft", "preferences", "reward", "ppo", "eval of sft", "eval of ppo"]
METRICS = {  # what each stand-in reaches
    "sft": {"sft/loss": 1.5},
    "preferences": {"pairs/rows_train": 7.0},
    "reward": {"held_out/accuracy": 0.75},
    "ppo": {"held_out/reward_best": 2.0},
    "eval": {"eval/sft/bbh/exact_match": 0.25},
}
ROWS = [
    {
        "checkpoint": "sft",
        "task": "bbh",
        "metric": "exact_match",
        "value": 0.25,
        "stderr": None,
        "n": 4,
        "note": "made up",
    }
]


def questions(text: str) -> str:
    """Rows of prompts, more than any stage of the tiny config takes."""
    return "".join(json.dumps({"prompt": f"{text}, {number}?"}) + "\n" for number in range(64))


@dataclass
class StandIns:
    """Stages that write one file and count how often they run."""

    ran: list[str] = field(default_factory=list)  # "eval of ppo" for the eval stage
    found: dict[str, list[str]] = field(default_factory=dict)  # files that a stage found in its work folder
    inputs: dict[str, dict[str, str]] = field(default_factory=dict)  # artifact names by input
    failing: dict[str, BaseException] = field(default_factory=dict)
    uses_base: bool = False
    overviews: list[str] = field(default_factory=list)  # stages whose runs were drawn together

    def code_of(self, spec: StageSpec) -> Callable[..., dict[str, float]]:
        def run(cfg: Config, ctx: Any) -> dict[str, float]:
            label = spec.name if spec.name != "eval" else f"eval of {ctx.inputs['checkpoint'].stage}"
            self.ran.append(label)
            self.found[label] = sorted(path.name for path in ctx.work.iterdir() if path.suffix == ".txt")
            self.inputs[label] = {name: artifact.name for name, artifact in ctx.inputs.items()}
            (ctx.work / "half.txt").write_text("half")
            if label in self.failing:
                raise self.failing[label]
            if self.uses_base:
                assert ctx.shared() is ctx.shared()
            if spec.name == "ppo":
                ctx.checkpoints["ppo_step_2"] = "checkpoints/step_2"
                ctx.steps.update({"ppo_best": 3, "ppo_step_2": 2})
            for folder in (*spec.checkpoints.values(), *ctx.checkpoints.values()):
                (ctx.work / folder).mkdir(parents=True)
            if spec.name == "eval":
                (ctx.work / "results.json").write_text(json.dumps({"rows": ROWS}))
            return dict(METRICS[spec.name])

        return run


@contextmanager
def standing_in(stand_ins: StandIns) -> Iterator[StandIns]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StageSpec, "run", property(stand_ins.code_of))
        patch.setattr(StageSpec, "draw_overview", lambda spec, folder: stand_ins.overviews.append(spec.name))
        patch.setattr(StageSpec, "conclude", lambda spec, folder: [])
        patch.setattr(job_module, "preflight", lambda *_: None)
        patch.setattr(pipeline, "git_revision", lambda: "abc")  # three processes a stage
        patch.setattr(pipeline, "versions", lambda: {"torch": "9"})  # reads the metadata of 14 packages
        yield stand_ins


@pytest.fixture
def stages() -> Iterator[StandIns]:
    with standing_in(StandIns()) as stand_ins:
        yield stand_ins


@pytest.fixture(scope="module")
def tiny() -> DictConfig:
    with initialize_config_dir(CONF, version_base="1.3"):
        return compose("config", overrides=["+experiment=self_judged", "model=tiny", "tracking=disabled"])


class Base:
    """Stands for the shared model."""

    def __init__(self) -> None:
        self.cleared = 0

    def clear(self) -> None:
        self.cleared += 1


@dataclass
class Job:
    """Runs the pipeline of the tiny config with some values changed, always on one store."""

    composed: DictConfig
    folder: Path
    stages: StandIns
    loaded: list[Base] = field(default_factory=list)

    def config(self, **changes: Any) -> Config:
        config = self.composed.copy()
        paths = {"paths.store": str(self.folder / "store"), "paths.wandb": str(self.folder), "paths.cache": "none"}
        for key, value in {**paths, **changes}.items():
            OmegaConf.update(config, key, value, merge=False)
        return to_typed(config, Config)

    def load(self) -> Base:
        self.loaded.append(Base())
        return self.loaded[-1]

    def run(self, told: list[str] | None = None, **changes: Any) -> list[Execution]:
        cfg = self.config(**changes)
        resolved = {"ppo": {"rollout_batch": cfg.ppo.rollout_batch}}
        pipeline = Pipeline(cfg, resolved, self.load, transformers_sampler)  # type: ignore[arg-type]
        return pipeline.run((told if told is not None else []).append)

    def made(self, **changes: Any) -> list[str]:
        """Labels of what a run made rather than reused; checked against the stand-ins that ran."""
        before = len(self.stages.ran)
        executions = self.run(**changes)
        made = [e.label for e in executions if not e.reused]
        assert made == self.stages.ran[before:]
        return made


@pytest.fixture
def job(tiny: DictConfig, tmp_path: Path, stages: StandIns) -> Job:
    return Job(tiny, tmp_path, stages)


# --- a first run -------------------------------------------------------------------------------


def test_all_stages_in_order_each_with_its_inputs(job: Job, stages: StandIns) -> None:
    told: list[str] = []
    executions = job.run(told)
    assert [e.label for e in executions] == told == stages.ran == ALL
    assert not any(e.reused for e in executions)
    name = {e.label: e.artifact.name for e in executions}
    assert stages.inputs == {
        "sft": {},
        "preferences": {"sft": name["sft"]},
        "reward": {"preferences": name["preferences"]},
        "ppo": {"sft": name["sft"], "reward": name["reward"]},
        "eval of sft": {"checkpoint": name["sft"]},
        "eval of ppo": {"checkpoint": name["ppo"]},
    }


def test_the_order_of_stages_in_the_config_is_irrelevant(job: Job) -> None:
    assert job.made(stages=["eval", "reward", "sft", "preferences"]) == ["sft", "preferences", "reward", "eval of sft"]


def test_what_the_manifest_says(job: Job) -> None:
    artifacts = {e.label: e.artifact for e in job.run()}
    manifest = artifacts["ppo"].manifest
    assert manifest["upstream"] == {"sft": artifacts["sft"].name, "reward": artifacts["reward"].name}
    assert manifest["checkpoints"] == {
        "ppo_best": "best/policy",
        "ppo_last": "last/policy",
        "ppo_step_2": "checkpoints/step_2",
    }
    assert artifacts["ppo"].steps == {"ppo_best": 3, "ppo_step_2": 2} and artifacts["sft"].steps == {}
    assert manifest["config"]["ppo"]["rollout_batch"] == 8
    assert (manifest["versions"], manifest["git_revision"], manifest["wandb_run_id"]) == ({"torch": "9"}, "abc", None)
    assert set(manifest["metrics"]) == {"held_out/reward_best", "time/total_s", "perf/peak_memory_gib"}
    assert manifest["metrics"]["held_out/reward_best"] == 2.0
    assert "half.txt" in manifest["files"]
    assert artifacts["sft"].checkpoints == {"sft": artifacts["sft"].path / "policy"}


def test_the_base_is_loaded_once_and_only_if_a_stage_asks(job: Job, stages: StandIns) -> None:
    job.run(stages=["sft"])
    assert job.loaded == []
    stages.uses_base = True
    job.run()  # preferences, reward, ppo, two evals; sft is reused
    assert len(job.loaded) == 1
    assert job.loaded[0].cleared == 3 * 5  # at each of two requests, and after each stage


# --- reuse -------------------------------------------------------------------------------------


def test_a_second_run_makes_nothing(job: Job) -> None:
    first = job.run()
    assert job.made() == []
    second = job.run()
    assert all(e.reused for e in second)
    assert [e.artifact.path for e in second] == [e.artifact.path for e in first]


LATER = ["preferences", "reward", "ppo", "eval of ppo"]
CHANGES: list[tuple[dict[str, Any], list[str]]] = [
    ({"seed": 1}, ALL),
    ({"model.lora.r": 8}, ALL),
    ({"model.system_prompt": "Be brief."}, ALL),
    ({"sft.train.optim.lr": 0.5}, ALL),
    ({"principles.exemplars": "EXEMPLARS.yaml"}, ALL),  # tiny's demonstrations
    ({"preferences.aggregation.label_noise": 0.2}, LATER),
    ({"preferences.sampling.temperature": 0.9}, LATER),
    ({"principles.reward_exclude": []}, LATER),
    ({"reward.train.optim.lr": 0.5}, ["reward", "ppo", "eval of ppo"]),
    ({"reward.max_length": 4000}, ["reward", "ppo", "eval of ppo"]),
    ({"prompts.max_tokens": 200}, LATER),  # tiny's sft reads no prompts
    ({"prompts.preferences": "PROMPTS"}, LATER),
    ({"prompts.ppo": "PROMPTS"}, ["ppo", "eval of ppo"]),
    ({"ppo.kl.coefficient": 0.5}, ["ppo", "eval of ppo"]),
    ({"ppo.sampling.temperature": 0.9}, ["ppo", "eval of ppo"]),
    ({"principles.rl": "honest_8"}, ["ppo", "eval of ppo"]),
    ({"principles.interventions": None}, ["ppo", "eval of ppo"]),
    ({"eval.limit": 1}, ["eval of sft", "eval of ppo"]),
    ({"eval.bbh.max_new_tokens": 5}, ["eval of sft", "eval of ppo"]),
]


@pytest.fixture(scope="module")
def made_once(tiny: DictConfig, tmp_path_factory: pytest.TempPathFactory) -> Job:
    with standing_in(StandIns()) as stand_ins:
        job = Job(tiny, tmp_path_factory.mktemp("finished"), stand_ins)
        (job.folder / "PROMPTS").write_text(questions("Why is the sky blue"))
        exemplars = yaml.safe_load((Path(CONF).parent / "salmon/principles/exemplars/self_align_6.yaml").read_text())
        fewer = exemplars | {"exemplars": exemplars["exemplars"][1:]}
        (job.folder / "EXEMPLARS.yaml").write_text(yaml.safe_dump(fewer))
        job.run()
    return job


@pytest.fixture
def finished(made_once: Job) -> Iterator[Job]:
    """A job that was run as it is; each test that takes it changes something else."""
    with standing_in(made_once.stages):
        yield made_once


@pytest.mark.parametrize(("changes", "remade"), CHANGES, ids=[" ".join(map(str, c)) for c, _ in CHANGES])
def test_a_changed_setting_remakes_what_depends_on_it(
    finished: Job, monkeypatch: pytest.MonkeyPatch, changes: dict, remade: list[str]
) -> None:
    monkeypatch.chdir(finished.folder)
    assert finished.made(**changes) == remade
    assert finished.made() == [], "the old artifacts are still there"


def test_cosmetic_settings_remake_nothing(finished: Job) -> None:
    changes: dict[str, Any] = {
        "model.device": "auto",
        "model.gradient_checkpointing": True,
        "sft.sampling.batch_size": 3,
        "sft.train.micro_batch_size": 1,
        "sft.train.save_every": 9,
        "preferences.sampling.batch_size": 5,
        "reward.train.micro_batch_size": 2,
        "ppo.micro_batch_size": 1,
        "ppo.sampling.batch_size": 2,
        "ppo.save_every": 7,
        "eval.batch_size": 1,
        "eval.mt_bench.judge.timeout_s": 5.0,
        "prompts.on_bad_line": "skip",
        "name": "another",
        "principles.name": "another",
        "tracking.project": "another",
        "tracking.tags": ["x"],
        "tracking.sample_rows": 1,
        "paths.cache": "elsewhere",
        "paths.wandb": str(finished.folder / "elsewhere"),
    }
    assert finished.made(**changes) == []


def test_another_seed_shares_nothing_and_both_stay(job: Job) -> None:
    job.run()
    assert job.made(seed=1) == ALL
    assert job.made(seed=0) == job.made(seed=1) == []


def test_other_weights_at_the_same_path_remake_everything(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(job.folder)
    folder = job.folder / "base"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"weights")
    job.run(**{"model.path": str(folder)})
    assert job.made(**{"model.path": "base"}) == job.made(**{"model.path": "./base"}) == []
    (folder / "model.safetensors").write_bytes(b"Weights")
    assert job.made(**{"model.path": str(folder)}) == ALL


def test_the_format_that_auto_is_remakes_everything(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.run(**{"model.dtype": "auto"})
    assert job.made(**{"model.dtype": "float32"}) == []
    monkeypatch.setattr("salmon.models.device.pick_dtype", lambda dtype, device: torch.bfloat16)
    assert job.made(**{"model.dtype": "auto"}) == ALL


# --- principles in files -----------------------------------------------------------------------


def bank(path: Path, text: str) -> str:
    principles = [{"name": "Kind", "definition": text, "negative_definition": "The response is unkind."}]
    path.write_text(yaml.safe_dump({"principles": principles}))
    return str(path)


USERS = {"reward": LATER, "rl": ["ppo", "eval of ppo"], "interventions": ["ppo", "eval of ppo"], "self_align": []}


@pytest.mark.parametrize("use", USERS)
def test_an_edited_principle_remakes_its_users(job: Job, use: str) -> None:
    settings = {
        f"principles.{use}": bank(job.folder / "mine.yaml", "The response is kind."),
        "principles.reward_exclude": [],
    }
    job.run(**settings)
    assert job.made(**settings) == []
    bank(job.folder / "mine.yaml", "The response is kind to everybody.")
    assert job.made(**settings) == USERS[use]


def test_an_edited_rule_remakes_self_aligned_answers(job: Job) -> None:
    settings = {"principles.self_align": bank(job.folder / "rules.yaml", "Be kind."), "sft.source": "self_align"}
    job.run(**settings)
    bank(job.folder / "rules.yaml", "Be kind to everybody.")
    assert job.made(**settings) == ALL


def test_a_moved_file_of_the_same_principles_remakes_nothing(job: Job) -> None:
    job.run(**{"principles.rl": bank(job.folder / "here.yaml", "The response is kind.")})
    assert job.made(**{"principles.rl": bank(job.folder / "there.yaml", "The response is kind.")}) == []


def test_edited_prompts_remake_their_users(job: Job) -> None:
    prompts = job.folder / "mine.jsonl"
    prompts.write_text(questions("Why is the sky blue"))
    job.run(**{"prompts.ppo": str(prompts)})
    prompts.write_text(questions("Why is grass green"))
    assert job.made(**{"prompts.ppo": str(prompts)}) == ["ppo", "eval of ppo"]


@pytest.mark.parametrize(
    ("task", "row"),
    [("pairs", {"prompt": "Why?", "chosen": "So.", "rejected": "No."}), ("probes", {"prompt": "Why?"})],
)
def test_edited_files_of_an_evaluation_remake_it(job: Job, task: str, row: dict[str, str]) -> None:
    file, other = job.folder / "mine.jsonl", job.folder / "tasks" / "honest" / "task.json"
    other.parent.mkdir(parents=True)
    other.write_text(json.dumps([row]))
    second = other.parent.parent if task == "pairs" else other  # pairs may also be a folder
    given = {"eval.tasks": ["bbh", task], f"eval.{task}.files": {"one": str(file), "two": str(second)}}
    file.write_text(json.dumps(row) + "\n")
    evals = [name for name in job.made(**given) if name.startswith("eval")]
    assert "eval of sft" in evals and job.made(**given) == []
    file.write_text(json.dumps(row) + "\n\n")
    assert job.made(**given) == evals
    other.write_text(json.dumps([row, row]))
    assert job.made(**given) == evals


# --- some of the stages ------------------------------------------------------------------------


def test_stages_that_are_not_chosen_are_taken_from_the_store(job: Job, stages: StandIns) -> None:
    names = {e.label: e.artifact.name for e in job.run(stages=["sft", "preferences", "reward"])}
    executions = job.run(stages=["ppo"])
    assert [e.label for e in executions] == ["ppo"]
    assert stages.inputs["ppo"] == {"sft": names["sft"], "reward": names["reward"]}


@pytest.mark.parametrize(
    ("chosen", "evaluated"),
    [
        (["eval"], ["eval of sft", "eval of ppo"]),  # all there is
        (["ppo", "eval"], ["eval of sft", "eval of ppo"]),  # what the job made, and what it started from
        (["sft", "eval"], ["eval of sft"]),
        (["reward", "eval"], ["eval of sft"]),
    ],
)
def test_which_checkpoints_are_evaluated(job: Job, chosen: list[str], evaluated: list[str]) -> None:
    job.run(stages=["sft", "preferences", "reward", "ppo"])
    assert [e.label for e in job.run(stages=chosen) if e.label.startswith("eval")] == evaluated


FOLLOWING = ["principle_following"]


@pytest.mark.parametrize(
    ("chosen", "tasks", "evaluated"),
    [
        (["eval"], FOLLOWING, ["eval of reward"]),  # no policy is measured by it
        (["ppo", "eval"], FOLLOWING, ["eval of reward"]),  # the one that the policy was trained on
        (["eval"], ["bbh", *FOLLOWING], ["eval of sft", "eval of ppo", "eval of reward"]),
        (["eval"], ["pairs"], ["eval of sft", "eval of ppo", "eval of reward"]),  # both kinds are measured by it
        (["eval"], ["probes"], ["eval of sft", "eval of ppo"]),
        (["ppo", "eval"], ["bbh", *FOLLOWING], ["eval of sft", "eval of ppo"]),  # what the job made, and its start
        (["sft", "preferences", "reward", "eval"], ["bbh", *FOLLOWING], ["eval of sft", "eval of reward"]),
    ],
)
def test_which_checkpoints_the_tasks_are_about(
    job: Job, stages: StandIns, chosen: list[str], tasks: list[str], evaluated: list[str]
) -> None:
    names = {e.label: e.artifact.name for e in job.run(stages=["sft", "preferences", "reward", "ppo"])}
    executions = job.run(stages=chosen, **{"eval.tasks": tasks})
    assert [e.label for e in executions if e.label.startswith("eval")] == evaluated
    if "eval of reward" in evaluated:
        assert stages.inputs["eval of reward"] == {"checkpoint": names["reward"]}


@pytest.mark.parametrize("chosen", [["eval"], ["sft", "eval"]])
def test_no_reward_model_to_evaluate_is_an_error(job: Job, stages: StandIns, chosen: list[str]) -> None:
    with pytest.raises(SalmonError, match=r"needs the result of stage.*stages=\[sft,preferences,reward,eval\]"):
        job.run(stages=chosen, **{"eval.tasks": FOLLOWING})
    assert stages.ran == []


def test_a_missing_input_is_named_with_the_stages_to_add(job: Job, stages: StandIns) -> None:
    job.run(stages=["sft"])
    with pytest.raises(SalmonError) as caught:
        job.run(stages=["reward", "eval"])
    assert str(caught.value) == (
        f"stage reward needs the result of stage preferences for this config, and {job.folder}/store does not have it. "
        "Run it too: stages=[preferences,reward,eval]"
    )
    assert stages.ran == ["sft"]


def test_an_input_of_other_settings_does_not_count(job: Job) -> None:
    job.run(stages=["sft"])
    with pytest.raises(SalmonError, match=r"stage preferences needs the result of stage sft for this config"):
        job.run(stages=["preferences"], seed=1)


def test_all_stages_to_add_are_named(job: Job) -> None:
    with pytest.raises(SalmonError, match=r"stages=\[sft,preferences,reward,ppo\]"):
        job.run(stages=["ppo"])


def test_a_missing_input_is_found_before_anything_runs(job: Job, stages: StandIns) -> None:
    with pytest.raises(SalmonError, match="stage ppo needs the result of stage reward"):
        job.run(stages=["sft", "ppo"])
    assert stages.ran == []


@pytest.mark.parametrize("change", [{"principles.rl": "nowhere.yaml"}, {"prompts.ppo": "nowhere.jsonl"}], ids=str)
def test_a_missing_file_is_found_before_anything_runs(job: Job, stages: StandIns, change: dict) -> None:
    with pytest.raises(SalmonError, match="there is no file"):
        job.run(**change)
    assert stages.ran == []


def test_nothing_to_evaluate_is_an_error(job: Job) -> None:
    with pytest.raises(SalmonError, match="eval"):
        job.run(stages=["eval"])


# --- failure and continuation ------------------------------------------------------------------


@pytest.fixture
def job_folder(tmp_path: Path) -> Path:
    (tmp_path / "job").mkdir()
    return tmp_path / "job"


@pytest.mark.parametrize(
    ("error", "state", "said"),
    [
        (SalmonError("the loss is nan at step 3"), "failed", "the loss is nan at step 3"),
        (KeyboardInterrupt(), "interrupted", "by SIGINT; the same command continues it"),
        (Terminated(), "interrupted", "by SIGTERM; the same command continues it"),
        (ZeroDivisionError("our bug"), "failed", "our bug"),
    ],
    ids=["user's", "Ctrl-C", "SIGTERM", "ours"],
)
def test_a_failing_stage_is_recorded_and_continued(
    job: Job,
    stages: StandIns,
    job_folder: Path,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    state: str,
    said: str,
) -> None:
    stages.failing["reward"] = error
    with pytest.raises(type(error)):
        run_job(job.config(), {}, job_folder)
    status = json.loads((job_folder / "status.json").read_text())
    assert (status["state"], status["stage"], status["error"]) == (state, "reward", said)
    assert not (job_folder / "results.json").exists()
    assert capsys.readouterr().out == ""
    (partial,) = (job.folder / "store" / "reward").glob("*.partial")
    assert (partial / "half.txt").read_text() == "half"
    assert not partial.with_suffix("").exists(), "a half-made artifact is never taken for a whole one"

    stages.failing.clear()
    run_job(job.config(), {}, job_folder)
    assert stages.ran == ["sft", "preferences", "reward", "reward", "ppo", "eval of sft", "eval of ppo"]
    assert stages.found["reward"] == ["half.txt"], "the second try works where the first one stopped"
    assert stages.found["ppo"] == []
    assert not partial.exists() and partial.with_suffix("").is_dir()
    assert json.loads((job_folder / "status.json").read_text())["state"] == "finished"


def test_an_unfinished_evaluation_ends_the_job_after_the_others(
    job: Job, stages: StandIns, job_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stages.failing["eval of sft"] = Unfinished("3 calls failed")
    with pytest.raises(Unfinished, match="eval of sft: 3 calls failed"):
        run_job(job.config(), {}, job_folder)
    assert stages.ran == ALL, "the other evaluations do not wait for it"
    assert json.loads((job_folder / "status.json").read_text())["state"] == "failed"
    assert list(json.loads((job_folder / "results.json").read_text())) == [e for e in ALL if e != "eval of sft"]
    assert "eval of ppo" in capsys.readouterr().out, "what was made is shown"
    stages.failing.clear()
    run_job(job.config(), {}, job_folder)
    assert stages.ran == [*ALL, "eval of sft"], "nothing else is made again"


def test_a_full_disk_anywhere_in_a_stage_is_one_message(job: Job, stages: StandIns) -> None:
    stages.failing["reward"] = OSError(errno.ENOSPC, "No space left on device", "/tmp/rows")
    with pytest.raises(SalmonError, match="disk is full"):
        job.run()
    stages.failing["reward"] = PermissionError(errno.EACCES, "Permission denied", "/somewhere/else")
    with pytest.raises(PermissionError):
        job.run()


def test_a_finished_job_leaves_its_state_results_and_links(
    job: Job, stages: StandIns, job_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job.run(stages=["sft"])
    run_job(job.config(), {}, job_folder)
    status = json.loads((job_folder / "status.json").read_text())
    assert {key: status[key] for key in ("state", "stage", "error")} == {
        "state": "finished",
        "stage": None,
        "error": None,
    }
    results = json.loads((job_folder / "results.json").read_text())
    assert list(results) == ALL and results["reward"]["held_out/accuracy"] == 0.75
    artifacts = json.loads((job_folder / "artifacts.json").read_text())
    assert [artifacts[label]["reused"] for label in ALL] == [True, False, False, False, False, False]
    links = {path.name: path.resolve() for path in (job_folder / "artifacts").iterdir()}
    assert links == {label.replace(" ", "_"): Path(artifacts[label]["path"]) for label in ALL}
    assert (links["sft"] / "manifest.json").is_file()
    out = capsys.readouterr().out
    assert stages.overviews == ["eval"], "once for its two runs"
    assert "held-out accuracy 0.75" in out and "0.250 (n=4)" in out and str(job_folder) in out
    page = job_folder / "page.html"
    assert f"see it:            {page}" in out and "held_out/accuracy" in page.read_text(encoding="utf-8")


def test_a_job_that_fails_leaves_what_it_made_and_a_page(job: Job, stages: StandIns, job_folder: Path) -> None:
    stages.failing["reward"] = SalmonError("step 3: loss is nan")
    with pytest.raises(SalmonError):
        run_job(job.config(), {}, job_folder)
    status = json.loads((job_folder / "status.json").read_text())
    assert status["state"] == "failed" and Path(status["work"], "half.txt").is_file()
    assert list(json.loads((job_folder / "artifacts.json").read_text())) == ["sft", "preferences"]
    page = (job_folder / "page.html").read_text(encoding="utf-8")
    assert "This job has failed in stage reward: step 3: loss is nan" in page and "preferences" in page


def test_a_page_that_cannot_be_made_takes_no_result_along(
    job: Job, stages: StandIns, job_folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(folder: Path) -> Path:
        raise KeyError("a fault of the page")

    monkeypatch.setattr("salmon.view.command.write_page", broken)
    run_job(job.config(), {}, job_folder)
    assert json.loads((job_folder / "status.json").read_text())["state"] == "finished"
    assert "a fault of the page" in caplog.text and f"salmon view {job_folder}" in caplog.text


def test_the_running_stage_can_be_watched(job: Job, stages: StandIns, job_folder: Path) -> None:
    seen = []

    def watching(spec: StageSpec) -> Any:
        status = json.loads((job_folder / "status.json").read_text())
        seen.append((status["state"], status["stage"]))
        return stages.code_of(spec)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(StageSpec, "run", property(watching))
        run_job(job.config(), {}, job_folder)
    assert seen == [("running", label) for label in ALL]


def test_a_metric_without_definition_is_our_bug(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "sft", {"sft/lss": 1.0})
    with pytest.raises(ValueError, match=r"'sft/lss' is no metric of stage 'sft'"):
        job.run()


# --- where a stage's code is -------------------------------------------------------------------


def test_code_of_a_stage_is_its_modules_run() -> None:
    from salmon.reward import stage as reward

    assert STAGES["reward"].run is reward.run


def test_code_above_salmon_is_reached_by_its_entry_point() -> None:
    from eval import stage as evaluation

    assert STAGES["eval"].run is evaluation.run


def test_a_stage_whose_entry_point_is_not_installed_is_unknown(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salmon.config.extensions.entry_points", lambda group: importlib.metadata.EntryPoints())
    stage_names.cache_clear()
    try:
        with pytest.raises(SalmonError, match="stages: unknown 'eval'"):
            job.config(stages=["eval"])
    finally:
        stage_names.cache_clear()


def test_the_projects_own_entry_points_are_declared() -> None:
    points = {
        group: importlib.metadata.entry_points(group=group)
        for group in ("salmon.stages", "salmon.config", "salmon.metrics")
    }
    assert {group: [(point.name, point.value) for point in found] for group, found in points.items()} == {
        "salmon.stages": [("eval", "eval.spec:SPEC")],
        "salmon.config": [("eval", "eval.extension:EXTENSION")],
        "salmon.metrics": [("eval", "eval.glossary:METRICS")],
    }
