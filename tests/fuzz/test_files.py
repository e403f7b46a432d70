"""Files as other people, programs and crashes leave them: each is read, or refused with one message, in seconds.

The fast tier takes a few cases of each kind; ``python -m pytest tests/fuzz`` takes hundreds.
"""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.checkpoints import find_checkpoints
from eval.ifbench.prompts import read_prompts
from eval.pairs.files import read_preferences
from eval.pairs.formats.detection import read_source
from eval.probes.prompts import read_probes
from eval.score.command import run_score
from eval.tables.measured import read_results
from eval.tables.published import load_published
from salmon.config.data import OnBadLine
from salmon.data.rows import Judgement, PreferenceRow, read_jsonl, write_jsonl
from salmon.data.sources import load_demonstrations, load_pairs, load_prompts
from salmon.errors import SalmonError
from salmon.plan.shapes import shape_of
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.runtime.adapter_files import CONFIG, WEIGHTS, adapter_identity
from salmon.runtime.status import failure_of
from salmon.runtime.store import MANIFEST, open_artifact
from salmon.tracking.wandb_agent import _parameters
from sweeps.collect import read_sweep
from sweeps.compare import read_run
from tests.fuzz.strange import LEAVES, NUMBERS, ODD_TEXTS, TEXTS, VALUES, documents, written

SECONDS = 10.0  # of the processor; none takes a tenth of it
FAST, SLOW = 4, 15


class Kind(NamedTuple):
    """A kind of file, and what reads it."""

    name: str  # of the file
    content: st.SearchStrategy[bytes]
    read: Callable[[Path], Any]


def lines(**fields: st.SearchStrategy) -> st.SearchStrategy[bytes]:
    """JSON lines, right and odd ones mixed."""
    row = st.fixed_dictionaries(fields).map(written)
    return st.lists(row | documents(**fields), min_size=1, max_size=4).map(b"\n".join)


def rows_of(kind: type) -> Callable[[Path], None]:
    """Reads rows, and writes them again: what was taken can be kept."""

    def read(path: Path) -> None:
        write_jsonl(path.with_name("kept.jsonl"), read_jsonl(path, kind, OnBadLine.stop)[0])

    return read


def in_folder(name: str, read: Callable[[Path], Any], **beside: bytes) -> Callable[[Path], Any]:
    """Reads a folder that has the file under ``name``, and others beside it."""

    def of(path: Path) -> Any:
        folder = path.parent / "folder"
        for file, content in {name: path.read_bytes(), **beside}.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
        return read(folder)

    return of


def score(task: str) -> Callable[[Path], Any]:
    return lambda path: run_score([f"task={task}", f"predictions={path}", f"output={path.parent / 'scores'}"])


def artifact(folder: Path) -> None:
    made = open_artifact(folder)
    json.dumps([made.metrics, made.steps, {name: str(path) for name, path in made.checkpoints.items()}])
    find_checkpoints(str(folder))
    read_run(folder, "run")


WORD = st.sampled_from(["Yes", "(A)", "[[5]]", "So the answer is (B).", "The response should be short."])
NAME = st.sampled_from(["Brief", "Kind", "default"])
TEXT = WORD | TEXTS
PRINCIPLES = st.lists(
    st.fixed_dictionaries(
        {"name": NAME | TEXTS, "definition": TEXT},
        optional={"weight": NUMBERS, "negative_definition": TEXT, "topics": VALUES, "check": TEXT, "opposite": NAME},
    ),
    max_size=3,
)
TURNS = st.lists(
    st.fixed_dictionaries({"user": TEXT, "thought": st.just("Rules 1 (a) apply") | TEXT, "answer": TEXT}), max_size=2
)
DIGESTS = st.dictionaries(TEXTS, TEXTS, max_size=2)
STATE = st.sampled_from(["running", "finished", "failed", "requeued"])
HYDRA = {
    f".hydra/{name}.yaml": content for name, content in (("overrides", b"[]"), ("config", b"{}"), ("hydra", b"{}"))
}
JOB = {f"job/{name}": content for name, content in HYDRA.items()} | {"multirun.yaml": b"hydra: {}"}
SAVED = {"label": NAME, "task": NAME, "metric": NAME, "checkpoint": NAME, "value": NUMBERS, "n": NUMBERS, "note": TEXT}
RATING = {
    "question_id": NUMBERS,
    "model": NAME,
    "judge": st.just(["j", "p"]) | VALUES,
    "judgment": TEXT,
    "score": NUMBERS,
    "turn": st.sampled_from([1, 2]) | NUMBERS,
}
VERDICT = {
    "judge": NAME,
    "question": NAME,
    "checkpoint": NAME,
    "aspect": NAME,
    "text": TEXT,
    "failure": st.none() | TEXT,
}

