"""Sets of items, with scorers of which it is known what they read: no model."""

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from pytest import approx

from eval.config import PrincipleFollowingSettings
from eval.ifbench.families import IFBENCH_FAMILIES
from eval.principle_following import parametric_sets as sets_module
from eval.principle_following.bootstrap import PromptBootstrap
from eval.principle_following.contrast_sets import contrast_set
from eval.principle_following.drawing import MIN_ITEMS, PROBED_EVERY, WORDINGS, SpreadPairs, items_of_each
from eval.principle_following.inputs import read_inputs
from eval.principle_following.item_metrics import ItemFigures, measure_items
from eval.principle_following.items import Item, ItemSet, item_table
from eval.principle_following.parametric_sets import parametric_sets
from eval.principle_following.universe import read_universe
from salmon.errors import SalmonError
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.checks import family_of_check
from salmon.principles.parametric.frames import GAP
from salmon.principles.parametric.pairs import Feature, FeaturePair
from salmon.principles.parametric.universe import all_families
from salmon.principles.verifiers import compare

FAMILIES = {family.name: family for family in (*all_families(), *IFBENCH_FAMILIES)}
FEW = ("word", "length", "coverage", "structure", "formality", "self_praise", "exclamation", "digits", "hashtag")
NEVER_TRAINED = ("unseen_families_", "ifbench_families_")
SHARES = ("accuracy_asserted", "accuracy_negated", "flip_rate")


def artifact(**reward: object) -> SimpleNamespace:
    return SimpleNamespace(manifest={"config": {"reward": reward, "prompts": {"held_out": 0.2}}})


@pytest.fixture(scope="module", autouse=True)
def few_families():
    """So that sets are made in a moment; the last test has all."""
    few = tuple(FAMILIES[name] for name in FEW)
    with pytest.MonkeyPatch.context() as patch:
        for module in ("eval.principle_following.universe", "salmon.principles.parametric.universe"):
            patch.setattr(f"{module}.all_families", lambda: few)
        patch.setattr(sets_module, "IFBENCH_FAMILIES", IFBENCH_FAMILIES[:2])
        yield


@pytest.fixture(scope="module")
def universe(few_families):
    return read_universe(artifact(parametric={"held_out_families": ["exclamation", "digits", "hashtag"]}))


def coded(universe, number: int) -> list[ItemSet]:
    """The parametric sets, with texts that name family, parameter and polarity, so that a program can read them."""

    def said(family, parameter, wanted, _side, _share, rng):
        return f"{family.name}|{parameter}|{'+' if wanted else '-'}|{rng.integers(1000)}"

    with pytest.MonkeyPatch.context() as patch:
        for word in ("worded", "quoted"):
            patch.setattr(sets_module, word, said)
        return parametric_sets(universe, number, seed=0)


@pytest.fixture(scope="module")
def coded_sets(universe) -> list[ItemSet]:
    return coded(universe, 4)


def obedient(prompt: str, response: str, text: str) -> float:
    """Reads topic and polarity."""
    family, _, rest = text.partition("|")
    parameter, sign, _ = rest.rsplit("|", 2)
    return float(f"{sign}1") * (FAMILIES[family].measure(prompt, response, parameter) or 0.0)


def deaf_to_negation(prompt: str, response: str, text: str) -> float:
    """Reads the topic only."""
    return obedient(prompt, response, text.replace("|-|", "|+|"))


def blind(_prompt: str, response: str, _text: str) -> float:
    """Reads no principle."""
    return zlib.crc32(response.encode())


def measured(items: ItemSet, score) -> ItemFigures:
    """The figures of a scorer that reads one text; texts that are shown together add up, or do not matter at all."""
    scores = {}
    for (prompt, response), column in items.cells():
        each = [score(prompt, response, text) for text in column]
        scores[(prompt, response), column] = each[0] if score is blind else sum(each)
    tokens = {text: len(text) for item in items.items for text in (item.first, item.second)}
    table = item_table(items.items, scores, tokens)
    return measure_items(table, PromptBootstrap(table.prompts, 20, seed=0))


