"""From judgements to preference rows: principles drawn and negated, veto rules, label, noise (PAPER.md 2.3)."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from salmon.config.schema import AggregationSettings
from salmon.core.aggregation import combine_orders, decide, draw_num_principles, flip, normalize_by_variance
from salmon.data.language import detect_language
from salmon.data.rows import Judgement, PreferenceRow, ShownGuideline
from salmon.judging import Pair
from salmon.principles.bank import Bank
from salmon.principles.sampling import Guideline, draw_guidelines
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
        return np.array([[combine_orders(f, b)[0] for f, b in zip(fs, bs, strict=True)]
                         for fs, bs in zip(self.forward, self.backward, strict=True)])


@dataclass(frozen=True)
class Veto:
    """A rule that decides instead of the principles."""

    label: int | None  # +1 / -1; None: the pair is skipped
    name: str


def aggregate(judged: JudgedPairs, settings: AggregationSettings, held_out: Set[str], seed: int
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
            rng = stream(seed, "aggregate", pair.prompt_id, passage)
            count = draw_num_principles(settings.geometric_p, settings.max_principles, rng)
            chosen = [judged.bank.principles[k] for k in rng.permutation(len(judged.bank.principles))[:count]]
            guidelines = draw_guidelines(chosen, settings.negation_probability, rng)
            shown = [float(scores[n, index_of[g.principle.name]]) * (-1 if g.negated else 1) for g in guidelines]
            veto = veto_of(pair, settings, rng)
            decision = decide(shown, settings.label_rule.value)
            label = veto.label if veto else decision.label
            if not label:
                undecided += 1
                continue
            noise = settings.veto_label_noise if veto else settings.label_noise
            is_held_out = pair.prompt_id in held_out
            final = flip(label, 0.0 if is_held_out else noise, rng)
            swap = rng.random() < 0.5  # so that neither place is the better one more often
            rows.append(PreferenceRow(
                id=f"{pair.prompt_id}-{passage}", prompt_id=pair.prompt_id, prompt=pair.prompt,
                response_1=pair.response_2 if swap else pair.response_1,
                response_2=pair.response_1 if swap else pair.response_2,
                guidelines=tuple(map(_shown, guidelines)),
                scores=tuple(-s if swap else s for s in shown),
                label=1 if (final > 0) != swap else 2,
                decided_by=_reason(veto, decision.index, [g.key for g in guidelines]),
                flipped=final != label, split="held_out" if is_held_out else "train",
            ))  # fmt: skip
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
                rows.append(PreferenceRow(
                    id=f"{pair.prompt_id}-{guideline.key}", prompt_id=pair.prompt_id, prompt=pair.prompt,
                    response_1=pair.response_1, response_2=pair.response_2, guidelines=(_shown(guideline),),
                    scores=(score,), label=1 if score > 0 else 2, decided_by=f"principle:{guideline.key}",
                    flipped=False, split="held_out",
                ))  # fmt: skip
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


def _shown(guideline: Guideline) -> ShownGuideline:
    return ShownGuideline(guideline.principle.name, guideline.negated, guideline.text)


def _reason(veto: Veto | None, index: int | None, keys: list[str]) -> str:
    if veto:
        return f"veto:{veto.name}"
    return "sum" if index is None else f"principle:{keys[index]}"
