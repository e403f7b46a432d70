"""``salmon --help``: Hydra's own takes seconds, because it composes the config once for every option there is."""

from pathlib import Path

from salmon.config.extensions import stage_names
from salmon.config.register import CONF, ROOT
from salmon.plan.devices import NAMES

USAGE = """\
salmon: self-alignment with instructable reward models

  salmon [KEY=VALUE ...] [GROUP=CHOICE ...]    run the stages {stages}
  salmon stages=[reward,ppo]                   run some of them; what they need must be in the store
  salmon -m principles=paper,harmless          a multirun over choices (also over values: seed=0,1,2)
  salmon -m ... hydra/launcher=joblib          its jobs side by side; hydra/launcher=slurm: on a cluster
  salmon +experiment=NAME                      a recipe, or an experiment with its report
  salmon +sweeps=NAME                          a study: {studies}
  salmon plan [...] [gpu=NAME] [processes=N]   memory, FLOPs and time of each phase, without running it
  salmon view [FOLDER ...] [--open]            the page of a job, a sweep or an artifact, as one HTML file
  salmon play [CHECKPOINT ...]                 edit a principle and watch the ranking turn, in the browser
  salmon store list|verify|repair [FOLDER]     the artifacts of a store: are their files as they were made?
  salmon --cfg job [...]                       show the whole config of a command, without running it
  salmon --version                             the name of the package and its version
  python -m eval checkpoint=PATH               benchmarks on a checkpoint
  python -m salmon.convert FOLDER OUTPUT       pickled adapters (the original project's) as safetensors

Groups and their choices (in {conf}, where each file says what it is for):
{groups}

Settings: salmon/config/schema.py says what each means. Hydra's own options: salmon --hydra-help
"""

PLAN = """\
salmon plan [KEY=VALUE ...] [GROUP=CHOICE ...] [gpu=NAME] [processes=N] [flops=RATE] [link=RATE] [prompts=N]
            [--json]
salmon plan --measure [KEY=VALUE ...] [GROUP=CHOICE ...] [prompts=N]

Memory, tokens, FLOPs and time of each phase of a config, by calculation: nothing is loaded or run.
  gpu        {devices}; not given: this machine's GPU, else its CPU
  processes  of the job, one a GPU, with engine=ddp, zero2 or zero3; memory is then of each
  flops      floating-point operations a second that training was measured to reach, e.g. 4e14; not given: a share of
             the data sheet's rate
  link       bytes a second that a process sends to others, e.g. 25e9; not given: the data sheet's, within a machine
  prompts    rows of each source whose size only a download would tell
  --json     bytes, tokens, FLOPs and seconds, for programs
  --measure  runs a micro-batch or a batch of each phase on this machine, with random tokens at the plan's lengths: its
             memory beside the plan's, and its share of the rates of matrix products and of reads that are measured here
"""

STORE = """\
salmon store list|verify|repair [FOLDER]

The finished artifacts in FOLDER: a store (paths.store; not given: runs/store), or one artifact STORE/STAGE/FINGERPRINT.
  list    stage, fingerprint, when each was made, its size
  verify  read every file, and compare it with its hash in the manifest; exit status 1 where one was changed
  repair  verify, and set what was changed aside (FINGERPRINT.damaged_N): the job that needs it makes it again
"""

VIEW = """\
salmon view [FOLDER ...] [--open]

Write one HTML file for each folder of a job (runs/jobs/DATE/TIME-NAME), a sweep (runs/sweeps/DATE/TIME) or an artifact
(STORE/STAGE/FINGERPRINT), and print its path; without a folder, for the job or sweep in runs/ that started last. The
file has everything in it and opens without a network. A job and a sweep write theirs when they end.
  --open  show it in the browser too
"""


PLAY = """\
salmon play [CHECKPOINT ...] [--answers N] [--tokens N] [--port N] [--share] [--open]

Serve a page on this machine (http://127.0.0.1:7860/): a prompt, sampled answers, principles in your own words, and the
reward model's scores while you write. Needs pip install 'salmon-align[play]'.
  CHECKPOINT  folders of artifacts: a policy (STORE/ppo/FINGERPRINT; the SFT policy that it was made from is shown
              beside it), two policies, a reward model; not given: the newest PPO policy in runs/store
  --answers   of each policy at first, 1 to 16; not given: 8
  --tokens    longest answer; not given: 64
  --port      not given: 7860
  --share     a public link through gradio's tunnel too; without it nothing leaves this machine
  --open      show it in the browser
"""


def play_help() -> str:
    """Usage of ``salmon play``."""
    return PLAY


def store_help() -> str:
    """Usage of ``salmon store``."""
    return STORE


def view_help() -> str:
    """Usage of ``salmon view``."""
    return VIEW


def plan_help() -> str:
    """Usage of ``salmon plan``."""
    return PLAN.format(devices=", ".join(NAMES))


def help_text() -> str:
    """Usage, and the menu of ``conf/``."""
    groups: dict[str, list[str]] = {}
    for file in sorted(Path(CONF).glob("*/**/*.yaml")):
        groups.setdefault(file.parent.relative_to(CONF).as_posix(), []).append(file.stem)
    width = max(map(len, groups))
    menu = [f"  {group:<{width}}  {', '.join(choices)}" for group, choices in groups.items()]
    studies = ", ".join(sorted(file.stem for file in (ROOT / "sweeps").glob("*.yaml")))
    return USAGE.format(stages=", ".join(stage_names()), conf=CONF, groups="\n".join(menu), studies=studies)
