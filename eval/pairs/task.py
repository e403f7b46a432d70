"""What ``eval.pairs.files`` names on a policy, by how likely it finds the responses, and on a reward model."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.benchmark_run import BenchmarkRun, Measurement, PolicySubject, RewardSubject, run_benchmark
from eval.config import EvalConfig
from eval.pairs import TASK
from eval.pairs.figures import ScoredPairs, accuracy_rows, finite_or_none
from eval.pairs.files import Preferences
from eval.pairs.formats.detection import read_source
from eval.pairs.likelihood import VERSION, pair_likelihoods
from eval.pairs.ranked.report import ranked_rows
from eval.pairs.ranked.rows import Benchmark
from eval.pairs.ranked.scores import policy_ranked_scores, reward_ranked_scores
from eval.pairs.ranked.verdicts import RankedScores
from eval.principle_following.scoring import score_table
from eval.principle_following.tables import Column
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.sources import BUNDLED, MINI
from eval.user_files import existing
from salmon.data.rows import content_id
from salmon.principles.bank import Bank, load_bank
from salmon.reward.trained_model import RewardModel, loaded_reward_model, reward_identity
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.jsonl import rewrite_records

SETTING = "eval.pairs.files"
NO_PRINCIPLES = "trained WITHOUT principles and asked without"
SMOKE_TEST = BUNDLED / "pairs" / "pairs.jsonl"
Source = Preferences | Benchmark


@dataclass(frozen=True)
class Scoring:
    """How a checkpoint scores; outputs are kept in the folder."""

    pairs: Callable[[Preferences, Path], list[ScoredPairs]]
    ranked: Callable[[Benchmark, Path], list[RankedScores]]
    how: Provenance
    guided: str  # what is done with a guideline that a row brings


def pairs_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """How likely the active adapter finds the responses: of each as a whole, and per token."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None

    def score_pairs(source: Preferences, work: Path) -> list[ScoredPairs]:
        found = pair_likelihoods(subject.shared, source.pairs, work)
        cut = np.array([pair.cut for pair in found])
        chosen, rejected = (np.array([getattr(pair, side) for pair in found]) for side in ("chosen", "rejected"))
        lengths = np.array([[pair.chosen_tokens, pair.rejected_tokens] for pair in found])
        return [
            ScoredPairs("sum", chosen, rejected, cut),
            ScoredPairs("per_token", chosen / lengths[:, 0], rejected / lengths[:, 1], cut),
        ]

    def score_ranked(benchmark: Benchmark, work: Path) -> list[RankedScores]:
        return policy_ranked_scores(subject.shared, benchmark.rows, work)

    sources = read_preference_sources(config)
    how = Provenance("own runner, log-probs of the response with its end token", TASK, str(VERSION), chat_template=True)
    scoring = Scoring(score_pairs, score_ranked, how, "each row's guideline behind its prompt")

    def run(work: Path) -> list[Row]:
        def folder(source: Source) -> Path:
            return subject.outputs(work, TASK, _hash(source), version=VERSION)

        return [
            row
            for name, source in sources.items()
            for row in source_rows(subject.name, name, source, scoring, folder(source))
        ]

    return _benchmark(config, sources, run, "accuracy_sum", {"version": VERSION})


def reward_pairs_benchmark(subject: RewardSubject) -> Measurement | None:
    """The reward model's scores of the responses under each row's guideline, or each bank of ``eval.pairs.banks``."""
    config = subject.config
    if TASK not in config.tasks:
        return None
    sources, banks = read_preference_sources(config), [load_bank(spec) for spec in config.pairs.banks]

    def run(work: Path) -> list[Row]:
        with loaded_reward_model(subject.shared, subject.artifact) as model:
            columns = bank_columns(model, banks)
            how = Provenance("own runner, reward model's score", TASK, scope=_shown(model, columns, banks))

            def score_pairs(source: Preferences, folder: Path) -> list[ScoredPairs]:
                return reward_scores(model, source, columns, config.batch_size, folder)

            def score_ranked(benchmark: Benchmark, folder: Path) -> list[RankedScores]:
                return reward_ranked_scores(model, benchmark.rows, columns, config.batch_size, folder)

            guided = "each row's guideline shown alone" if model.reads_principles else NO_PRINCIPLES
            scoring = Scoring(score_pairs, score_ranked, how, guided)

            return [
                row
                for name, source in sources.items()
                for row in source_rows(subject.name, name, source, scoring, work / _hash(source))
            ]

    settings = {"banks": [bank.content() for bank in banks]}
    benchmark = _benchmark(config, sources, run, "accuracy_reward", settings)
    identity = reward_identity(subject.shared, subject.artifact)
    return lambda: run_benchmark(benchmark, subject.name, config, identity, subject.work)


