"""The pairs of ``eval.pairs.files`` on a policy, by how likely it finds both responses, and on a reward model."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from eval.benchmark_run import BenchmarkRun, Measurement, PolicySubject, RewardSubject, run_benchmark
from eval.config import EvalConfig
from eval.pairs import TASK
from eval.pairs.figures import ScoredPairs, accuracy_rows
from eval.pairs.files import Preferences, read_preferences
from eval.pairs.likelihood import VERSION, pair_likelihoods
from eval.principle_following.scoring import RewardModel, loaded_reward_model, reward_identity, score_table
from eval.principle_following.tables import Column
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from eval.sources import BUNDLED, MINI
from eval.user_files import existing
from salmon.data.rows import content_id
from salmon.principles.bank import Bank, load_bank
from salmon.runtime.fingerprint import fingerprint
from salmon.runtime.jsonl import rewrite_records

SETTING = "eval.pairs.files"
SMOKE_TEST = BUNDLED / "pairs" / "pairs.jsonl"
Scoring = Callable[[Preferences, Path], list[ScoredPairs]]


def pairs_benchmark(subject: PolicySubject) -> BenchmarkRun | None:
    """How likely the active adapter finds the responses: of each as a whole, and per token."""
    config = subject.evaluation.config
    if TASK not in config.tasks:
        return None

    def score(source: Preferences, work: Path) -> list[ScoredPairs]:
        found = pair_likelihoods(subject.shared, source.pairs, work)
        cut = np.array([pair.cut for pair in found])
        chosen, rejected = (np.array([getattr(pair, side) for pair in found]) for side in ("chosen", "rejected"))
        lengths = np.array([[pair.chosen_tokens, pair.rejected_tokens] for pair in found])
        return [
            ScoredPairs("sum", chosen, rejected, cut),
            ScoredPairs("per_token", chosen / lengths[:, 0], rejected / lengths[:, 1], cut),
        ]

    sources = read_preference_sources(config)
    how = Provenance("own runner, log-probs of the response with its end token", TASK, str(VERSION), chat_template=True)

    def run(work: Path) -> list[Row]:
        def folder(source: Preferences) -> Path:
            return subject.outputs(work, TASK, _hash(source), version=VERSION)

        return [
            row
            for name, source in sources.items()
            for row in source_rows(subject.name, name, source, score, folder(source), how)
        ]

    return _benchmark(config, sources, run, "accuracy_sum", {"version": VERSION})


def reward_pairs_benchmark(subject: RewardSubject) -> Measurement | None:
    """The reward model's scores of the responses under each bank of ``eval.pairs.banks``."""
    config = subject.config
    if TASK not in config.tasks:
        return None
    sources, banks = read_preference_sources(config), [load_bank(spec) for spec in config.pairs.banks]

    def run(work: Path) -> list[Row]:
        with loaded_reward_model(subject.shared, subject.artifact) as model:
            columns = bank_columns(model, banks)
            how = Provenance("own runner, reward model's score", TASK, scope=_shown(model, columns, banks))

            def score(source: Preferences, folder: Path) -> list[ScoredPairs]:
                return reward_scores(model, source, columns, config.batch_size, folder)

            return [
                row
                for name, source in sources.items()
                for row in source_rows(subject.name, name, source, score, work / _hash(source), how)
            ]

    settings = {"banks": [bank.content() for bank in banks]}
    benchmark = _benchmark(config, sources, run, "accuracy_reward", settings)
    identity = reward_identity(subject.shared, subject.artifact)
    return lambda: run_benchmark(benchmark, subject.name, config, identity, subject.work)


def read_preference_sources(config: EvalConfig) -> dict[str, Preferences]:
    """The first ``eval.limit`` pairs of each file, by its name; without files those of the bundled smoke test.

    Raises:
        SalmonError: a file is missing or malformed.
    """
    files = {name: existing(f"{SETTING}.{name}", file, folder=True) for name, file in config.pairs.files.items()}
    found = {name: read_preferences(path) for name, path in (files or {MINI: SMOKE_TEST}).items()}
    return {name: replace(source, pairs=source.pairs[: config.limit]) for name, source in found.items()}


def source_rows(
    checkpoint: str, name: str, source: Preferences, score: Scoring, folder: Path, how: Provenance
) -> list[Row]:
    """All figures of one file under task ``pairs_<name>``; ``items.jsonl`` in ``folder`` has every pair and verdict."""
    scored = score(source, folder)
    rewrite_records(folder / "items.jsonl", _items(source, scored))
    rows = TaskRows(checkpoint, f"{TASK}_{name}", how)
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
        return "trained WITHOUT principles and asked without"
    return ", ".join(
        f"first {len(column)} of {len(bank.principles)} principles of {bank.name} shown together"
        for column, bank in zip(columns.values(), banks, strict=True)
    )


def _benchmark(
    config: EvalConfig,
    sources: dict[str, Preferences],
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


def _hash(source: Preferences) -> str:
    return fingerprint(TASK, 1, [list(asdict(pair).values()) for pair in source.pairs], {})


def _items(source: Preferences, scored: Sequence[ScoredPairs]) -> list[dict[str, Any]]:
    """A row a pair: its texts, and both scores and the verdict of each kind (null: not finite)."""
    columns = {
        kind.label: {
            "chosen": _finite(kind.chosen),
            "rejected": _finite(kind.rejected),
            "right": _finite(kind.right),
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


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in values.tolist()]
