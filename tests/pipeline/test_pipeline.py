"""The whole method on a tiny model, through the command line, in a folder of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

STAGES = ("sft", "preferences", "reward", "ppo")
VARYING = ("time", "perf/")  # metrics that measure the machine


def command(folder: Path, *overrides: str) -> tuple[list[str], dict[str, str]]:
    env = os.environ | {"OMP_NUM_THREADS": "1", "SALMON_CACHE": str(folder.parent / "cache"), "HF_HUB_OFFLINE": "1"}
    return [
        sys.executable,
        "-m",
        "salmon",
        *overrides,
        "+experiment=self_judged",
        "model=tiny",
        "ppo.shaping.center=true",
    ], env


def salmon(folder: Path, *overrides: str) -> str:
    line, env = command(folder, *overrides)
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def artifact(folder: Path, stage: str) -> Path:
    """What the folder's first finished job made or used."""
    return sorted((folder / "runs/jobs").glob(f"*/*/artifacts/{stage}"))[0].resolve()


def metrics_of(folder: Path, stage: str) -> list[dict]:
    path = artifact(folder, stage) / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return [{k: v for k, v in row.items() if not k.startswith(VARYING)} for row in rows]


def hashes_of(folder: Path) -> dict[str, str]:
    """Content of everything that later stages read: adapters, heads, rows."""
    files = {}
    for stage in STAGES:
        for name, digest in json.loads((artifact(folder, stage) / "manifest.json").read_text())["files"].items():
            if name.endswith((".safetensors", "rows.jsonl", "judgements.jsonl", "demonstrations.jsonl")):
                files[f"{stage}/{name}"] = digest
    return files


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("pipeline") / "uninterrupted"
    folder.mkdir()
    return folder, salmon(folder)


PAGE = ("Headline figures", "Pipeline", "Curves", "Responses to held-out prompts", "Benchmarks", "Settings")


def test_the_whole_loop_runs_and_reports(uninterrupted):
    folder, output = uninterrupted
    for stage in (*STAGES, "eval of sft", "eval of ppo"):
        assert f"\n{stage}" in output
    for benchmark in ("truthfulqa_mc1/acc", "truthfulqa_mc2/acc", "bbh_direct/", "mt_bench/"):
        assert benchmark in output
    assert "SMOKE TEST" in output and "wandb leet" in output and "sweeps.sync" in output
    (job,) = (folder / "runs/jobs").glob("*/*")
    assert json.loads((job / "status.json").read_text())["state"] == "finished"
    results = json.loads((job / "results.json").read_text())
    assert results["ppo"]["objective/updates"] == 2
    assert {link.name for link in (job / "artifacts").iterdir()} == {*STAGES, "eval_of_sft", "eval_of_ppo"}
    page = job / "page.html"
    assert f"{page}\n" in output
    assert all(f">{title}</h2>" in page.read_text(encoding="utf-8") for title in PAGE)


def test_ppo_updated_the_policy_and_its_metrics_are_complete_and_finite(uninterrupted):
    folder, _ = uninterrupted
    updates = [row for row in metrics_of(folder, "ppo") if "policy/loss" in row]
    promised = """objective/kl objective/entropy objective/score objective/shaped_reward objective/non_score_reward
        objective/length_bonus objective/unfinished_rate policy/loss policy/approx_kl policy/clip_fraction policy/ratio
        value/loss value/clip_fraction value/explained_variance value/error advantage/mean advantage/std
        response/length response/eos_rate optim/lr optim/grad_norm sampler/logprob_difference""".split()
    assert len(updates) == 2
    for row in updates:
        assert set(promised) <= row.keys()
        assert all(isinstance(row[name], float) for name in promised)  # a non-finite value is written as null
        assert any(name.startswith("principle/") for name in row)
    assert updates[0]["objective/kl"] == pytest.approx(0, abs=1e-5)  # the reference is the policy's start
    assert updates[1]["objective/kl_k3"] > 1e-4
    first = updates[0]  # without a KL: what it is rewarded for, counted from the reward that the policy starts with
    unfinished = -1.0 * first["objective/unfinished_rate"]  # ppo=laptop
    (zero,) = [row["held_out/reward"] for row in metrics_of(folder, "ppo") if row["step"] == 0]
    assert first["objective/shaped_reward"] == pytest.approx(
        first["objective/score"] + first["objective/length_bonus"] + unfinished - zero, abs=1e-4
    )
    start = hashes_of(folder)["sft/policy/adapter_model.safetensors"]
    assert hashes_of(folder)["ppo/last/policy/adapter_model.safetensors"] != start


