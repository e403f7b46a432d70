"""Where benchmark data comes from: the bundled smoke test, a local folder, or the network.

A local folder has the layout of the originals: ``truthfulqa/mc_task.json`` (TruthfulQA's own file),
``bbh/<task>.json`` (BIG-Bench Hard's own files), ``mt_bench/{question.jsonl, judge_prompts.jsonl,
reference_answer/<judge>.jsonl}`` (FastChat's), ``humaneval/HumanEval.jsonl[.gz]`` (OpenAI's), ``tydiqa/`` (see
``eval.tydiqa.data``) and ``ifbench/IFBench_test.jsonl[.gz]`` (the hub's rows).
"""

import hashlib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.network import offline, reachable
from eval.results import NoData, Unavailable
from salmon.errors import SalmonError
from salmon.runtime.files import file_digest
from salmon.runtime.foreign import read_json
from salmon.runtime.jsonl import Record, placed_records

MINI = "mini"
BUNDLED = Path(__file__).parent / MINI
BBH_TASKS = (
    "boolean_expressions",
    "causal_judgement",
    "date_understanding",
    "disambiguation_qa",
    "dyck_languages",
    "formal_fallacies",
    "geometric_shapes",
    "hyperbaton",
    "logical_deduction_five_objects",
    "logical_deduction_seven_objects",
    "logical_deduction_three_objects",
    "movie_recommendation",
    "multistep_arithmetic_two",
    "navigate",
    "object_counting",
    "penguins_in_a_table",
    "reasoning_about_colored_objects",
    "ruin_names",
    "salient_translation_error_detection",
    "snarks",
    "sports_understanding",
    "temporal_sequences",
    "tracking_shuffled_objects_five_objects",
    "tracking_shuffled_objects_seven_objects",
    "tracking_shuffled_objects_three_objects",
    "web_of_lies",
    "word_sorting",
)

FASTCHAT = "https://raw.githubusercontent.com/lm-sys/FastChat/v0.2.36/fastchat/llm_judge/data"
REFERENCES = "reference_answer"  # folder in an mt_bench folder, a file for each author of reference answers
MT_BENCH_FILES = {  # path in an mt_bench folder -> (path at FASTCHAT, sha256)
    "question.jsonl": (
        "mt_bench/question.jsonl",
        "119565adbab82227089cefdb44c8d7e2cf04dc0a0ec233634c82e7d4e2a944f7",
    ),
    "judge_prompts.jsonl": (
        "judge_prompts.jsonl",
        "fd283293406d024f44c174b094ef48031d0687a4682fd3a56b29b138f80281b6",
    ),
    "reference_answer/gpt-4.jsonl": (
        "mt_bench/reference_answer/gpt-4.jsonl",
        "f957a5bc977badb66885ec970e6cd08527845780313f0995764260e5777b9b3f",
    ),
}
HUMANEVAL = (
    "https://raw.githubusercontent.com/openai/human-eval/master/data/HumanEval.jsonl.gz",
    "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
)
DOWNLOAD_TIMEOUT_S = 30.0
TASKS_OF_FOLDER = {  # folder in ``eval.data_dir`` -> tasks that read it
    "truthfulqa": ("truthfulqa_mc1", "truthfulqa_mc2", "truthfulqa_gen"),
    "bbh": ("bbh",),
    "humaneval": ("humaneval",),
    "tydiqa": ("tydiqa_goldp",),
    "mt_bench": ("mt_bench",),
    "ifbench": ("ifbench",),
}


@dataclass(frozen=True)
class MTBenchData:
    questions: list[dict[str, Any]]  # FastChat's rows: question_id, category, turns
    judge_prompts: dict[str, dict[str, Any]]  # by name
    references: dict[int, list[str]]  # question_id -> reference answer of each turn
    reference_author: str  # FastChat's are gpt-4's, 13 of the 30 wrong (FastChat issue 3158)
    reference_file: Path  # need not be there


