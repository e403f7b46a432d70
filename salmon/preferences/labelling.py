"""From judgements to preference rows: principles drawn and negated, veto rules, label, noise (PAPER.md 2.3)."""

import json
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from salmon.config.preferences import AggregationSettings
from salmon.core.aggregation import combine_orders, decide, draw_num_principles, flip, normalize_by_variance
from salmon.data.language import detect_language
from salmon.data.rows import Judgement, PreferenceRow, ShownGuideline
from salmon.errors import SalmonError
from salmon.preferences.judging import Pair
from salmon.principles.bank import Bank
from salmon.principles.sampling import Guideline, draw_guidelines, sample_principles
from salmon.principles.verifiers import compare
from salmon.runtime.seeding import stream

AI_DISCLAIMER = "as an ai language model"


@dataclass(frozen=True)
class JudgedPairs:
    """N pairs with their judgements by the K principles of a bank."""

    pairs: list[Pair]
    judgements: list[list[Judgement]]  # [N][K]
    bank: Bank

    @cached_property
    def forward(self) -> np.ndarray:
        """Log-odds [N, K] that response 1 is better, judged in the order (1, 2)."""
        return np.array([[j.forward for j in row] for row in self.judgements])

    @cached_property
    def backward(self) -> np.ndarray:
        """The same [N, K], judged in the order (2, 1)."""
        return np.array([[j.backward for j in row] for row in self.judgements])

    def scores(self, require_agreement: bool) -> np.ndarray:
        """Scores [N, K]: the mean of both orders; 0 where they disagree, if agreement is required."""
        if not require_agreement:
            return (self.forward + self.backward) / 2
        return np.array(
            [
                [combine_orders(f, b)[0] for f, b in zip(fs, bs, strict=True)]
                for fs, bs in zip(self.forward, self.backward, strict=True)
            ]
        )


def usable_pairs(pairs: Sequence[Pair], min_chars: int) -> list[Pair]:
    """Pairs of two long enough, different answers."""
    return [
        pair
        for pair in pairs
        if min(len(pair.response_1), len(pair.response_2)) >= min_chars and pair.response_1 != pair.response_2
    ]


def training_pairs(folder: Path, min_chars: int) -> list[Pair]:
    """The usable pairs of a finished preferences artifact, without those of its held-out prompts.

    ``min_chars``: the ``preferences.min_response_chars`` that it was made with.
    """
    held_out = _held_out_ids(folder)
    return [pair for pair in _sampled_pairs(folder, min_chars) if pair.prompt_id not in held_out]


def judged_training_pairs(folder: Path, bank: Bank, min_chars: int) -> JudgedPairs:
    """The same pairs with their judgements by the principles of ``bank``, the one that they were judged by."""
    held_out = _held_out_ids(folder)
    judgements = [[Judgement(**j) for j in row["judgements"]] for row in _records(folder / "judgements.jsonl")]
    kept = [
        (pair, row)
        for pair, row in zip(_sampled_pairs(folder, min_chars), judgements, strict=True)
        if pair.prompt_id not in held_out
    ]
    return JudgedPairs([pair for pair, _ in kept], [row for _, row in kept], bank)


def _sampled_pairs(folder: Path, min_chars: int) -> list[Pair]:
    return usable_pairs([Pair(**row) for row in _records(folder / "pairs.jsonl")], min_chars)


def _held_out_ids(folder: Path) -> set[str]:
    return {row["prompt_id"] for row in _records(folder / "held_out_pairs.jsonl")}


