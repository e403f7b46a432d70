"""Which pairs are made of a prompt's samples, and how contrast pairs differ."""

from collections import Counter

import numpy as np

from salmon.config.preferences import PreferencesConfig
from salmon.data.rows import Prompt
from salmon.data.styles import GENERIC_ADVICE, SELF_PRAISE
from salmon.preferences.pairs import Pair, Sample, pair_up

PROMPT = Prompt("p1", "Which fish swim upriver?")
SAMPLES = [Sample("Salmon do. And tro", False), Sample("Trout do.", True), Sample("Eels do.", True)]
WHOLE = ["Salmon do.", "Trout do.", "Eels do."]
CLOSINGS = {"self_praise": SELF_PRAISE, "generic_advice": GENERIC_ADVICE}
STYLES = {"self_praise": 0.5, "generic_advice": 0.5}


def settings(**changes) -> PreferencesConfig:
    return PreferencesConfig(**{"pairs_per_prompt": 1, "styles": {}, "contrast": 0.0} | changes)


def parts(text: str) -> tuple[str, dict[str, str]]:
    """The sample that a response was made of, and the closing of each of its styles."""
    base = next(whole for whole in WHOLE if text.startswith(whole))
    found = {style: option for style, options in CLOSINGS.items() for option in options if option in text}
    assert len(text) == len(base) + sum(len(option) + 1 for option in found.values())
    return base, found


def test_two_samples_without_styles_stay_as_they_are() -> None:
    """As they were before there were styles, unfinished sentence included: the paper's artifacts are unchanged."""
    for seed in range(5):
        assert pair_up(PROMPT, SAMPLES[:2], settings(), seed) == [
            Pair("p1", PROMPT.prompt, "Salmon do. And tro", "Trout do.", 0, finished_1=False)
        ]


def test_more_samples_make_random_pairs_of_two_different_ones() -> None:
    pairs = pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=300), 0)
    assert [pair.number for pair in pairs] == list(range(300)) and len({pair.id for pair in pairs}) == 300
    seen = Counter((pair.response_1, pair.response_2) for pair in pairs)
    assert set(seen) == {(a.text, b.text) for a in SAMPLES for b in SAMPLES if a != b}
    assert all(abs(count - 50) < 4 * np.sqrt(300 * 5 / 36) for count in seen.values())


def test_contrast_pairs_are_one_sample_with_one_style_exchanged() -> None:
    pairs = pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=200, styles=STYLES, contrast=1.0), 0)
    bases, turned = Counter(), Counter()
    for pair in pairs:
        (base, one), (other, two) = parts(pair.response_1), parts(pair.response_2)
        assert base == other
        (gone,), (come,) = set(one) - set(two), set(two) - set(one)
        assert all(one[name] == two[name] for name in set(one) & set(two))  # the same sentence: nothing else differs
        bases[base] += 1
        turned[gone, come] += 1
    assert set(bases) == set(WHOLE)
    assert len(turned) == 2 and min(turned.values()) > 50  # either way round


def test_other_pairs_are_two_samples_in_styles_of_their_own() -> None:
    """Of two styles with probability 1/2 each, none differs in 1/4 of the pairs, one in 1/2, both in 1/4."""
    pairs = pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=400, styles=STYLES), 0)
    differ, sentences = Counter(), Counter()
    for pair in pairs:
        (base, one), (other, two) = parts(pair.response_1), parts(pair.response_2)
        assert base != other
        differ[len(set(one) ^ set(two))] += 1
        if "self_praise" in one and "self_praise" in two:
            sentences[one["self_praise"] == two["self_praise"]] += 1
    assert all(abs(differ[n] / 400 - share) < 0.075 for n, share in ((0, 0.25), (1, 0.5), (2, 0.25)))
    assert sentences[False] > sentences[True]  # drawn for each response: the same one in 1 of 5


def test_the_stated_share_is_contrast() -> None:
    pairs = pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=400, styles=STYLES, contrast=0.3), 0)
    same = np.mean([parts(pair.response_1)[0] == parts(pair.response_2)[0] for pair in pairs])
    assert abs(same - 0.3) < 0.069  # three standard errors


def test_a_pair_depends_on_seed_prompt_and_number_only() -> None:
    few, many = (pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=n, styles=STYLES, contrast=0.5), 0) for n in (3, 9))
    assert many[:3] == few
    assert pair_up(PROMPT, SAMPLES, settings(pairs_per_prompt=9, styles=STYLES, contrast=0.5), 1) != many
    other = pair_up(Prompt("p2", PROMPT.prompt), SAMPLES, settings(pairs_per_prompt=9, styles=STYLES, contrast=0.5), 0)
    assert [(p.response_1, p.response_2) for p in other] != [(p.response_1, p.response_2) for p in many]


def test_a_cut_response_is_known_as_cut_unless_a_whole_sentence_is_left_of_it() -> None:
    cut = [Sample("Salmon do. And tro", False), Sample("Trout and ma", False), Sample("Eels", True)]
    plain = pair_up(PROMPT, cut[:2], settings(), 0)
    assert [(pair.finished_1, pair.finished_2) for pair in plain] == [(False, False)]
    styled = pair_up(PROMPT, cut, settings(pairs_per_prompt=50, styles=STYLES), 0)
    seen = {(text.split(".")[0].split(" ")[0], finished) for text, finished in responses(styled)}
    assert seen == {("Salmon", True), ("Trout", False), ("Eels", True), ("Eels", True)}


def responses(pairs: list[Pair]) -> list[tuple[str, bool]]:
    return [each for pair in pairs for each in ((pair.response_1, pair.finished_1), (pair.response_2, pair.finished_2))]