def data_folder(data_dir: str | None) -> Path | None:
    """The folder that ``eval.data_dir`` means; None is the network.

    Raises:
        SalmonError: there is no such folder.
    """
    if data_dir is None:
        return None
    folder = BUNDLED if data_dir == MINI else Path(data_dir).expanduser().resolve()
    if not folder.is_dir():
        raise SalmonError(
            f"eval.data_dir={data_dir}: no folder {folder}; give a folder with {'/, '.join(TASKS_OF_FOLDER)}/, or "
            f"the word {MINI}, or null to use the hub"
        )
    return folder


def require_data(data_dir: str | None, tasks: Sequence[str]) -> None:
    """
    Raises:
        SalmonError: the folder is not there, or has data for none of the tasks that read it.
    """
    folder = data_folder(data_dir)
    needed = [name for name, users in TASKS_OF_FOLDER.items() if set(users).intersection(tasks)]
    if folder is not None and needed and not any((folder / name).is_dir() for name in needed):
        raise SalmonError(
            f"eval.data_dir={data_dir}: {folder} has no folder {' or '.join(needed)}, so nothing could be measured; "
            f"give a folder that has, the word {MINI}, or null to use the hub"
        )


def content_hash(folder: Path | None) -> str:
    """16 hex digits that change with any file in ``folder``; "hub" for None."""
    if folder is None:
        return "hub"
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


# --- the three formats ---------------------------------------------------------------------------


