"""From judgements to rows: signs, vetoes, noise and provenance."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from pytest import approx

from salmon.config.preferences import LabelRule, Normalization
from salmon.data.rows import Judgement, PreferenceRow
from salmon.preferences.aggregation import aggregate, probes
from salmon.preferences.judgements import JudgedPairs
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from tests.preferences.examples import BIASED, CHECKED, CHINESE, DISCLAIMER, ENGLISH, GERMAN, PAIR, PRAISE, SETTINGS

BANK = Bank(
    "test",
    (
        Principle("Concise", "Short.", "Long-winded."),
        Principle("Honest", "Sincere.", "Misleading."),
        Principle("Safe", "Harmless.", None),
    ),
)
# Means of both orders: Concise +1.5, Honest -2, Safe: orders disagree.
JUDGED = {"Concise": (2.0, 1.0), "Honest": (-3.0, -1.0), "Safe": (4.0, -3.0)}
SCORES = {"Concise": 1.5, "Honest": -2.0, "Safe": 0.0}


def judged(*pairs: Pair, logodds: dict[str, tuple[float, float]] = JUDGED) -> JudgedPairs:
    rows = [[Judgement(pair.prompt_id, name, *logodds[name]) for name in BANK.names] for pair in pairs]
    return JudgedPairs(list(pairs), rows, BANK)


def rows_of(*pairs: Pair, held_out: set[str] = frozenset(), seed: int = 0, **changes) -> list[PreferenceRow]:
    return aggregate(judged(*pairs), replace(SETTINGS, **changes), held_out, seed)[0]


def is_swapped(row: PreferenceRow, pair: Pair = PAIR) -> bool:
    assert {row.response_1, row.response_2} == {pair.response_1, pair.response_2}
    return row.response_1 == pair.response_2


def preferred(row: PreferenceRow) -> str:
    return row.response_1 if row.label == 1 else row.response_2


def own_scores(row: PreferenceRow) -> list[float]:
    """The literal scores of the shown guidelines, in favour of PAIR's first response."""
    return [SCORES[g.name] * (-1 if g.negated else 1) for g in row.guidelines]


def test_scores_are_the_mean_of_both_orders_where_they_agree() -> None:
    assert judged(PAIR).scores(require_agreement=True).tolist() == [[1.5, -2.0, 0.0]]
    assert judged(PAIR).scores(require_agreement=False).tolist() == [[1.5, -2.0, 0.5]]


def test_negation_turns_the_sign_of_a_score() -> None:
    seen = Counter()
    for row in rows_of(PAIR):
        shown = own_scores(row)
        assert list(row.scores) == ([-s for s in shown] if is_swapped(row) else shown)
        seen.update((g.name, g.negated) for g in row.guidelines)
    assert set(seen) == {("Concise", False), ("Concise", True), ("Honest", False), ("Honest", True), ("Safe", False)}


def test_the_most_pronounced_score_decides() -> None:
    """Honest (2) outweighs Concise (1.5); Safe has no opinion. Negated, each argues for the other response."""
    for row in rows_of(PAIR):
        shown = {g.name: g.negated for g in row.guidelines}
        decisive = "Honest" if "Honest" in shown else "Concise"
        first_is_better = (decisive == "Concise") != shown[decisive]
        assert preferred(row) == (PAIR.response_1 if first_is_better else PAIR.response_2)
        assert row.decided_by == f"principle:{'not ' if shown[decisive] else ''}{decisive}"
        assert not row.flipped


def test_the_sum_decides_under_the_other_rule() -> None:
    """Concise, not Honest: 1.5 + 2 = 3.5; not Concise, Honest: -3.5; Concise, Honest: -0.5; both negated: 0.5."""
    rows = rows_of(PAIR, label_rule=LabelRule.sum)
    for row in rows:
        assert preferred(row) == (PAIR.response_1 if sum(own_scores(row)) > 0 else PAIR.response_2)
        assert row.decided_by == "sum"
    pronounced = {row.id: preferred(row) for row in rows_of(PAIR)}
    assert {preferred(r) for r in rows} == {PAIR.response_1, PAIR.response_2}
    assert [pronounced[r.id] for r in rows] == [preferred(r) for r in rows]  # equal for these scores, by arithmetic


