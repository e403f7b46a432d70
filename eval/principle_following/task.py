"""One reward model from its artifact to its report."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np

from eval.benchmark_run import Measurement, RewardSubject
from eval.config import PrincipleFollowingSettings
from eval.principle_following import TASK
from eval.principle_following.bootstrap import PromptBootstrap, ratio
from eval.principle_following.calibration import calibration
from eval.principle_following.inputs import Inputs, read_inputs
from eval.principle_following.item_report import measure_set
from eval.principle_following.metrics import correct, matrix, measure, sensitivity
from eval.principle_following.pairs import RealPairs
from eval.principle_following.report import TRAINED, BankReport, Matrix, RealReport, Report
from eval.principle_following.scoring import score_cells
from eval.principle_following.tables import (
    Column,
    PairTable,
    PrincipleTable,
    bank_cells,
    pair_table,
    principle_tables,
    responses_of,
    truths,
)
from eval.results import Row, load_rows, save_rows
from salmon.models.base import SharedModel
from salmon.principles.bank import Bank
from salmon.reward.scorer import Cell
from salmon.reward.trained_model import RewardModel, loaded_reward_model, reward_identity
from salmon.runtime.files import storage_errors
from salmon.runtime.fingerprint import semantic
from salmon.runtime.progress import format_duration
from salmon.runtime.store import Artifact

log = logging.getLogger("salmon")

FEW_PROMPTS = 30  # below it intervals are rough


def principle_following_benchmark(subject: RewardSubject) -> Measurement | None:
    """The reward model on its principles; its files are read at once.

    Raises:
        SalmonError: a file is missing or malformed.
    """
    if TASK not in subject.config.tasks:
        return None
    settings = subject.config.principle_following
    inputs = read_inputs(settings, subject.artifact, subject.seed)
    return lambda: evaluate_reward_model(
        subject.shared, subject.artifact, subject.name, settings, inputs, subject.seed, subject.work
    )


def evaluate_reward_model(
    shared: SharedModel,
    artifact: Artifact,
    name: str,
    settings: PrincipleFollowingSettings,
    inputs: Inputs,
    seed: int,
    work: Path,
) -> list[Row]:
    """Rows of one reward model, and its report in ``work/principle_following``; what is finished is not redone.

    Raises:
        SalmonError: the artifact is not complete, or a folder cannot be written.
    """
    folder, finished = work / TASK, work / f"{TASK}.json"
    key = {
        "identity": reward_identity(shared, artifact),
        "settings": semantic(settings),
        "seed": seed,
        "inputs": inputs.key(),
    }
    rows = load_rows(finished, key)
    if rows is not None:
        log.info("%s: %s is done already", name, TASK)
        return [replace(row, checkpoint=name) for row in rows]
    started = time.monotonic()
    with loaded_reward_model(shared, artifact) as model:
        report = measure_model(model, name, settings, inputs, seed, folder)
    with storage_errors(folder):
        report.write(folder)
        save_rows(finished, key, report.rows())
    log.info("%s: %s in %s (%s)", name, TASK, format_duration(time.monotonic() - started), folder / "report.md")
    return report.rows()


def measure_model(
    model: RewardModel, name: str, settings: PrincipleFollowingSettings, inputs: Inputs, seed: int, folder: Path
) -> Report:
    """Score everything and compute all figures; the scores are kept in ``folder``."""
    responses = responses_of(inputs.pairs)
    tokens = {response: model.tokens(response[1]) for response in responses}
    pairs = pair_table(inputs.pairs, tokens)
    known = {prefix: truths(bank, inputs.pairs) for prefix, bank in inputs.banks.items()}
    shown = [model.first_that_fit(bank) for bank in inputs.real_banks]
    cells = _all_cells(inputs, known, shown)
    scores = dict(zip(cells, score_cells(model, cells, 2 * settings.batch_size, folder).tolist(), strict=True))
    if pairs.prompts < FEW_PROMPTS:
        log.warning(
            "%s: %s has %d prompts; intervals of fewer than %d are rough", name, TASK, pairs.prompts, FEW_PROMPTS
        )
    bootstrap = PromptBootstrap(pairs.prompts, settings.bootstrap, seed)
    tables = {
        prefix: principle_tables(bank, known[prefix], inputs.pairs, scores, everywhere=prefix == TRAINED)
        for prefix, bank in inputs.banks.items()
    }
    banks = {prefix: _bank_report(inputs.banks[prefix].name, tables[prefix], pairs, bootstrap) for prefix in tables}
    measured, reference, counts = matrix(tables[TRAINED])
    facts = {
        "n_pairs": len(inputs.pairs),
        "n_prompts": pairs.prompts,
        "n_tied": sum(int((table.truth == 0).sum()) for table in tables[TRAINED]),
        "n_cut": sum(n > model.limits.max_response_tokens for n in tokens.values()),
    }
    return Report(
        name,
        _about(model, inputs, settings, pairs.prompts),
        facts,
        banks,
        Matrix([table.name for table in tables[TRAINED]], measured, reference, counts.tolist()),
        [
            _real_report(source, real, bank, column, scores, settings, seed)
            for source, real in inputs.real.items()
            for bank, column in zip(inputs.real_banks, shown, strict=True)
        ],
        [measure_set(model, items, scores, settings.bootstrap, seed) for items in inputs.items],
    )


def _all_cells(inputs: Inputs, known: Mapping[str, Mapping[str, np.ndarray]], shown: Sequence[Column]) -> list[Cell]:
    """Everything to score, each once, so that a response which several parts ask about is read once.

    Args:
        known: by the prefix of a bank, and by principle, what the checks say of the pairs.
        shown: what is read while pairs with a human preference are scored.
    """
    parts = [
        bank_cells(bank, known[prefix], inputs.pairs, everywhere=prefix == TRAINED)
        for prefix, bank in inputs.banks.items()
    ]
    parts += [
        [(response, column) for response in responses_of(real.pairs) for column in shown]
        for real in inputs.real.values()
    ]
    parts += [items.cells() for items in inputs.items]
    return list(dict.fromkeys(chain.from_iterable(parts)))


def _bank_report(name: str, tables: list[PrincipleTable], pairs: PairTable, bootstrap: PromptBootstrap) -> BankReport:
    return BankReport(
        name,
        measure(tables, pairs, bootstrap),
        sensitivity(tables, pairs, bootstrap),
        calibration(tables, pairs, bootstrap),
    )


def _real_report(
    source: str,
    real: RealPairs,
    bank: Bank,
    column: Column,
    scores: Mapping[Cell, float],
    settings: PrincipleFollowingSettings,
    seed: int,
) -> RealReport:
    responses = responses_of(real.pairs)
    pairs = pair_table(real.pairs, {response: 0 for response in responses})
    of_each = np.array([scores[response, column] for response in responses])
    right = correct(of_each[pairs.first] - of_each[pairs.second], np.ones(len(real.pairs)))
    bootstrap = PromptBootstrap(pairs.prompts, settings.bootstrap, seed)
    draws = ratio(bootstrap.sums(right, pairs.prompt), bootstrap.sums(np.ones_like(right), pairs.prompt))
    return RealReport(
        source,
        bank.name,
        len(column),
        len(bank.principles),
        real.skipped,
        bootstrap.estimate(draws, len(right), pairs.prompts, share=True),
    )


def _about(model: RewardModel, inputs: Inputs, settings: PrincipleFollowingSettings, prompts: int) -> str:
    banks = ", ".join(bank.name + (f" as {prefix}..." if prefix else "") for prefix, bank in inputs.banks.items())
    limited = "" if settings.limit is None else f"LIMITED to {settings.limit} pairs, of drawn prompts; "
    asked = "" if model.reads_principles else "this model was trained WITHOUT principles and is asked without; "
    few = f"FEW PROMPTS: intervals of {prompts} are rough; " if prompts < FEW_PROMPTS else ""
    return (
        f"{limited}{few}{asked}banks {banks} on {inputs.pairs_source}; ties of a check are left out; a figure "
        "without a principle's name is the mean over principles (rare ones included, which widens its "
        f"interval); in brackets 95 % intervals by bootstrap over prompts ({settings.bootstrap} resamples)"
    )