def truthfulqa_rows(folder: Path) -> list[dict[str, Any]]:
    """TruthfulQA's ``mc_task.json`` in the row format of the hub's data set (choices and labels as lists)."""
    path = folder / "truthfulqa" / "mc_task.json"
    if not path.is_file():
        raise NoData(f"no truthfulqa/mc_task.json in {folder}")
    try:
        return [
            {
                "question": item["question"],
                **{
                    key: {"choices": list(item[key]), "labels": list(item[key].values())}
                    for key in ("mc1_targets", "mc2_targets")
                },
            }
            for item in read_json(path, list)
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SalmonError(f"{path} is not in the format of TruthfulQA's mc_task.json: {error!r}") from error


def bbh_examples(folder: Path, wanted: list[str] | None) -> dict[str, list[dict[str, str]]]:
    """Rows ``{input, target}`` of each wanted BBH task (None: all 27) that the folder has."""
    rows = {}
    for task in bbh_names(wanted):
        path = folder / "bbh" / f"{task}.json"
        if path.is_file():
            try:
                examples = read_json(path)["examples"]
                rows[task] = [{"input": row["input"], "target": row["target"]} for row in examples]
            except (ValueError, KeyError, TypeError) as error:
                raise SalmonError(f"{path} is not in the format of BIG-Bench Hard: {error!r}") from error
    if not rows:
        raise NoData(f"no bbh/<task>.json in {folder}")
    return rows


def bbh_names(wanted: list[str] | None) -> list[str]:
    """Names of the wanted BBH tasks (None: all 27); an unknown name is a SalmonError."""
    unknown = [name for name in wanted or () if name not in BBH_TASKS]
    if unknown:
        raise SalmonError(f"eval.bbh.tasks: unknown {', '.join(unknown)}; there are: {', '.join(BBH_TASKS)}")
    return list(BBH_TASKS) if wanted is None else list(wanted)


def mt_bench_data(folder: Path | None, downloads: Path, references: str) -> MTBenchData:
    """MT-Bench of a local folder, or FastChat's own files, fetched once into ``downloads`` and checked.

    Args:
        references: author of the reference answers, or a file of them; they are empty where there is no such file.
    """
    root = folder / "mt_bench" if folder else _fetch_mt_bench(downloads / "mt_bench")
    for name in ("question.jsonl", "judge_prompts.jsonl"):
        if not (root / name).is_file():
            raise NoData(f"no mt_bench/{name} in {root.parent}")
    named = Path(references).expanduser()
    file = named if is_reference_file(references) else root / REFERENCES / f"{references}.jsonl"
    return MTBenchData(
        questions=rows_with(root / "question.jsonl", ("question_id", "category", "turns")),
        judge_prompts={
            p["name"]: p for p in rows_with(root / "judge_prompts.jsonl", ("name", "system_prompt", "prompt_template"))
        },
        references={row["question_id"]: row["choices"][0]["turns"] for row in answer_rows(file)}
        if file.is_file()
        else {},
        reference_author=_author(file),
        reference_file=file,
    )


def is_reference_file(references: str) -> bool:
    """Whether ``eval.mt_bench.references`` names a file, not an author in the benchmark's own folder."""
    return "/" in references or references.endswith(".jsonl")


def answer_rows(path: Path) -> list[dict[str, Any]]:
    """Rows of FastChat's answer files: ``question_id``, ``choices`` with the text of each turn.

    Raises:
        SalmonError: it cannot be read, or a row is not as it has to be.
    """
    rows = rows_with(path, ("question_id", "choices"))
    for row in rows:
        try:
            turns = row["choices"][0]["turns"]
        except (LookupError, TypeError):
            turns = None
        if not isinstance(turns, list) or not all(isinstance(turn, str) for turn in turns):
            raise SalmonError(f'{path}: question {row["question_id"]} has no {{"choices": [{{"turns": [text, ...]}}]}}')
    return rows


def _author(file: Path) -> str:
    """The file's name; with its hash where it is called as FastChat's own, and is another."""
    known = MT_BENCH_FILES.get(f"{REFERENCES}/{file.name}")
    if known is None or not file.is_file():
        return file.stem
    digest = file_digest(file)
    return file.stem if digest == known[1] else f"{file.stem}, not FastChat's (sha256 {digest[:12]})"


def humaneval_rows(folder: Path | None, downloads: Path) -> list[dict[str, Any]]:
    """OpenAI's rows (``task_id``, ``prompt``, ``test``, ``entry_point``) of a local folder, or fetched once."""
    if folder is None:
        path = downloads / "humaneval" / "HumanEval.jsonl.gz"
        _fetch(*HUMANEVAL, path)
    else:
        found = [folder / "humaneval" / f"HumanEval.jsonl{ending}" for ending in ("", ".gz")]
        path = next((file for file in found if file.is_file()), found[0])
        if not path.is_file():
            raise NoData(f"no humaneval/HumanEval.jsonl[.gz] in {folder}")
    return rows_with(path, ("task_id", "prompt", "test", "entry_point"))


def rows_with(path: Path, required: tuple[str, ...]) -> list[Record]:
    """The rows of a JSONL file.

    Raises:
        SalmonError: the file cannot be read, or a row lacks a required key.
    """
    rows = []
    for where, row in placed_records(path):
        missing = [key for key in required if key not in row]
        if missing:
            raise SalmonError(f"{where}: {', '.join(missing)} missing")
        rows.append(row)
    return rows


def _fetch_mt_bench(target: Path) -> Path:
    """FastChat's files in ``target``, each with the hash it must have."""
    for name, (remote, sha256) in MT_BENCH_FILES.items():
        _fetch(f"{FASTCHAT}/{remote}", sha256, target / name)
    return target


def _fetch(url: str, sha256: str, path: Path) -> None:
    """Download a file once. Raises ``Unavailable`` without a network, or where it is not the file it was."""
    if path.is_file() and file_digest(path) == sha256:
        return
    if offline() or not reachable("https://raw.githubusercontent.com"):
        raise Unavailable(
            f"{path.name} cannot be fetched (offline, or raw.githubusercontent.com unreachable): set eval.data_dir"
        )
    try:
        with urllib.request.urlopen(url, timeout=DOWNLOAD_TIMEOUT_S) as response:
            content = response.read()
    except OSError as error:
        raise Unavailable(f"{url}: {error}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Unavailable(f"{url} is not the file it was (sha256 differs from {sha256[:12]}...)")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(content)
    part.replace(path)