def values(items: ItemSet, score) -> dict[str, float]:
    return {metric: figure.value for metric, figure in measured(items, score).figures.mean.items()}


def test_an_oracle_is_right_everywhere(coded_sets):
    assert [items.prefix for items in coded_sets] == [
        "trained_wordings_",
        "unseen_families_",
        "ifbench_families_",
        "heldout_words_",
        "heldout_wordings_",
        "quoted_",
        "unedited_",
    ]
    for items in coded_sets:
        found = values(items, obedient)
        assert [found[metric] for metric in (*SHARES, "consistency")] == [1.0] * 4, items.prefix
        assert found["conflict_ratio"] == 0.0
        by_family = measured(items, obedient).figures.by_principle
        assert set(by_family["flip_rate"]) == {item.group for item in items.items}
        assert by_family["accuracy_asserted"][items.items[0].group].n >= 4


def test_a_scorer_that_reads_no_principle(coded_sets):
    for items in coded_sets:
        found = values(items, blind)
        assert found["accuracy_asserted"] + found["accuracy_negated"] == approx(1.0)
        assert found["flip_rate"] == 0.0 and found["conflict_ratio"] == approx(1.0)
        assert found["consistency"] == 1.0, "the same response wins in all words"
        assert found.get("disagreement_ratio", 1.0) == approx(1.0)


def test_a_scorer_that_reads_the_topic_and_not_the_polarity(coded_sets):
    for items in coded_sets:
        found = values(items, deaf_to_negation)
        assert [found[metric] for metric in SHARES] == [1.0, 0.0, 0.0], items.prefix
        assert found["conflict_ratio"] == approx(2.0), "both texts push the same way"


def test_two_principles_that_disagree_cancel():
    """Equal margins of different principles for different responses leave nothing, whatever is shown first."""
    item = Item("a", "p", "x", "y", 1, ("A",), ("not A",), disagreement=("A", "B"))
    scores = {}
    for response, a, b in (("x", 1.0, 0.0), ("y", 0.0, 1.0)):
        for column, score in (((("A",)), a), (("not A",), -a), (("B",), b), (("A", "B"), a + b), (("B", "A"), a + b)):
            scores[("p", response), column] = score
    figures = measure_items(item_table([item], scores, {"x": 1, "y": 2}), PromptBootstrap(1, 10, 0)).figures
    assert figures.mean["disagreement_ratio"].value == 0.0 and "conflict_ratio" not in figures.mean


def test_figures_of_margins_made_by_hand():
    """Two families: the one has two items, of which one is right; consistency counts polarities with two wordings."""
    items = [
        Item("a", "p", "x", "y", 1, ("A", "A2"), ("N", "N2")),
        Item("a", "q", "x", "y", -1, ("A",), ("N",)),
        Item("b", "p", "x", "z", 1, ("B", "B2"), ()),
    ]
    margin = {"A": 1.0, "A2": -2.0, "N": -1.0, "N2": -3.0, "B": 2.0, "B2": 1.0}
    scores = {
        ((item.prompt, response), (text,)): margin[text] if response == item.first else 0.0
        for item in items
        for text in (*item.asserted, *item.negated)
        for response in (item.first, item.second)
    }
    tokens = {"x": 3, "y": 2, "z": 9}
    table = item_table(items, scores, tokens)
    figures = measure_items(table, PromptBootstrap(2, 20, 0))
    assert figures.figures.mean["accuracy_asserted"].value == approx((0.5 + 1.0) / 2)
    assert figures.figures.pooled["accuracy_asserted"].value == approx(2 / 3)
    assert figures.figures.mean["accuracy_negated"].value == 0.5 and figures.figures.mean["flip_rate"].value == 1.0
    assert list(figures.figures.by_principle["flip_rate"]) == ["a"], "the other one has no contrary"
    consistency = {name: figure.value for name, figure in figures.figures.by_principle["consistency"].items()}
    assert consistency == {"a": 0.5, "b": 1.0}
    # Margins 1, 1, 2, -1, -1 at differences in length of 1, 1, -6, 1, 1.
    assert figures.length_correlation.value == approx(
        np.corrcoef([3.5, 3.5, 5, 1.5, 1.5], [3.5, 3.5, 1, 3.5, 3.5])[0, 1]
    )
    assert figures.length_correlation.n == 5
    squared = [(1 / (1 + np.exp(-m)) - t) ** 2 for m, t in ((1, 1), (1, 0), (2, 1), (-1, 0), (-1, 1))]
    assert figures.calibration.brier.value == approx(np.mean(squared))


