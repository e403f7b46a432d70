"""``python -m salmon`` as a person meets it: real processes, from another working directory."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

pytestmark = pytest.mark.slow

# One process imports what every job imports (seconds), and forks into ``python -m salmon ARGS`` for each case.
FORKS = """
import json, os, runpy, sys
import salmon.pipeline.job  # noqa: F401
cases = json.load(open("cases.json"))
for name, arguments in cases.items():
    child = os.fork()
    if child == 0:
        for number, suffix in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{name}.{suffix}", os.O_WRONLY | os.O_CREAT), number)
        sys.argv = ["salmon", *arguments]
        code = 0
        try:
            runpy.run_module("salmon", run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
        except BaseException:
            import traceback
            traceback.print_exc()
            code = 99
        sys.stdout.flush(); sys.stderr.flush()
        os._exit(code)
    open(f"{name}.rc", "w").write(str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])))
"""


@dataclass(frozen=True)
class Done:
    code: int
    out: str
    err: str


def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"SALMON_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}


def salmon(tmp_path: Path, *arguments: str) -> Done:
    done = subprocess.run(
        [sys.executable, "-m", "salmon", *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment(tmp_path),
        timeout=120,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def refused(done: Done, *said: str) -> None:
    """One clear message, nothing of Python's."""
    assert done.code == 1
    assert "Traceback" not in done.err + done.out
    for part in said:
        assert part in done.err


# --- what needs no job -------------------------------------------------------------------------


def test_help(tmp_path: Path) -> None:
    done = salmon(tmp_path, "--help")
    assert (done.code, done.err) == (0, "")
    for line in (
        "ppo: laptop, paper, short, steering",
        "sft: demonstrations, laptop, paper, styled, styled_short",
        "dpo: laptop, paper",
        "ablation: best_of_n, dpo, full, judge_as_reward, label_sum, no_length_bonus, no_negations, "
        "no_pretraining, no_principles",
    ):
        group, _, choices = line.partition(":")
        assert re.search(rf"^\s*{group}\s*[:=]?\s*{choices.strip()}$", done.out, re.MULTILINE), line
    assert "principles_by_size, principles_by_size_laptop" in done.out
    assert list(tmp_path.iterdir()) == [], "asking for help leaves nothing behind"


def test_a_plan(tmp_path: Path) -> None:
    done = salmon(tmp_path, "plan", "+experiment=dromedary2_70b", "gpu=h200")
    assert (done.code, done.err) == (0, "")
    assert re.search(r"^ppo train +33\.87 .* yes$", done.out, re.MULTILINE)
    assert list(tmp_path.iterdir()) == [], "a plan leaves nothing behind"
    refused(salmon(tmp_path, "plan", "gpu=none"), "salmon: gpu=none: unknown; known are h200")
    assert "gpu=NAME" in salmon(tmp_path, "plan", "--help").out


@pytest.mark.parametrize(
    ("arguments", "model", "rollout", "judged"),
    [
        ([], "wheel:smollm2-135m-instruct", 16, False),
        (["model=tiny"], "random:tiny", 8, False),
        (["+experiment=dromedary2_70b"], "meta-llama/Llama-2-70b-hf", 576, True),
    ],
    ids=["default", "tiny", "paper"],
)
def test_the_config_can_be_looked_at(
    tmp_path: Path, arguments: list[str], model: str, rollout: int, judged: bool
) -> None:
    done = salmon(tmp_path, *arguments, "--cfg", "job")
    assert (done.code, done.err) == (0, "")
    config = yaml.safe_load(done.out)
    assert (config["model"]["path"], config["ppo"]["rollout_batch"]) == (model, rollout)
    assert config["stages"] == ["sft", *(["preferences"] if judged else []), "reward", "ppo", "eval"]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key(tmp_path: Path) -> None:
    done = salmon(tmp_path, "ppo.kl.coeficient=1")
    refused(done, "Could not override 'ppo.kl.coeficient'", "Key 'coeficient' not in 'KLSettings'")


def test_a_number_for_a_group(tmp_path: Path) -> None:
    refused(salmon(tmp_path, "ppo=1"), "salmon: ppo=1 names no choice of ppo: salmon --help lists them")


def test_several_problems(tmp_path: Path) -> None:
    done = salmon(tmp_path, "+sweep=x", "ppo.minibatch=7")
    refused(
        done,
        "salmon: the config has 2 problems:\n"
        "  - unknown key or group: sweep; did you mean sweeps?\n"
        "  - ppo.rollout_batch=16 is not divisible by ppo.minibatch=7; nearest divisors: 2, 4, 8\n",
    )


# --- jobs --------------------------------------------------------------------------------------

TINY = ["model=tiny", "tracking=disabled"]
CASES = {
    "principles": [*TINY, "principles.exemplars=nowhere.yaml"],
    "prompts": [*TINY, "sft.source=self_align", "prompts.sft=bad.jsonl"],
    "upstream": [*TINY, "+experiment=self_judged", "stages=[reward]", "paths.store=empty"],
    "store": [*TINY, "stages=[sft]", "paths.store=file/store"],
    "sft": [*TINY, "stages=[sft]", "sft.num_prompts=2", "seed=3"],
    "again": [*TINY, "stages=[sft]", "sft.num_prompts=2", "seed=3"],
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory far from the repository in which all the jobs ran, one after the other."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "cases.json").write_text(json.dumps(CASES))
    (folder / "bad.jsonl").write_text('{"prompt": "Why is the sky blue?"}\n{"prompt": oops}\n')
    (folder / "file").touch()
    subprocess.run([sys.executable, "-c", FORKS], cwd=folder, env=environment(folder), timeout=300, check=True)
    return folder


def job(folder: Path, name: str) -> Done:
    return Done(
        int((folder / f"{name}.rc").read_text()),
        (folder / f"{name}.out").read_text(),
        (folder / f"{name}.err").read_text(),
    )


def test_a_principle_file_that_is_not_there(folder: Path) -> None:
    refused(job(folder, "principles"), f"salmon: exemplars: there is no file {folder}/nowhere.yaml. Correct the path")


def test_a_malformed_line_of_prompts(folder: Path) -> None:
    refused(
        job(folder, "prompts"),
        "bad.jsonl, line 2: not valid JSON (Expecting value at column 12)",
        "prompts.on_bad_line=skip",
    )


def test_a_stage_without_its_input(folder: Path) -> None:
    refused(
        job(folder, "upstream"),
        "salmon: stage reward needs the result of stage preferences for this config, and empty does not have it",
        "stages=[",
        "preferences,reward]",
    )


def test_a_store_that_cannot_be(folder: Path) -> None:
    refused(job(folder, "store"), f"salmon: {folder}/file/store: cannot be written", "paths.store")
    assert (folder / "file").is_file()


def test_a_stage_from_another_directory_and_again(folder: Path) -> None:
    first, second = job(folder, "sft"), job(folder, "again")
    assert (first.code, first.err, second.code, second.err) == (0, "", 0, "")
    (artifact,) = (path for path in (folder / "runs/store/sft").iterdir() if (path / "manifest.json").exists())
    for done in (first, second):
        assert str(artifact) in done.out
    assert "sft: reused" not in first.out and "sft: reused" in second.out
    jobs = sorted((folder / "runs/jobs").glob("*/*/status.json"))
    states = [json.loads(path.read_text())["state"] for path in jobs]
    assert states == ["failed"] * 4 + ["finished"] * 2
    assert (jobs[-1].parent / ".hydra/config.yaml").is_file()
    assert (jobs[-1].parent / "artifacts/sft").resolve() == artifact.resolve()