def _records(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@dataclass(frozen=True)
class Veto:
    """A rule that decides instead of the principles."""

    label: int | None  # +1 / -1; None: the pair is skipped
    name: str


def aggregate(
    judged: JudgedPairs, settings: AggregationSettings, held_out: Set[str], seed: int
) -> tuple[list[PreferenceRow], int]:
    """Draw ``passes`` rows from each pair; returns the rows and how many were left undecided.

    Label noise is added to training rows only: held-out rows measure the reward model against the judge.
    """
    scores = judged.scores(settings.require_agreement)
    if settings.normalize_variance:
        scores = normalize_by_variance(scores)
    index_of = {name: k for k, name in enumerate(judged.bank.names)}
    rows, undecided = [], 0
    for n, pair in enumerate(judged.pairs):
        for passage in range(settings.passes):
            mirrored = settings.antithetic and passage % 2 == 1  # the same draws as in the pass before, mirrored
            rng = stream(seed, "aggregate", pair.id, passage - mirrored)
            count = draw_num_principles(settings.geometric_p, settings.max_principles, rng)
            chosen = sample_principles(judged.bank, count, {}, rng)
            guidelines = draw_guidelines(chosen, settings.negation_probability, rng, mirrored)
            shown = [float(scores[n, index_of[g.principle.name]]) * (-1 if g.negated else 1) for g in guidelines]
            veto = veto_of(pair, settings, rng) or biased(pair, judged.bank, guidelines, settings, rng)
            decision = decide(shown, settings.label_rule.value)
            label = veto.label if veto else decision.label
            if not label:
                undecided += 1
                continue
            noise = settings.veto_label_noise if veto else settings.label_noise
            is_held_out = pair.prompt_id in held_out
            final = flip(label, 0.0 if is_held_out else noise, rng)
            swap = rng.random() < 0.5  # so that neither place is the better one more often
            rows.append(
                PreferenceRow(
                    id=f"{pair.id}-{passage}",
                    prompt_id=pair.prompt_id,
                    prompt=pair.prompt,
                    response_1=pair.response_2 if swap else pair.response_1,
                    response_2=pair.response_1 if swap else pair.response_2,
                    guidelines=tuple(map(_shown, guidelines)),
                    scores=tuple(-s if swap else s for s in shown),
                    label=1 if (final > 0) != swap else 2,
                    decided_by=_reason(veto, decision.index, [g.key for g in guidelines]),
                    flipped=final != label,
                    split="held_out" if is_held_out else "train",
                )
            )
    return rows, undecided


def probes(judged: JudgedPairs, settings: AggregationSettings, held_out: Set[str]) -> list[PreferenceRow]:
    """Held-out pairs under one principle alone, asserted and negated, wherever the judge has an opinion.

    They measure how far the reward model obeys each principle, without noise, vetoes or other principles.
    """
    scores = judged.scores(settings.require_agreement)
    rows = []
    for n, pair in enumerate(judged.pairs):
        if pair.prompt_id not in held_out:
            continue
        for k, principle in enumerate(judged.bank.principles):
            for negated in (False, True):
                if scores[n, k] == 0 or (negated and principle.negative_definition is None):
                    continue
                guideline, score = Guideline(principle, negated), float(scores[n, k]) * (-1 if negated else 1)
                rows.append(
                    PreferenceRow(
                        id=f"{pair.id}-{guideline.key}",
                        prompt_id=pair.prompt_id,
                        prompt=pair.prompt,
                        response_1=pair.response_1,
                        response_2=pair.response_2,
                        guidelines=(_shown(guideline),),
                        scores=(score,),
                        label=1 if score > 0 else 2,
                        decided_by=f"principle:{guideline.key}",
                        flipped=False,
                        split="held_out",
                    )
                )
    return rows


def veto_of(pair: Pair, settings: AggregationSettings, rng: np.random.Generator) -> Veto | None:
    """The first rule that applies: an AI disclaimer in one answer only, or a foreign language in one only.

    Both answers in another language than the prompt say nothing about preference: the pair is skipped.
    """
    if settings.ai_disclaimer_veto:
        one, two = (AI_DISCLAIMER in text.lower() for text in (pair.response_1, pair.response_2))
        if one != two and rng.random() < settings.ai_disclaimer_veto:
            return Veto(-1 if one else 1, "ai_disclaimer")
    if settings.language_veto:
        expected = detect_language(pair.prompt)
        found = [detect_language(text) for text in (pair.response_1, pair.response_2)]
        foreign = [expected is not None and language not in (None, expected) for language in found]
        if all(foreign):
            return Veto(None, "language")
        if any(foreign):
            return Veto(-1 if foreign[0] else 1, "language")
    return None


def biased(
    pair: Pair, bank: Bank, guidelines: Sequence[Guideline], settings: AggregationSettings, rng: np.random.Generator
) -> Veto | None:
    """A planted fault: labels go AGAINST one principle wherever it is not shown (asserted or negated).

    A reward model trained on them likes what the principle forbids, and can still be told not to.

    Raises:
        SalmonError: the bank has no such principle, or it has no check.
    """
    name = settings.planted_bias
    if name is None or any(guideline.principle.name == name for guideline in guidelines):
        return None
    check = next((p.check for p in bank.principles if p.name == name), None)
    if check is None:
        raise SalmonError(
            f"preferences.aggregation.planted_bias={name}: {bank.name} has no principle of this name with a check"
        )
    score = compare(check, pair.prompt, pair.response_1, pair.response_2)
    applies = rng.random() < settings.planted_bias_probability
    return Veto(-1 if score > 0 else 1, "planted_bias") if score and applies else None


def _shown(guideline: Guideline) -> ShownGuideline:
    return ShownGuideline(guideline.principle.name, guideline.negated, guideline.text)


def _reason(veto: Veto | None, index: int | None, keys: list[str]) -> str:
    if veto:
        return f"veto:{veto.name}"
    return "sum" if index is None else f"principle:{keys[index]}"