def test_rows_without_an_opinion_are_counted_not_written() -> None:
    rows, undecided = aggregate(judged(PAIR), SETTINGS, set(), seed=0)
    assert undecided > 0 and len(rows) + undecided == SETTINGS.passes
    assert all(any(score != 0 for score in row.scores) for row in rows)
    only_ties = dict.fromkeys(BANK.names, (1.0, -1.0))
    assert aggregate(judged(PAIR, logodds=only_ties), SETTINGS, set(), 0) == ([], SETTINGS.passes)


def test_the_label_moves_with_the_responses() -> None:
    """Places are exchanged in half of the rows; the label points to the response that the row's scores prefer."""
    rows = rows_of(PAIR, passes=2000)
    for row in rows:
        strongest = max(row.scores, key=abs)
        assert row.label == (1 if strongest > 0 else 2)
    swapped = np.mean([is_swapped(row) for row in rows])
    assert abs(swapped - 0.5) < 3 * 0.5 / np.sqrt(len(rows))
    assert abs(np.mean([row.label for row in rows]) - 1.5) < 3 * 0.5 / np.sqrt(len(rows))


def test_provenance() -> None:
    texts = {
        ("Concise", False): "Short.",
        ("Concise", True): "Long-winded.",
        ("Honest", False): "Sincere.",
        ("Honest", True): "Misleading.",
        ("Safe", False): "Harmless.",
    }
    rows, _ = aggregate(judged(PAIR), replace(SETTINGS, require_agreement=False), {"other"}, seed=0)
    assert [row.id for row in rows] == [f"p1-0-{n}" for n in range(200)]  # require_agreement=False leaves no tie here
    for row in rows:
        assert (row.prompt_id, row.prompt, row.split) == ("p1", PAIR.prompt, "train")
        assert all(g.text == texts[g.name, g.negated] for g in row.guidelines)
        assert len({g.name for g in row.guidelines}) == len(row.guidelines) == len(row.scores)
    assert {len(row.guidelines) for row in rows} == {1, 2, 3}


def test_scores_are_divided_by_their_variance_over_the_pairs() -> None:
    """Concise: 4 and 0, mean 2, variance 4, so 1 and 0. Honest: 1 and -1, variance 1, unchanged. Safe: constant, 0."""
    one, two = PAIR, replace(PAIR, prompt_id="p2")
    table = {"p1": {"Concise": 4.0, "Honest": 1.0, "Safe": 2.0}, "p2": {"Concise": 0.0, "Honest": -1.0, "Safe": 2.0}}
    pairs = JudgedPairs([one, two], [[Judgement(p, n, v, v) for n, v in table[p].items()] for p in table], BANK)
    settings = replace(SETTINGS, normalize_by_variance_of=Normalization.judgements, negation_probability=0.0)
    rows, _ = aggregate(pairs, settings, set(), seed=0)
    expected = {"p1": {"Concise": 1.0, "Honest": 1.0, "Safe": 0.0}, "p2": {"Concise": 0.0, "Honest": -1.0, "Safe": 0.0}}
    for row in rows:
        turn = -1 if is_swapped(row) else 1
        assert list(row.scores) == [turn * expected[row.prompt_id][g.name] for g in row.guidelines]


# Opinions (3, 3, 6) of a judge who likes the first place by 2, so that the orders say opinion + 2 and opinion - 2,
# beside opinions (2, -2, 0) of one who does not look at the place. Variance of the judgements: 2 + 2^2 = 6 and 8/3; of
# the scores: 2 and 8/3.
BY_PLACE = {"Concise": [(5.0, 1.0), (5.0, 1.0), (8.0, 4.0)], "Honest": [(2.0, 2.0), (-2.0, -2.0), (0.0, 0.0)]}


