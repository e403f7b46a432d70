"""From judgements to preference rows: principles drawn and negated, the label, label noise (PAPER.md 2.3)."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from salmon.config.preferences import AggregationSettings, Normalization
from salmon.core.aggregation import decide, draw_num_principles, flip, normalize_by_variance
from salmon.data.rows import PreferenceRow, ShownGuideline
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.pairs import Pair
from salmon.preferences.vetoes import Veto, planted_bias, veto_of
from salmon.principles.bank import Bank
from salmon.principles.sampling import Guideline, draw_guidelines, sample_principles
from salmon.runtime.seeding import stream


def aggregate(
    judged: JudgedPairs, settings: AggregationSettings, held_out: Set[str], seed: int
) -> tuple[list[PreferenceRow], int]:
    """Draw ``settings.passes`` rows from each pair.

    Label noise is added to training rows only: held-out rows measure the reward model against the judge.

    Args:
        judged: pairs with their judgements.
        settings: how principles are drawn and labels decided.
        held_out: ids of the prompts whose rows are held out.
        seed: of all draws.

    Returns:
        The rows, and how many draws were left out since nothing decides their label.
    """
    scores = _normalized_scores(judged, settings)
    rows, undecided = [], 0
    for pair, pair_scores in zip(judged.pairs, scores, strict=True):
        score_of = dict(zip(judged.bank.names, pair_scores.tolist(), strict=True))
        for number in range(settings.passes):
            row = _draw_row(pair, score_of, number, judged.bank, settings, pair.prompt_id in held_out, seed)
            if row is None:
                undecided += 1
            else:
                rows.append(row)
    return rows, undecided


def _normalized_scores(judged: JudgedPairs, settings: AggregationSettings) -> np.ndarray:
    """Each pair's scores [N, K], on the scale on which principles are compared with each other."""
    scores = judged.scores(settings.require_agreement)
    match settings.normalize_by_variance_of:
        case Normalization.judgements:
            return normalize_by_variance(scores, judged.both_orders)
        case Normalization.scores:
            return normalize_by_variance(scores, scores)
        case Normalization.none:
            return scores


def _draw_row(
    pair: Pair,
    score_of: Mapping[str, float],
    number: int,
    bank: Bank,
    settings: AggregationSettings,
    is_held_out: bool,
    seed: int,
) -> PreferenceRow | None:
    """Draw the row of one pass over a pair; None where nothing decides its label.

    The order of the draws from the random stream is part of the data format.
    """
    # 1. Which principles are shown, and which of them negated. An antithetic pass has the draws of the pass before it,
    #    with those of the negations mirrored.
    mirrored = settings.antithetic and number % 2 == 1
    rng = stream(seed, "aggregate", pair.id, number - mirrored)
    count = draw_num_principles(settings.geometric_p, settings.max_principles, rng)
    principles = sample_principles(bank, count, {}, rng)
    guidelines = draw_guidelines(principles, settings.negation_probability, rng, mirrored)
    scores = [score_of[g.principle.name] * (-1 if g.negated else 1) for g in guidelines]

    # 2. The label: by a veto, or by the scores of the shown principles.
    veto = veto_of(pair, settings, rng) or planted_bias(pair, bank, guidelines, settings, rng)
    decision = decide(scores, settings.label_rule.value)
    label = veto.label if veto else decision.label
    if not label:
        return None

    # 3. Noise on the label, and the two responses in random order, so that neither place is the better one more often.
    noise = settings.veto_label_noise if veto else settings.label_noise
    noisy = flip(label, 0.0 if is_held_out else noise, rng)
    swap = rng.random() < 0.5
    return PreferenceRow(
        id=f"{pair.id}-{number}",
        prompt_id=pair.prompt_id,
        prompt=pair.prompt,
        response_1=pair.response_2 if swap else pair.response_1,
        response_2=pair.response_1 if swap else pair.response_2,
        guidelines=tuple(map(_shown, guidelines)),
        scores=tuple(-s if swap else s for s in scores),
        label=1 if (noisy > 0) != swap else 2,
        decided_by=_reason(veto, decision.index, guidelines),
        flipped=noisy != label,
        split="held_out" if is_held_out else "train",
    )


def probes(judged: JudgedPairs, settings: AggregationSettings, held_out: Set[str]) -> list[PreferenceRow]:
    """Make rows of held-out pairs under one principle alone, asserted and negated, wherever the judge has an opinion.

    They measure how far the reward model obeys each principle, without noise, vetoes or other principles.
    """
    scores = judged.scores(settings.require_agreement)  # [N, K]
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


def _shown(guideline: Guideline) -> ShownGuideline:
    return ShownGuideline(guideline.principle.name, guideline.negated, guideline.text)


def _reason(veto: Veto | None, index: int | None, guidelines: Sequence[Guideline]) -> str:
    """What decided a label, as ``PreferenceRow.decided_by`` says it."""
    if veto:
        return f"veto:{veto.name}"
    return "sum" if index is None else f"principle:{guidelines[index].key}"