# --- what the sets are made of -------------------------------------------------------------------


def test_sets_are_of_their_side(universe):
    for items in parametric_sets(universe, 3, seed=0):
        trained = {family.name for family in universe.trained.families}
        groups = {item.group for item in items.items}
        assert groups and (groups <= trained) == (items.prefix not in NEVER_TRAINED), items.prefix
        responses = {(item.prompt, text) for item in items.items for text in (item.first, item.second)}
        columns = {column for item in items.items for column in item.columns()}
        assert len(items.cells()) < len(responses) * len(columns) / 2, "no response is read under all texts"
        assert (groups == {"word"}) == (items.prefix == "heldout_words_")
        answers = {asked.prompt: asked.answers for asked in universe.held_out}
        unedited = all({item.first, item.second} <= set(answers[item.prompt]) for item in items.items)
        assert unedited == (items.prefix == "unedited_")
        probed = [item for item in items.items if item.conflict]
        assert len(probed) < len(items.items) and all(len(item.asserted) == 4 for item in probed)
        keys = [(item.group, item.prompt, item.first, item.second, item.asserted[0]) for item in items.items]
        assert len(set(keys)) == len(keys)
    for name in ("frames_for", "frames_against", "quotes_for", "quotes_against", "words"):
        assert not set(getattr(universe.trained, name)) & set(getattr(universe.unread, name))
    assert {family.name for family in universe.unseen.families} == set(universe.rule.families)


def test_nothing_that_was_trained_on_is_asked_as_held_out(universe):
    frames = [*universe.trained.frames_for, *universe.trained.frames_against]
    known = {
        family.name: {text for texts in (family.wanted, family.unwanted) for text in texts}
        for family in universe.trained.families
    }
    for family in universe.everything.families:
        if family.name in known and family.parameters == ("",):
            filled = {frame.replace(GAP, topic) for frame in frames for topic in (*family.topics, *family.absence)}
            known[family.name] |= {text[0].upper() + text[1:] for text in filled}
    for items in parametric_sets(universe, 3, seed=0):
        texts = {(item.group, text) for item in items.items for text in (*item.asserted, *item.negated)}
        trained = [text for group, text in texts if text in known.get(group, ())]
        assert bool(trained) == (items.prefix == "trained_wordings_"), (items.prefix, trained)


def test_without_anything_held_out_there_are_no_sets_of_it(caplog):
    universe = read_universe(artifact(parametric={"held_out": 0.0, "held_out_families": ["digits"]}))
    assert [items.prefix for items in parametric_sets(universe, 1, 0)] == ["trained_wordings_", *NEVER_TRAINED]
    assert "reward.parametric.held_out" in caplog.text


def test_sets_hang_on_the_seed_alone(universe):
    assert parametric_sets(universe, 2, seed=1) == parametric_sets(universe, 2, seed=1)
    assert parametric_sets(universe, 2, seed=1) != parametric_sets(universe, 2, seed=2)


def test_the_manifest_decides_what_is_held_out():
    given = {"answers": None, "held_out": 0.5, "held_out_families": ["length"], "split_seed": 3}
    other = read_universe(artifact(parametric=given))
    assert [family.name for family in other.unseen.families] == ["length"]
    assert len(other.unread.frames_for) > 2 * len(read_universe(artifact()).unread.frames_for)