@pytest.mark.parametrize(
    ("variance_of", "concise", "share"),
    [
        (Normalization.judgements, [0.5, 0.5, 1.0], 1 / 3),  # Honest says 0.75, -0.75, 0
        (Normalization.scores, [1.5, 1.5, 3.0], 1.0),
        (Normalization.none, [3.0, 3.0, 6.0], 1.0),
    ],
)
def test_a_principle_that_is_judged_by_the_place_decides_less(
    variance_of: Normalization, concise: list[float], share: float
) -> None:
    pairs = [replace(PAIR, prompt_id=f"p{n}") for n in range(3)]
    bank = Bank("two", BANK.principles[:2])
    rows = [[Judgement(pair.prompt_id, name, *BY_PLACE[name][n]) for name in BY_PLACE] for n, pair in enumerate(pairs)]
    settings = replace(SETTINGS, normalize_by_variance_of=variance_of, negation_probability=0.0)

    made, _ = aggregate(JudgedPairs(pairs, rows, bank), settings, set(), seed=0)
    both_shown = {row.prompt_id: row for row in made if len(row.guidelines) == 2}
    assert len(both_shown) == 3
    assert [
        abs(row.scores[[g.name for g in row.guidelines].index("Concise")]) for row in both_shown.values()
    ] == approx(concise)
    assert np.mean([row.decided_by == "principle:Concise" for row in both_shown.values()]) == approx(share)


def test_the_same_seed_gives_the_same_rows_whatever_else_is_judged() -> None:
    other = Pair("p2", "Other?", "x", "y")
    rows = rows_of(PAIR)
    assert rows == rows_of(PAIR)
    assert rows != rows_of(PAIR, seed=1)
    assert rows == [row for row in rows_of(other, PAIR) if row.prompt_id == "p1"]
    fewer = rows_of(PAIR, passes=20)
    assert fewer == rows[: len(fewer)]


# --- label noise -------------------------------------------------------------------------------


@pytest.mark.slow
def test_label_noise_turns_the_stated_share_of_labels() -> None:
    """4,000 rows or more: three standard errors of 0.1 are 3 x sqrt(0.09 / 4000) = 0.0142."""
    clean = {row.id: row for row in rows_of(PAIR, passes=5000)}
    noisy = rows_of(PAIR, passes=5000, label_noise=0.1)
    assert len(noisy) >= 4000 and {row.id for row in noisy} == set(clean)
    for row in noisy:
        same = replace(row, label=clean[row.id].label, flipped=False)
        assert same == clean[row.id]  # noise changes label and mark, and no later draw
        assert row.flipped == (row.label != clean[row.id].label)
    assert abs(np.mean([row.flipped for row in noisy]) - 0.1) < 0.0142


def test_certain_noise_turns_every_label() -> None:
    for row in rows_of(PAIR, label_noise=1.0):
        assert row.flipped and row.label == (2 if max(row.scores, key=abs) > 0 else 1)


def test_held_out_rows_are_never_turned() -> None:
    rows = rows_of(PAIR, replace(PAIR, prompt_id="p2"), held_out={"p2"}, label_noise=1.0, veto_label_noise=1.0)
    assert {(row.prompt_id, row.split, row.flipped) for row in rows} == {
        ("p1", "train", True),
        ("p2", "held_out", False),
    }
    assert all(row.label == (1 if max(row.scores, key=abs) > 0 else 2) for row in rows if row.split == "held_out")


# --- vetoes and the planted bias ---------------------------------------------------------------


def test_a_veto_overrules_the_principles() -> None:
    """Concise prefers response 1 by 1.5; its disclaimer makes it lose all the same."""
    pair = replace(PAIR, response_1=DISCLAIMER)
    settings = {"geometric_p": 1.0, "negation_probability": 0.0, "ai_disclaimer_veto": 1.0, "passes": 50}
    rows = rows_of(pair, **settings)
    assert len(rows) == 50  # also where the principle has no opinion
    for row in rows:
        assert preferred(row) == pair.response_2
        assert row.decided_by == "veto:ai_disclaimer" and not row.flipped
        assert row.guidelines and list(map(abs, row.scores)) == [abs(SCORES[row.guidelines[0].name])]