def read_preference_sources(config: EvalConfig) -> dict[str, Source]:
    """The first ``eval.limit`` rows of each file, by its name; without files those of the bundled smoke test.

    Raises:
        SalmonError: a file is missing or malformed.
    """
    files = {name: existing(f"{SETTING}.{name}", file, folder=True) for name, file in config.pairs.files.items()}
    found = {name: read_source(path) for name, path in (files or {MINI: SMOKE_TEST}).items()}
    return {name: _limited(source, config.limit) for name, source in found.items()}


def _limited(source: Source, limit: int | None) -> Source:
    if isinstance(source, Benchmark):
        return replace(source, rows=source.rows[:limit])
    return replace(source, pairs=source.pairs[:limit])


def source_rows(checkpoint: str, name: str, source: Source, scoring: Scoring, folder: Path) -> list[Row]:
    """All figures of one file under task ``pairs_<name>``; ``items.jsonl`` in ``folder`` has every pair and verdict."""
    task = f"{TASK}_{name}"
    if isinstance(source, Benchmark):
        how = scoring.how if source.rows[0].guideline is None else replace(scoring.how, scope=scoring.guided)
        return ranked_rows(TaskRows(checkpoint, task, how), source, scoring.ranked(source, folder), folder)
    scored = scoring.pairs(source, folder)
    rewrite_records(folder / "items.jsonl", _items(source, scored))
    rows = TaskRows(checkpoint, task, scoring.how)
    categories = [pair.category for pair in source.pairs]
    prompts = [content_id(pair.prompt) for pair in source.pairs]
    found = [row for kind in scored for row in accuracy_rows(rows, kind, categories, prompts)]
    return [*found, rows.count("n_skipped", source.skipped, source.rows)]


def reward_scores(
    model: RewardModel, source: Preferences, columns: dict[str, Column], batch_size: int, folder: Path
) -> list[ScoredPairs]:
    """Scores of both responses under the guidelines of each column, by the column's label."""
    responses = list(dict.fromkeys((p.prompt, text) for p in source.pairs for text in (p.chosen, p.rejected)))
    place = {response: number for number, response in enumerate(responses)}
    chosen = [place[pair.prompt, pair.chosen] for pair in source.pairs]
    rejected = [place[pair.prompt, pair.rejected] for pair in source.pairs]
    scores = score_table(model, responses, list(columns.values()), 2 * batch_size, folder)
    kinds = []
    for number, (label, column) in enumerate(columns.items()):
        cut = np.array([model.cuts(response, column) for response in responses])
        kinds.append(ScoredPairs(label, scores[chosen, number], scores[rejected, number], cut[chosen] | cut[rejected]))
    return kinds


def bank_columns(model: RewardModel, banks: Sequence[Bank]) -> dict[str, Column]:
    """The guidelines that are shown together, by the label of their scores; none for a model that reads none."""
    if not model.reads_principles:
        return {"reward": ()}
    return {f"reward_{bank.name}": model.first_that_fit(bank) for bank in banks}


def _shown(model: RewardModel, columns: dict[str, Column], banks: Sequence[Bank]) -> str:
    if not model.reads_principles:
        return NO_PRINCIPLES
    return ", ".join(
        f"first {len(column)} of {len(bank.principles)} principles of {bank.name} shown together"
        for column, bank in zip(columns.values(), banks, strict=True)
    )


def _benchmark(
    config: EvalConfig,
    sources: dict[str, Source],
    run: Callable[[Path], list[Row]],
    metric: str,
    settings: dict[str, Any],
) -> BenchmarkRun:
    content = {name: _hash(source) for name, source in sources.items()}
    data = next(iter(content.values())) if len(content) == 1 else fingerprint(TASK, 1, content, {})
    return BenchmarkRun(
        TASK,
        data,
        {"limit": config.limit, "sources": content, **settings},
        run,
        tuple((f"{TASK}_{name}", metric) for name in sources),
        own_files=bool(config.pairs.files),
    )


def _hash(source: Source) -> str:
    rows = source.rows if isinstance(source, Benchmark) else source.pairs
    return fingerprint(TASK, 1, [list(asdict(row).values()) for row in rows], {})


def _items(source: Preferences, scored: Sequence[ScoredPairs]) -> list[dict[str, Any]]:
    """A row a pair: its texts, and both scores and the verdict of each kind (null: not finite)."""
    columns = {
        kind.label: {
            "chosen": finite_or_none(kind.chosen),
            "rejected": finite_or_none(kind.rejected),
            "right": finite_or_none(kind.right),
            "cut": kind.cut.tolist(),
        }
        for kind in scored
    }
    return [
        {
            **asdict(pair),
            "scores": {
                label: {name: values[n] for name, values in of_kind.items()} for label, of_kind in columns.items()
            },
        }
        for n, pair in enumerate(source.pairs)
    ]