def test_a_second_run_reuses_everything(uninterrupted):
    folder, _ = uninterrupted
    before = {path: path.stat().st_mtime_ns for path in (folder / "runs/store").rglob("*") if path.is_file()}
    output = salmon(folder)
    assert output.count("reused") >= 6
    after = {path: path.stat().st_mtime_ns for path in (folder / "runs/store").rglob("*") if path.is_file()}
    assert before == after


def lines(path: Path) -> int:
    return path.read_text().count("\n") if path.exists() else 0


# What is on disk when each kill strikes: in the middle of every stage.
KILLS = {
    "sft": lambda work: (work / ".state" / "state.pt").exists(),
    "preferences": lambda work: lines(work / "judgements.jsonl") >= 4,
    "reward": lambda work: (work / ".state" / "state_reward.pt").exists(),
    "ppo": lambda work: (work / ".state" / "state.pt").exists(),
}
SLOWER = (
    "sft.train.epochs=4",
    "reward.train.epochs=4",
    "ppo.epochs=6",
    "ppo.keep_every=4",
    "preferences.num_prompts=12",
    "stages=[sft,preferences,reward,ppo]",
)


def run_and_kill(folder: Path, stage: str, overrides: tuple[str, ...] = SLOWER) -> None:
    """Start the run and kill it with SIGKILL while ``stage`` works."""
    line, env = command(folder, *overrides)
    process = subprocess.Popen(
        line, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 300
    while process.poll() is None and time.monotonic() < deadline:
        if any(KILLS[stage](work) for work in (folder / "runs/store" / stage).glob("*.partial")):
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            assert list((folder / "runs/store" / stage).glob("*.partial")), "the kill came too late"
            return
        time.sleep(0.005)
    raise AssertionError(f"{stage} was not caught in the middle (exit status {process.poll()})")


def test_killed_in_every_stage_and_continued_gives_the_same_to_the_bit(tmp_path):
    """Also shows that two runs with one seed are identical: nothing is shared but the seed."""
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    straight.mkdir()
    killed.mkdir()
    salmon(straight, *SLOWER)
    for stage in KILLS:
        run_and_kill(killed, stage)
    salmon(killed, *SLOWER)
    assert hashes_of(killed) == hashes_of(straight)
    for stage in STAGES:
        assert metrics_of(killed, stage) == metrics_of(straight, stage), stage


def test_multirun_shares_what_it_can(uninterrupted):
    """Two principle sets: one SFT, one preference set, one reward model, two policies."""
    folder, _ = uninterrupted
    line, env = command(folder, "-m", "principles=paper,harmless", "stages=[sft,preferences,reward,ppo]")
    done = subprocess.run(line, cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    made = {stage: len(list((folder / "runs/store" / stage).glob("*/manifest.json"))) for stage in STAGES}
    assert made == {"sft": 1, "preferences": 1, "reward": 1, "ppo": 2}


def inspect(run: Path) -> list[dict]:
    """Records of an offline W&B run, by W&B's own reader."""
    done = subprocess.run(
        [sys.executable, "-m", "wandb", "leet", "inspect", "--json", str(run)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_wandb_has_one_run_a_stage_execution_with_what_the_glossary_promises(uninterrupted):
    folder, _ = uninterrupted
    ids = {
        stage: json.loads((artifact(folder, stage) / "manifest.json").read_text())["wandb_run_id"] for stage in STAGES
    }
    assert len(set(ids.values())) == len(STAGES)
    (run,) = (folder / "runs/wandb").glob(f"offline-run-*-{ids['ppo']}")
    records = inspect(run)
    (start,) = [record["run"] for record in records if record["type"] == "run"]
    assert start["job_type"] == "ppo" and start["run_group"] == "tiny-paper" and {"tiny", "paper"} <= set(start["tags"])
    logged = {name for record in records if record["type"] == "history" for name in record["history"]["item"]}
    steps = {name for row in metrics_of(folder, "ppo") for name in row} - {"step"}
    assert steps <= logged
    assert "samples/responses.path" in logged
