"""IFBench's constraints as families: each can be measured and edited here."""

import numpy as np
import pytest

from eval.ifbench.constraints import NLTK_DATA, Constraint, constraint_ids
from eval.ifbench.families import IFBENCH_FAMILIES
from eval.ifbench.families.checked import bare_sentences, checked_family, of_words
from salmon.principles.parametric.family import PARAMETER, Family

PROMPT = "How do I keep tomatoes on a balcony that gets little sun?"
ANSWERS = (
    "Tomatoes need sun, so put them where it is warm. Water them in the morning, and give them some food each week.",
    "Here is what you need:\n\n1. A large pot with holes\n2. Good soil, at least 20 litres\n3. A sunny place",
    "Blue.",
    "To solve this problem, we first have to find the number of seeds in each of the rows, and then we multiply it by",
    '"Growing your own" is fun; however, balconies are windy places, and Maria\'s plants fell over twice in 2019!',
    "The pot and the soil are the start, and the sun and the water are the rest: the soil in the pot has to be dark, "
    "and the water in the pot has to be warm. The sun is the best of it all.",
    "- **Sun**: six hours a day\n- **Water**: daily\n- **Food**: every two weeks",
    "",
)
TEXTS = ("topics", "absence", "wanted", "unwanted")


def family(name: str) -> Family:
    return next(each for each in IFBENCH_FAMILIES if each.name == f"ifbench_{name}")


def test_they_can_be_checked_anywhere():
    """And no trained family has such a name: tests/test_architecture.py keeps this word out of ``salmon``."""
    names = [each.name for each in IFBENCH_FAMILIES]
    assert len(names) == len(set(names)) >= 20
    ids = {f"ifbench_{name}".translate(str.maketrans(":-", "__")) for name in constraint_ids() if name not in NLTK_DATA}
    assert set(names) <= ids


@pytest.mark.parametrize("each", IFBENCH_FAMILIES, ids=lambda each: each.name)
def test_texts(each):
    texts = [text for name in TEXTS for text in getattr(each, name)]
    assert len(texts) == len(set(texts)), "a text on both sides, or twice"
    assert min(len(each.topics), len(each.wanted), len(each.unwanted)) >= 3 and len(each.absence) >= 2
    assert all(text[0] != " " and text[-1] not in " ." for text in each.topics + each.absence if '"' not in text)
    gaps = [PARAMETER in text for text in each.wanted + each.unwanted]
    assert any(gaps) if each.parameters != ("",) else not any(PARAMETER in text for text in texts)


@pytest.mark.parametrize("each", IFBENCH_FAMILIES, ids=lambda each: each.name)
def test_edits_make_pairs_that_the_checker_tells_apart(each):
    told = []
    for seed in range(6):
        for number, answer in enumerate(ANSWERS):
            rng, parameter = np.random.default_rng((seed, number)), each.parameters[seed % len(each.parameters)]
            more, less = each.edit(PROMPT, answer, parameter, rng)
            if more != less:
                assert each.measure(PROMPT, more, parameter) == 1 and each.measure(PROMPT, less, parameter) == 0
                assert (
                    each.prefers(PROMPT, more, less, parameter) == 1
                    and each.prefers(PROMPT, less, more, parameter) == -1
                )
            else:
                assert more == answer, "what cannot be edited stays as it is"
            told.append(more != less)
    assert sum(told) / len(told) >= 0.2


@pytest.mark.parametrize(
    ("name", "parameter", "follows", "breaks"),
    [
        ("count_numbers", "2", "I have 3 cats and 14 dogs.", "I have 3 cats."),
        ("count_word_count_range", "3 and 4", "It is so.", "It is."),
        ("count_person_names", "2", "Emma and Noah left.", "Emma left."),
        ("sentence_keyword", '"lantern" in sentence 2', "It was dark. A lantern came.", "A lantern came. It was dark."),
        ("ratio_sentence_type", "", "It is. It was. Is it?", "It is. Is it?"),
        ("words_last_first", "", "I saw rain. Rain is wet.", "I saw rain. It is wet."),
        ("sentence_increment", "2", "It is. It is what it.", "It is. It is it."),
        ("format_list", "=>", "=> one\n=> two", "* one\n* two"),
        ("format_options", "yes/no/maybe", "Maybe.", "Maybe not."),
        ("repeat_repeat_change", "", PROMPT.replace("How", "Why"), PROMPT),
        ("repeat_repeat_span", "3", "how do I", "do I keep"),
        ("format_no_whitespace", "", "Yes,it-is.", "Yes, it is."),
    ],
)
def test_measures(name, parameter, follows, breaks):
    assert family(name).prefers(PROMPT, follows, breaks, parameter) == 1
    assert family(name).measure(PROMPT, follows, parameter) == 1


def test_an_edit_that_fails_leaves_the_answer():
    texts = {"topics": ("a",), "absence": ("b",), "wanted": ("c",), "unwanted": ("d",)}
    wrong = checked_family("format:no_whitespace", lambda *_: ("a b", "ab"), **texts)
    assert wrong.edit("Why?", "So it is.", "", np.random.default_rng(0)) == ("So it is.", "So it is.")
    blank = checked_family("format:no_whitespace", lambda *_: ("ab", " "), **texts)
    assert blank.edit("Why?", "So it is.", "", np.random.default_rng(0)) == ("So it is.", "So it is.")


def test_a_text_on_which_the_checker_breaks_is_no_example():
    assert family("format_quote_unquote").measure(PROMPT, "...", "") is None
    assert family("format_quote_unquote").prefers(PROMPT, "It is.", "...", "") == 0
    assert family("format_no_whitespace").measure(PROMPT, " ", "") == 0, "an empty answer follows nothing"


def test_pieces_of_answers():
    rng = np.random.default_rng(0)
    assert bare_sentences("1. One.\n2. Two (or so)!", 2, rng) == ["One", "Two (or so)"]
    assert bare_sentences("One.", 3, rng)[0] == "One" and len(bare_sentences("", 3, rng)) == 3
    assert of_words("It's so, isn't it?", 4, rng) == "It's so, isn."
    exact = Constraint("count:word_count_range", (("min_words", 9), ("max_words", 9)))
    assert exact.follows(of_words("It's so.", 9, rng)) and exact.follows(of_words("so " * 20, 9, rng))