KINDS = [
    Kind("rows.jsonl", lines(prompt=TEXT), lambda path: load_prompts(str(path), OnBadLine.stop)),
    Kind("rows.jsonl", lines(prompt=TEXT, id=TEXT), lambda path: load_prompts(str(path), OnBadLine.skip)),
    Kind(
        "rows.jsonl",
        lines(instruction=TEXT, instances=st.just([{"input": "", "output": "x"}])),
        lambda path: load_demonstrations(str(path), OnBadLine.stop),
    ),
    Kind(
        "rows.jsonl",
        lines(prompt=TEXT, chosen=TEXT, rejected=TEXT),
        lambda path: load_pairs(str(path), OnBadLine.stop),
    ),
    Kind(
        "rows.jsonl",
        lines(chosen=st.just("\n\nHuman: a\n\nAssistant: b") | TEXT, rejected=st.just("\n\nHuman: a\n\nAssistant: c")),
        lambda path: load_pairs(str(path), OnBadLine.skip),
    ),
    Kind(
        "rows.jsonl",
        lines(prompt_id=NAME, principle=NAME, original_order=NUMBERS, swapped_order=NUMBERS),
        rows_of(Judgement),
    ),
    Kind("rows.jsonl", lines(id=NAME, guidelines=VALUES, scores=VALUES, label=NUMBERS), rows_of(PreferenceRow)),
    Kind("pairs.json", documents(examples=VALUES, prompt=TEXT, chosen=TEXT, rejected=TEXT), read_preferences),
    Kind("pairs.jsonl", lines(prompt=TEXT, chosen=TEXT, rejected=TEXT, category=TEXT), read_preferences),
    Kind("pairs.jsonl", lines(input=TEXT, target_scores=st.dictionaries(TEXTS, NUMBERS)), read_preferences),
    Kind("llmbar.jsonl", lines(input=TEXT, output_1=TEXT, output_2=TEXT, label=NUMBERS), read_source),
    Kind(
        "rpr.jsonl", lines(prompt=TEXT, response_a=TEXT, response_b=TEXT, criteria_x=TEXT, criteria_y=TEXT), read_source
    ),
    Kind("best.jsonl", lines(prompt=TEXT, chosen=VALUES, rejected=VALUES, guideline=TEXT, group=TEXT), read_source),
    Kind("rankings.jsonl", lines(prompt=TEXT, responses=VALUES, guideline=TEXT, contrary=TEXT), read_source),
    Kind("rmgap.jsonl", lines(domain=TEXT, responses=VALUES, prompt_groups=VALUES), read_source),
    Kind("probes.jsonl", lines(prompt=TEXT, category=TEXT, expect=st.just("comply") | TEXT), read_probes),
    Kind("probes.txt", ODD_TEXTS, read_probes),
    Kind(
        "IFBench_test.jsonl",
        lines(
            key=TEXT,
            prompt=TEXT,
            instruction_id_list=st.just(["count:numbers"]) | VALUES,
            kwargs=st.just([{"N": 3.0, "word": None}]) | VALUES,
        ),
        read_prompts,
    ),
    Kind("bank.yaml", documents(description=TEXT, principles=PRINCIPLES, frames=VALUES), lambda p: load_bank(str(p))),
    Kind("bank.json", PRINCIPLES.map(written) | ODD_TEXTS, lambda path: load_bank(str(path))),
    Kind(
        "exemplars.yaml",
        documents(exemplars=st.lists(st.fixed_dictionaries({"turns": TURNS}), max_size=2)),
        lambda path: load_exemplars(str(path)),
    ),
    Kind("judgements.jsonl", lines(**RATING), score("mt_bench")),
    Kind("verdicts.jsonl", lines(**VERDICT), score("truthfulqa_gen")),
    Kind("samples.jsonl", lines(prediction=TEXT, target=TEXT, task=NAME, input=TEXT), score("bbh")),
    Kind("samples.jsonl", lines(loglikelihoods=VALUES, labels=VALUES), score("truthfulqa_mc")),
    Kind(
        MANIFEST,
        documents(
            stage=st.sampled_from(["reward", "ppo"]),
            fingerprint=NAME,
            files=DIGESTS,
            metrics=st.dictionaries(NAME, NUMBERS),
            checkpoints=DIGESTS,
            steps=st.dictionaries(NAME, NUMBERS),
        ),
        in_folder(MANIFEST, artifact),
    ),
    Kind(
        "status.json",
        documents(state=STATE, stage=NAME, error=TEXT, progress=VALUES, process=NUMBERS, host=TEXT),
        in_folder("job/status.json", read_sweep, **JOB),
    ),
    Kind("status.json", documents(state=STATE, error=LEAVES), lambda path: failure_of(path, "killed")),
    Kind(
        "artifacts.json",
        documents(ppo=st.fixed_dictionaries({"path": TEXT})),
        in_folder("job/artifacts.json", read_sweep, **JOB, **{"job/status.json": b'{"state": "finished"}'}),
    ),
    Kind(
        "overrides.yaml",
        documents(a=VALUES) | VALUES.map(written),
        in_folder("job/.hydra/overrides.yaml", read_sweep, **JOB),
    ),
    Kind("multirun.yaml", documents(hydra=VALUES), in_folder("multirun.yaml", read_sweep)),
    Kind(
        "results.json",
        documents(rows=st.lists(st.fixed_dictionaries({}, optional=SAVED), max_size=2), model=TEXT, base=VALUES),
        in_folder("results.json", lambda folder: read_results([folder])),
    ),
    Kind(
        "published.yaml", documents(sources=VALUES, models=VALUES, tables=VALUES, counterparts=VALUES), load_published
    ),
    Kind(
        CONFIG,
        documents(peft_type=st.just("LORA") | TEXT, r=NUMBERS, lora_alpha=NUMBERS, target_modules=VALUES),
        in_folder(CONFIG, lambda folder: adapter_identity(str(folder)), **{WEIGHTS: b"x"}),
    ),
    Kind(
        "config.json",
        documents(model_type=st.just("llama"), hidden_size=NUMBERS, num_hidden_layers=NUMBERS, vocab_size=NUMBERS),
        in_folder("config.json", lambda folder: shape_of(str(folder), None)),
    ),
    Kind("parameters.yaml", documents(a=st.fixed_dictionaries({"value": VALUES})), _parameters),
]


def ends_well(read: Callable[[], Any]) -> None:
    """It succeeds, or is refused in one message that every terminal can print."""
    began = time.process_time()
    try:
        read()
    except SalmonError as error:
        str(error).encode()
        assert len(str(error)) < 10_000
    assert time.process_time() - began < SECONDS


def try_kind(kind: Kind, folder: Path, cases: int) -> None:
    made = folder / "made.jsonl"
    made.write_bytes(b'{"made": "before"}\n')

    @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    @given(kind.content)
    def case(content: bytes) -> None:
        path = folder / kind.name
        path.write_bytes(content)
        ends_well(lambda: kind.read(path))
        assert made.read_bytes() == b'{"made": "before"}\n'
        assert kind.read.__name__ != "<lambda>" or kind.name == "status.json" or path.read_bytes() == content

    case()


@pytest.mark.parametrize("kind", KINDS, ids=[f"{number}-{kind.name}" for number, kind in enumerate(KINDS)])
def test_a_few(kind: Kind, tmp_path: Path) -> None:
    try_kind(kind, tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS, ids=[f"{number}-{kind.name}" for number, kind in enumerate(KINDS)])
def test_many(kind: Kind, tmp_path: Path) -> None:
    try_kind(kind, tmp_path, SLOW)