def test_what_no_lesson_was_about_was_never_trained_on():
    lessons = [{"families": ["word"]}, {"families": ["length", "word"]}]
    other = read_universe(artifact(parametric={"held_out_families": ["digits"], "lessons": lessons}))
    assert {family.name for family in other.trained.families} == {"word", "length"}
    own = read_universe(artifact(parametric={"lessons": [{"families": ["word", "mine"]}, {"families": ["mine"]}]}))
    assert {family.name for family in own.trained.families} == {"word"}


def test_no_held_out_prompt_is_an_error():
    config = {"reward": {}, "prompts": {"held_out": 0.0}}
    with pytest.raises(SalmonError, match="no prompt with two answers is held out.*parametric_items=null"):
        read_universe(SimpleNamespace(manifest={"config": config}))


def test_a_set_is_spread_over_its_prompts(universe):
    """However few pairs of a family are asked for, a set has 30 items, on 30 prompts where so many have a pair."""
    for items in parametric_sets(universe, 1, seed=0):
        prompts = {item.prompt for item in items.items}
        assert len(items.items) >= MIN_ITEMS * 0.8, items.prefix
        assert len(prompts) >= min(MIN_ITEMS, len(universe.held_out)) * 0.8, items.prefix
        probed = [item for item in items.items if item.conflict]
        assert len(probed) == -(-len(items.items) // PROBED_EVERY), "spread over the set, not over each family"


def test_a_prompt_gives_its_second_pair_when_all_have_given_one():
    prompts = [AnsweredPrompt(name, ("x", "y")) for name in "abc"]
    rng = np.random.default_rng(0)

    def pair_of(offered):
        """The last prompt has no pair."""
        usable = [asked for asked in offered if asked.prompt != "c"]
        if not usable:
            return None
        prompt = usable[int(rng.integers(len(usable)))].prompt
        text = str(rng.integers(10**6))
        return FeaturePair(prompt, text, "y", (Feature(FAMILIES["length"], "", 1),))

    drawn = list(SpreadPairs(prompts).draw(6, pair_of))
    assert {pair.prompt for pair, _ in drawn[:2]} == {"a", "b"} and len(drawn) == 6
    assert [probed for _, probed in drawn] == [True, False, False, False, False, True]


# --- banks on contrast pairs ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["verifiable_11", "verifiable_paraphrased_11", "verifiable_unseen_5"])
def test_contrast_pairs_differ_as_the_check_says(universe, name):
    bank = load_bank(name)
    items = contrast_set("", bank, None, universe, 4, seed=0).items
    checks = {principle.name: principle.check for principle in bank.principles}
    measured = [name for name, check in checks.items() if family_of_check(check).family in FEW]
    each = items_of_each(4, len(measured))
    assert each * len(measured) >= MIN_ITEMS
    for principle in bank.principles:
        mine = [item for item in items if item.group == principle.name]
        checked = family_of_check(principle.check)
        assert checked is not None, principle.check
        assert len(mine) == (each if checked.family in FEW else 0)
        negative = (principle.negative_definition, *principle.negative_paraphrases)
        for item in mine:
            assert compare(checks[item.group], item.prompt, item.first, item.second) * item.truth > 0
            assert {*item.asserted} <= {principle.definition, *principle.paraphrases}
            assert {*item.negated} <= {*negative}
    wordings = {principle.name: min(WORDINGS, 1 + len(principle.paraphrases)) for principle in bank.principles}
    assert all(len(item.asserted) == wordings[item.group] for item in items[::PROBED_EVERY])


def test_an_oracle_and_a_blind_scorer_on_a_bank(universe):
    bank = load_bank("verifiable_11")
    items = contrast_set("", bank, load_bank("verifiable_paraphrased_11"), universe, 3, seed=0)
    signs = {}
    for principle in (*bank.principles, *load_bank("verifiable_paraphrased_11").principles):
        signs |= dict.fromkeys((principle.definition, *principle.paraphrases), (principle.check, 1))
        signs |= dict.fromkeys((principle.negative_definition, *principle.negative_paraphrases), (principle.check, -1))

    def oracle(prompt: str, response: str, text: str) -> float:
        check, sign = signs[text]
        checked = family_of_check(check)
        feature = FAMILIES[checked.family].measure(prompt, response, checked.parameter)
        return sign * checked.direction * (feature or 0.0)

    found = values(items, oracle)
    assert [found[metric] for metric in (*SHARES, "consistency")] == [1.0] * 4
    assert found["conflict_ratio"] == 0.0 and "disagreement_ratio" in found
    assert {item.truth for item in items.items} == {1, -1}
    assert [values(items, blind)[metric] for metric in ("flip_rate", "consistency")] == [0.0, 1.0]


def test_wordings_of_the_reworded_bank_have_to_agree(universe):
    def bank(definition: str, negative: str) -> Bank:
        return Bank("b", (Principle("Short", definition, negative, check="concise"),))

    (item, *_) = contrast_set("", bank("Be short.", "Be long."), bank("Terse!", "Wordy!"), universe, 1, 0).items
    assert item.asserted == ("Be short.", "Terse!") and item.negated == ("Be long.", "Wordy!")


def test_banks_of_the_same_checks_are_measured_on_the_same_pairs(universe):
    """So the two differ in their words alone, and the responses are read once for both."""
    sets = [
        contrast_set(prefix, load_bank(name), None, universe, 1, seed=0)
        for prefix, name in (("", "verifiable_11"), ("paraphrased_", "verifiable_paraphrased_11"))
    ]
    pairs = [[(item.group, item.prompt, item.first, item.second) for item in items.items] for items in sets]
    assert pairs[0] == pairs[1]
    assert [item.asserted for item in sets[0].items] != [item.asserted for item in sets[1].items]


def test_a_check_without_a_family_is_named(universe, caplog):
    strange = Bank("mine", (Principle("Odd", "Be odd.", check="odd"), Principle("Short", "Be short.", check="concise")))
    items = contrast_set("", strange, None, universe, 2, seed=0).items
    assert {item.group for item in items} == {"Short"}
    assert "mine: no family makes contrast pairs for Odd (odd)" in caplog.text


# --- a reward model without preferences ----------------------------------------------------------


def test_a_model_of_parametric_principles_alone_is_measured_on_answers_to_held_out_prompts(universe):
    alone = artifact(pretrain={"data": "parametric"})
    settings = PrincipleFollowingSettings(
        trained="verifiable_11",
        paraphrased=None,
        unseen=None,
        untrained=[],
        pairs=None,
        real_pairs={},
        real_banks=[],
        parametric_items=None,
        sets=[],
        limit=20,
        real_limit=None,
    )
    pairs = read_inputs(settings, alone, seed=0).pairs
    held_out = {asked.prompt: asked.answers for asked in universe.held_out}
    assert len(pairs) == 20
    assert all({pair.response_1, pair.response_2} <= set(held_out[pair.prompt]) for pair in pairs)
    assert all(pair.response_1 != pair.response_2 for pair in pairs)


@pytest.mark.slow
def test_an_oracle_is_right_about_every_family(monkeypatch):
    """All families, ours and IFBench's, make items; and all checks of the bundled banks make contrast pairs."""
    for module in ("eval.principle_following.universe", "salmon.principles.parametric.universe"):
        monkeypatch.setattr(f"{module}.all_families", all_families)
    monkeypatch.setattr(sets_module, "IFBENCH_FAMILIES", IFBENCH_FAMILIES)
    universe = read_universe(artifact(parametric={"held_out_families": ["exclamation", "digits", "hashtag"]}))
    sets = {items.prefix: items for items in coded(universe, 1)}
    made = {item.group for prefix in ("trained_wordings_", *NEVER_TRAINED) for item in sets[prefix].items}
    assert made == set(FAMILIES)
    for items in sets.values():
        found = values(items, obedient)
        assert [found[metric] for metric in (*SHARES, "consistency")] == [1.0] * 4, items.prefix
    for name in ("verifiable_11", "verifiable_unseen_5"):
        bank = load_bank(name)
        groups = {item.group for item in contrast_set("", bank, None, universe, 1, seed=0).items}
        assert groups == set(bank.names)
