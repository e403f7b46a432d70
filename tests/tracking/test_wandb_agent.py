"""A W&B sweep agent starts the app: the command that it makes, and whose run gets its id."""

import json
import os
import queue
from pathlib import Path
from typing import Any

import pytest
import wandb
import yaml
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, ROOT, register
from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.tracking.glossary import find
from salmon.tracking.run_description import RunDescription
from salmon.tracking.tracker import start_tracking
from salmon.tracking.wandb_agent import hidden_agent, sweep_agent
from tests.tracking.offline_runs import ReadBack, read_back

pytestmark = pytest.mark.slow

register()
EXAMPLES = sorted((ROOT / "sweeps/agent").glob("*.yaml"))
CHOSEN = {"ppo.kl.coefficient": 0.05, "ppo.seed": 2, "tracking.group": "kl-agent"}


class Started:
    """Stands for the process that the agent starts."""

    commands: list[tuple[list[str], dict[str, str]]] = []

    def __init__(self, command: list[str], env: dict[str, str], **_: Any) -> None:
        Started.commands.append((command, env))


@pytest.fixture
def agent_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[list[str], dict[str, str]]:
    """What W&B's own agent starts for the example with the values of CHOSEN: command and environment."""
    from wandb import wandb_agent

    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "WANDB_SWEEP_ID": "sweep1",
        "WANDB_DIR": str(tmp_path / "agent"),
        "WANDB_PROJECT": "theirs",
        "WANDB_RUN_ID": "",
        "WANDB_SWEEP_PARAM_PATH": "",
        "WANDB_DATA_DIR": "",
    }.items():
        monkeypatch.setenv(name, value)  # so that what the agent and the tracker set is undone after the test
    monkeypatch.delenv("WANDB_DATA_DIR")
    monkeypatch.setattr(wandb_agent, "AgentProcess", Started)
    agent = wandb_agent.Agent(None, queue.Queue(), sweep_id="sweep1")
    agent._sweep_command = yaml.safe_load((ROOT / "sweeps/agent/kl.yaml").read_text())["command"]
    arguments = {name: {"value": value} for name, value in CHOSEN.items()}
    response = agent._process_command({"type": "run", "run_id": "agentrun", "program": "salmon", "args": arguments})
    assert "exception" not in response, response
    return Started.commands[-1]


def test_there_is_an_example() -> None:
    assert [path.stem for path in EXAMPLES] == ["kl"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_a_lab_note_and_sweeps_what_exists(path: Path) -> None:
    header = "\n".join(line for line in path.read_text().splitlines() if line.startswith("#"))
    assert [part for part in ("Question:", "Command:", "Metrics:", "Seeds:", "Cost:") if part not in header] == []
    sweep = yaml.safe_load(path.read_text())
    stage = next(word.partition("=")[2] for word in sweep["command"] if word.startswith("tracking.sweep_stage="))
    assert find(sweep["metric"]["name"], stage) is not None
    assert CHOSEN.keys() == sweep["parameters"].keys(), "the tests below choose a value for each"


def test_the_agents_command_composes(agent_environment: tuple[list[str], dict[str, str]]) -> None:
    command, env = agent_environment
    assert command[:4] == ["/usr/bin/env", "python", "-m", "salmon"]
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = to_typed(compose("config", command[4:]), Config)
    assert (cfg.ppo.kl.coefficient, cfg.ppo.seed, cfg.tracking.group) == (0.05, 2, "kl-agent")
    assert (cfg.tracking.wandb, cfg.tracking.sweep_stage) == (WandbMode.online, SweepStage.ppo)
    assert (env["WANDB_SWEEP_ID"], env["WANDB_RUN_ID"]) == ("sweep1", "agentrun")


def run_stage(tmp_path: Path, stage: str) -> tuple[str, ReadBack]:
    """A stage under the environment of the test, offline; the run's id and records."""
    tracking = TrackingConfig(WandbMode.offline, "proj", None, [], 2, SweepStage.ppo)
    work = tmp_path / stage
    work.mkdir(exist_ok=True)
    run = RunDescription(stage, work, {"ppo": {"kl": {"coefficient": 0.05}}}, "kl-agent", stage)
    with start_tracking(tracking, run, tmp_path / "logs") as tracker:
        if stage == "ppo":
            tracker.summary({"held_out/reward_best": 1.5})
    folder = sorted((tmp_path / "logs/wandb").glob(f"offline-run-*-{tracker.run_id}*"))[-1]
    (found,) = read_back([folder])
    return str(tracker.run_id), found


def test_only_the_stage_that_is_optimised_is_the_agents_run(
    agent_environment: tuple[list[str], dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in agent_environment[1].items():
        monkeypatch.setenv(name, value)
    wandb.teardown()  # a job of the agent is a process of its own, whose W&B reads the environment anew
    runs = {stage: run_stage(tmp_path, stage) for stage in ("sft", "ppo", "eval")}
    ids = [run_id for run_id, _ in runs.values()]
    assert ids[1] == "agentrun" and len(set(ids)) == 3
    started = {stage: found.all("run")[0] for stage, (_, found) in runs.items()}
    assert {stage: run["run_id"] for stage, run in started.items()} == dict(zip(runs, ids, strict=True))
    assert {stage: run.get("sweep_id") for stage, run in started.items()} == {
        "sft": None,
        "ppo": "sweep1",
        "eval": None,
    }
    assert {run["project"] for run in started.values()} == {"theirs"}
    assert runs["ppo"][1].summary["held_out/reward_best"] == 1.5
    config = started["ppo"]["config"]["update"]
    assert config["ppo"] == {"kl": {"coefficient": 0.05}}, "nested, as without an agent"
    assert {name: config[name] for name in CHOSEN} == CHOSEN, "and as W&B's search reads it back"
    assert "ppo.seed" not in started["sft"]["config"]["update"]
    assert run_stage(tmp_path, "ppo")[0] == "agentrun", "continued after an interruption"
    wandb.teardown()


def test_without_an_agent_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WANDB_SWEEP_ID", raising=False)
    monkeypatch.setenv("WANDB_RUN_ID", "mine")
    assert sweep_agent() is None
    with hidden_agent():
        assert "WANDB_RUN_ID" not in os.environ
    assert os.environ["WANDB_RUN_ID"] == "mine"


def test_a_parameter_file_that_is_not_there_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("WANDB_SWEEP_ID", "sweep1")
    monkeypatch.setenv("WANDB_RUN_ID", "agentrun")
    monkeypatch.setenv("WANDB_SWEEP_PARAM_PATH", str(tmp_path / "config.yaml"))
    found = sweep_agent()
    assert found is not None and found.parameters == {}
    (tmp_path / "config.yaml").write_text(json.dumps({"wandb_version": 1, "seed": {"value": 3}}))
    found = sweep_agent()
    assert found is not None and found.parameters == {"seed": 3}