def test_pairs_in_foreign_languages_are_skipped() -> None:
    pair = Pair("p1", ENGLISH, CHINESE, GERMAN)
    assert aggregate(judged(pair), replace(SETTINGS, language_veto=True), set(), 0) == ([], SETTINGS.passes)


def test_vetoed_rows_have_noise_of_their_own() -> None:
    vetoed, plain = replace(PAIR, response_1=DISCLAIMER), replace(PAIR, prompt_id="p2")
    rows = rows_of(vetoed, plain, ai_disclaimer_veto=1.0, label_noise=0.0, veto_label_noise=1.0)
    assert {(row.decided_by.startswith("veto:"), row.flipped) for row in rows} == {(True, True), (False, False)}


def test_rows_say_which_labels_the_bias_gave() -> None:
    """All judgements favour the modest answer; the bias turns exactly the rows that do not show the principle."""
    judgements = [[Judgement("p1", name, -1.0, -1.0) for name in CHECKED.names]]
    settings = replace(BIASED, passes=300, negation_probability=0.0)
    rows, undecided = aggregate(JudgedPairs([PRAISE], judgements, CHECKED), settings, set(), seed=0)
    assert (len(rows), undecided) == (300, 0)
    kinds = Counter()
    for row in rows:
        told = any(g.name == "No Self-Praise" for g in row.guidelines)
        assert row.decided_by.startswith("principle:") if told else row.decided_by == "veto:planted_bias"
        assert preferred(row) == (PRAISE.response_2 if told else PRAISE.response_1)
        kinds[told] += 1
    assert min(kinds[True], kinds[False]) > 50


# --- probes ------------------------------------------------------------------------------------


def test_probes_ask_one_principle_at_a_time() -> None:
    """Held-out pairs only, unswapped; Safe has no opinion (and no negation), so it is not asked."""
    other = replace(PAIR, prompt_id="p2")
    made = probes(judged(PAIR, other), replace(SETTINGS, label_noise=1.0), {"p2"})
    assert [(p.id, p.guidelines[0].text, p.scores, p.label) for p in made] == [
        ("p2-0-Concise", "Short.", (1.5,), 1),
        ("p2-0-not Concise", "Long-winded.", (-1.5,), 2),
        ("p2-0-Honest", "Sincere.", (-2.0,), 2),
        ("p2-0-not Honest", "Misleading.", (2.0,), 1),
    ]
    for probe in made:
        assert (probe.response_1, probe.response_2, probe.split) == (PAIR.response_1, PAIR.response_2, "held_out")
        assert not probe.flipped and len(probe.guidelines) == 1
    assert [p.decided_by for p in made[:2]] == ["principle:Concise", "principle:not Concise"]
    assert probes(judged(PAIR), SETTINGS, set()) == []


def test_probes_include_what_has_no_negation_once() -> None:
    made = probes(judged(PAIR), replace(SETTINGS, require_agreement=False), {"p1"})
    assert [(p.guidelines[0].name, p.guidelines[0].negated) for p in made][-1] == ("Safe", False)
    assert len(made) == 5 and made[-1].scores == (0.5,)


def test_antithetic_passes_show_the_same_principles_both_ways() -> None:
    rows = rows_of(PAIR, antithetic=True, geometric_p=0.4, require_agreement=False)
    by_pass = {int(row.id.rpartition("-")[2]): row for row in rows}
    both = [(row, by_pass[n + 1]) for n, row in by_pass.items() if n % 2 == 0 and n + 1 in by_pass]
    assert len(both) > 90
    for one, other in both:
        assert [g.name for g in one.guidelines] == [g.name for g in other.guidelines]
        can = [BANK.principles[BANK.names.index(g.name)].negative_definition is not None for g in one.guidelines]
        assert [a.negated != b.negated for a, b in zip(one.guidelines, other.guidelines, strict=True)] == can
        if all(can):  # every score turns, and so does what is preferred
            assert own_scores(one) == [-s for s in own_scores(other)] and preferred(one) != preferred(other)
    assert len({one.guidelines for one, _ in both}) > 6  # and each two are drawn anew
