"""The checks on texts worked by hand, on adversarial texts, and what all of them share."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salmon.data import styles
from salmon.errors import SalmonError
from salmon.principles.verifiers import CHECKS, check_problem, compare, verify, violates
from salmon.principles.verifiers.counts import CountRequest, count, requested_count
from salmon.principles.verifiers.text import num_items, num_structures, num_words, sentences, words

ALL = [*CHECKS, "avoids_word:actually"]
FENCED_LIST = "Here it is:\n```yaml\n- one\n- two\n1. three\n```\nThat is all."


def text_of(length: int) -> str:
    return " ".join(f"word{n}" for n in range(length))


# --- what all share ----------------------------------------------------------------------------


@pytest.mark.parametrize("check", ALL)
@pytest.mark.parametrize("nothing", ["", "  \n", "?!...", "🎉🎉", "---\n***", "``` \n```"])
def test_no_words_follow_nothing_and_are_never_preferred(check, nothing):
    prompt = "Give me three tips, please, because I would like to sleep better."
    assert verify(check, prompt, nothing) == 0.0
    for other in ("Sleep more, eat less, run often!", nothing, "hey - I hope this helps! Actually 1. 2."):
        assert compare(check, prompt, nothing, other) == compare(check, prompt, other, nothing) == 0.0


@pytest.mark.parametrize("check", ALL)
@settings(max_examples=30, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_range_and_antisymmetry(check, one, two):
    prompt = "Give me two tips."
    assert 0.0 <= verify(check, prompt, one) <= 1.0
    difference = compare(check, prompt, one, two)
    assert difference == -compare(check, prompt, two, one)
    assert difference in (0.0, verify(check, prompt, one) - verify(check, prompt, two))


@pytest.mark.parametrize(
    "text",
    [
        "The fox ran, actually 3 times. " * 1500,
        "!" * 9000 + "x",
        "?" * 9000 + "x",
        "_" * 9000 + "x",
        "* " * 5000,
        "`" * 9001 + "x",
        "1. a " * 2000,
        "hope" + " " * 9000 + "x",
        "你好" * 5000,
        "|" * 9000 + "x",
        "```\na\n```\n" * 1000,
        "```\na\n" * 1001,
        "one " * 3000,
        "give " + "the " * 3000,
        "it" + " all" * 5000,
    ],
)
def test_long_texts_take_linear_time(text):
    start = time.process_time()
    for check in ALL:
        if check != "user_language":  # not our own code
            assert 0.0 <= verify(check, "Give me three tips.", text) <= 1.0
            assert 0.0 <= verify(check, text, "One tip is this.") <= 1.0
    assert time.process_time() - start < 15  # a second or two; quadratic time takes minutes


@pytest.mark.parametrize(
    ("check", "part"),
    [
        ("consise", 'there is no check "consise" (did you mean "concise"?)'),
        ("", 'there is no check ""'),
        ("concise:3", "takes no argument"),
        ("avoids_word", 'as in "avoids_word:actually"'),
        ("avoids_word:", "one word"),
        ("avoids_word:two words", "one word"),
        ("avoids_word:a.*", "one word"),
        ("avoids:x", 'did you mean "avoids_word"'),
    ],
)
def test_wrong_names(check, part):
    assert part in str(check_problem(check))
    for call in (lambda: verify(check, "p", "r"), lambda: compare(check, "p", "r", "s")):
        with pytest.raises(SalmonError) as caught:
            call()
        assert part in str(caught.value)


def test_right_names():
    assert [check_problem(check) for check in [*ALL, "avoids_word:well-known", "avoids_word:größe"]] == [None] * 19


# --- texts -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't use well-known **words**, __ever__!", ["don't", "use", "well-known", "words", "ever"]),
        ("Don’t pay 1,000.5 or 3.14.", ["don't", "pay", "1,000.5", "or", "3.14"]),
        ("今天天气很好。你好", ["今天", "天气", "很好", "你好"]),
        ("すしとcake", ["すし", "と", "cake"]),
        ("안녕하세요 여러분", ["안녕하세요", "여러분"]),
        ("مَرْحَبًا بالعالم؟", ["مرحبا", "بالعالم"]),
        ("Größe 👍🏽 naïve", ["grösse", "naïve"]),
    ],
)
def test_words(text, expected):
    assert words(text) == expected


def test_scripts_with_vowel_signs_are_not_torn():
    assert num_words("हिन्दी में नमस्ते") == 3
    assert num_words("สวัสดีชาวโลก") == 3  # nine letters without marks, four a word
    assert num_words("e\u0301te\u0301") == num_words("été") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Dr. Li has e.g. 3.5 cats. He said so! Ok? Yes", ["Dr. Li has e.g. 3.5 cats.", "He said so!", "Ok?", "Yes"]),
        ("hey. this is all lower case... right", ["hey.", "this is all lower case...", "right"]),
        ('He said "no!" Then he left.', ['He said "no!"', "Then he left."]),
        ("1. Do it. 2. Go there.", ["Do it.", "Go there."]),
        ("# Title\n- One\n- Two", ["Title", "One", "Two"]),
        ("你好世界。今天很好！", ["你好世界。", "今天很好！"]),
        ("Try:\n```\na. b. c.\n```\nDone.", ["Try:", "Done."]),
        ("!!! ... 😊", []),
    ],
)
def test_sentences(text, expected):
    assert sentences(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("- one\n* two\n+ three\n• four", 4),
        ("1. one\n2) two\n(3) three\n**4.** four", 4),
        ("a) one\nb) two", 2),
        ("1. one\n   - inner\n   - inner\n2. two", 2),
        ("1. one\n- inner\n- inner\n2. two", 2),
        ("1. Run. 2. Jump. 3. Rest.", 3),
        ("Steps: 1) run 2) jump", 2),
        ("1. **Run** 2. **Jump**", 2),
        ("1、苹果\n2、梨", 2),
        ("> - one\n> - two", 2),
        ("I have 1. You have 2. We go.", 0),
        ("The year was\n1990. It rained.", 0),
        ("-5 degrees\n-7 degrees", 0),
        ("---\n* * *\n- \n1. ", 0),
        ("**bold** start\n*also*", 0),
        ("well - or not - fine", 0),
        ("Version 1. Good.", 0),
        (FENCED_LIST, 0),
        ("```\n- never\n- closed", 0),
        ("~~~\n- a\n- b\n~~~", 0),
        ("```x```\n- a\n- b", 2),
    ],
)
def test_list_items(text, expected):
    assert num_items(text) == expected


# --- length ------------------------------------------------------------------------------------


def test_length_checks_are_strictly_monotone():
    concise = [verify("concise", "", text_of(n)) for n in range(1, 401)]
    comprehensive = [verify("comprehensive", "", text_of(n)) for n in range(1, 401)]
    assert all(a > b for a, b in zip(concise, concise[1:], strict=False))
    assert all(a < b for a, b in zip(comprehensive, comprehensive[1:], strict=False))
    # 32 / (32 + n)
    assert [concise[n - 1] for n in (8, 32, 96)] == [0.8, 0.5, 0.25]
    assert [comprehensive[n - 1] for n in (8, 32, 96)] == pytest.approx([0.2, 0.5, 0.75])
    assert concise[4] - concise[59] > 0.5  # 5 against 60 words


def test_length_ties_are_below_ten_percent():
    for check, sign in (("concise", 1), ("comprehensive", -1)):
        assert compare(check, "", text_of(19), text_of(20)) == 0.0  # 5 %
        assert compare(check, "", text_of(18), text_of(20)) * sign > 0  # exactly 10 %
        assert compare(check, "", text_of(5), text_of(6)) * sign > 0
        assert compare(check, "", text_of(20), text_of(18)) * sign < 0


def test_repetition_is_not_comprehensive_but_long():
    once, thrice = "Cats sleep all day.", "Cats sleep all day. " * 3
    assert compare("comprehensive", "", once, thrice) == 0.0
    assert compare("concise", "", once, thrice) == 32 / 36 - 32 / 44


def test_length_counts_words_of_other_scripts_and_code():
    assert compare("concise", "", "今天天气很好。", "今天天气很好，我们一起去公园散步，然后吃饭。") > 0
    assert verify("concise", "", "```\na b\n```") == 32 / 34
    assert verify("concise", "", "👍 **a** --- b!") == 32 / 34


# --- form --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("- one\n- two", 1.0),
        ("Do this: 1. run 2. jump", 1.0),
        ("- one", 0.5),
        ("# Title\nText.", 0.5),
        ("# Title\n## Part\nText.", 1.0),
        ("| a | b |\n|---|---|\n| c | d |", 1.0),
        ("1. a\n   - b", 1.0),
        ("Just text - really.", 0.0),
        (FENCED_LIST, 0.0),
        ("#hashtag and -x", 0.0),
        ("你好。", 0.0),
    ],
)
def test_structured_and_plain_prose(text, score):
    assert verify("structured", "", text) == score
    assert verify("plain_prose", "", text) == 1 - score


def test_more_than_two_items_make_no_difference():
    assert compare("structured", "", "- a\n- b", "- a\n- b\n- c") == 0.0
    assert compare("plain_prose", "", "Text.", "- a\n- b\n- c") == 1.0


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Paris is the capital of France.", 0.5),
        ("Furthermore, it is recommended that one should rest.", 0.875),  # F = 3: (1 + 3/4) / 2
        ("Furthermore, furthermore, furthermore.", 0.75),  # the same one counts once
        ("hey, gonna be late", 1 / 6),  # I = 2: (1 - 2/3) / 2
        ("It’s here, don't worry, we'll see.", 0.25),  # contractions are one expression
        ("Nice 😀 🎉", 0.25),  # emoji too
        ("Furthermore, yeah.", 0.5),
        ("The dog's tail; they hey-ed; thusly; no one should.", 0.25),  # "hey" alone
        ("`yeah` means yes", 0.5),
        ("你好，谢谢", 0.5),
    ],
)
def test_formality(text, score):
    assert verify("formal", "", text) == pytest.approx(score)
    assert verify("informal", "", text) == pytest.approx(1 - score)


def test_neutral_texts_tie_in_formality():
    assert compare("formal", "", "Cats purr.", "Dogs bark loudly.") == 0.0
    assert compare("informal", "", "yeah, cats purr", "Cats purr.") == 0.25


# --- phrases -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("I hope this helps! This is a great answer.", 2),
        ("Hope that helps.", 1),
        ("I hope you find this useful.", 1),
        ("I  hope\nthis HELPS", 1),
        ("My answer is very good. Rating: 10/10", 2),
        ("This response fully covers it.", 1),
        ("I hope this information is helpful.", 1),
        ("I am proud of this answer.", 1),
        ("I’d rate this a 9.", 1),
        ("I hope it rains.", 0),
        ("A great answer is short.", 0),
        ("This is a great question.", 0),
        ("Hope helps people.", 0),
        ("The score was 10/10.", 0),
        ("I give this book to you? No: give it back.", 0),
        ('```\nprint("I hope this helps")\n```\nRun it.', 0),
        ("Espero que ayude.", 0),
    ],
)
def test_self_praise(text, hits):
    assert verify("no_self_praise", "", text) == 1 / (1 + hits)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("There are many factors to consider.", 1),
        ("It is important to do your research.", 1),
        ("Consult a professional.", 1),
        ("You should talk to a qualified financial advisor.", 1),
        ("It depends on your needs.", 1),
        ("It really depends on many things.", 1),
        ("Everyone is different.", 1),
        ("There are many factors to consider. It depends on your needs. Do your own research.", 3),
        ("Make an informed decision.", 1),
        ("Make informed choices.", 1),
        ("Making a well-informed choice", 1),
        ("It depends on the temperature.", 0),
        ("Speed depends on your gear.", 0),
        ("She does research on bees.", 0),
        ("There are many rivers in France.", 0),
        ("The professional players won.", 0),
        ("The doctor is in.", 0),
    ],
)
def test_generic_advice(text, hits):
    assert verify("no_generic_advice", "", text) == 1 / (1 + hits)


def test_fewer_phrases_are_better_and_equal_numbers_tie():
    one, two = "I hope this helps.", "I hope this helps. This is a great answer."
    assert compare("no_self_praise", "", one, two) == 1 / 2 - 1 / 3
    assert compare("no_self_praise", "", one, "This is a great answer.") == 0.0


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Actually, it is ACTUALLY so.", 2),
        ("_actually_ **actually**", 2),
        ("factually, actuallyx", 0),
        ("actu\u200bally hidden", 1),
        ("```\nactually\n```\nno", 0),
        ("It is so.", 0),
    ],
)
def test_avoids_word(text, hits):
    assert verify("avoids_word:actually", "", text) == 1 / (1 + hits)


def test_avoids_word_knows_its_word():
    assert verify("avoids_word:simply", "", "Actually simply do it.") == 0.5
    assert verify("avoids_word:其实", "", "他其实很好") == 0.5  # no spaces around words
    assert compare("avoids_word:simply", "", "Do it.", "Simply do it.") == 0.5


def test_the_stylers_phrases_are_known():
    for text in styles.SELF_PRAISE:
        assert verify("no_self_praise", "", text) == 0.5, text
    for text in styles.GENERIC_ADVICE:
        assert verify("no_generic_advice", "", text) == 0.5, text
    for text in styles.FORMAL_OPENINGS:
        assert verify("formal", "", text) > 0.5, text
    for text in (*styles.INFORMAL_OPENINGS, *styles.INFORMAL_CLOSINGS):
        assert verify("informal", "", text) > 0.5, text
    for text in styles.COUNTER_QUESTIONS:
        assert verify("no_counter_question", "", text) == 0.0, text


def test_violations():
    assert violates("no_self_praise", "", "I hope this helps.") is True
    assert violates("avoids_word:actually", "", "Never.") is False
    assert violates("concise", "", "Never.") is None


# --- language ----------------------------------------------------------------------------------

ENGLISH = "Where can I find a good book about the history of the Roman empire?"
GERMAN = "Im Buchladen gibt es viele gute Bücher über die Geschichte des Römischen Reiches."


def test_users_language():
    assert verify("user_language", ENGLISH, "In the bookshop there are many good books about history.") == 1.0
    assert verify("user_language", ENGLISH, GERMAN) == 0.0
    assert verify("user_language", "我想知道罗马帝国的历史，请告诉我一些好书。", GERMAN) == 0.0
    assert compare("user_language", ENGLISH, "In the bookshop there are many good books.", GERMAN) == 1.0
    assert compare("user_language", GERMAN, "In the bookshop there are many good books.", GERMAN) == -1.0


def test_unknown_languages_tie():
    assert verify("user_language", ENGLISH, "Ok.") == verify("user_language", "Hi", GERMAN) == 0.5
    assert compare("user_language", ENGLISH, "Ok.", GERMAN) == compare("user_language", "Hi", ENGLISH, GERMAN) == 0.0
    assert verify("user_language", ENGLISH, "```\nfor book in shelf: print(book.title, book.year)\n```") == 0.5


# --- counts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prompt", "unit", "low", "high"),
    [
        ("Give me three tips for sleep.", "item", 3, 3),
        ("Explain gravity in two sentences.", "sentence", 2, 2),
        ("Use exactly 4 words.", "word", 4, 4),
        ("Write a 50-word story.", "word", 50, 50),
        ("Write a two-sentence summary.", "sentence", 2, 2),
        ("Answer in one word.", "word", 1, 1),
        ("Name the 5 largest lakes.", "item", 5, 5),
        ("What are three primary colors?", "item", 3, 3),
        ("Give me 3-5 ideas.", "item", 3, 5),
        ("Suggest two or three hobbies.", "item", 2, 3),
        ("List twenty-five names.", "item", 25, 25),
        ("Write a 1,000 word essay.", "word", 1000, 1000),
        ("5 ways to relax", "item", 5, 5),
        ("Write two short paragraphs about rain.", "paragraph", 2, 2),
        ("LIST   A DOZEN\nTHINGS", "item", 12, 12),
        ("Use two hundred words.", "word", 200, 200),
        ("Describe rain in three steps.", "item", 3, 3),
    ],
)
def test_requested_counts(prompt, unit, low, high):
    assert requested_count(prompt) == CountRequest(unit, low, high)


@pytest.mark.parametrize(
    "prompt",
    [
        "",
        "What is 3 times 5?",
        "I have three ideas. Which is best?",
        "Write a story about three little pigs.",
        "Answer in at most 50 words.",
        "Use fewer than ten words.",
        "Rewrite these two sentences.",
        "In 1990, what was it?",
        "What is a 4-letter word for ship?",
        "Name two advantages of each.",
        "I need help with one question: why?",
        "What are some tips?",
        "Give me 10 minutes.",
        "Write 0 words.",
        "It costs $3. Name it.",
        "请给我三个建议",
    ],
)
def test_no_count_is_requested(prompt):
    assert requested_count(prompt) is None
    assert verify("exact_count", prompt, "One. Two.") == 0.5
    assert compare("exact_count", prompt, "One. Two.", "- a\n- b\n- c") == 0.0


@pytest.mark.parametrize(
    ("unit", "response", "expected"),
    [
        ("word", "1. Four words\n2. are here 👍", 4),
        ("word", "Two words ```\nno code", 4),
        ("word", "Two words\n```\nnot code", 2),
        ("sentence", "One. Two! Three", 3),
        ("paragraph", "One.\nStill one.\n\nTwo.\n \n---", 2),
        ("item", "Sure:\n- a\n- b", 2),
        ("item", "Sure, here they are:\nMars\nVenus\nEarth", 3),
        ("item", "Eat well. Sleep. Run.", 3),
        ("item", "Mars, Venus, and Earth.", 3),
        ("item", "Mars.", 1),
        ("item", FENCED_LIST, 1),
        ("item", "", 0),
    ],
)
def test_count(unit, response, expected):
    assert count(unit, response) == expected


def test_exact_count_falls_with_the_distance():
    scores = [verify("exact_count", "Give me three tips.", "\n".join("- tip" for _ in range(n))) for n in range(1, 8)]
    # n / (n + 2 * distance): 3/7, 3/5, 3/3, 3/5, 3/7, 3/9, 3/11
    assert scores == pytest.approx([3 / 7, 3 / 5, 1, 3 / 5, 3 / 7, 3 / 9, 3 / 11])
    assert scores[2] == 1.0
    assert verify("exact_count", "Give me 2-4 tips.", "- a\n- b\n- c") == 1.0
    assert verify("exact_count", "Use exactly 4 words.", "These are four words.") == 1.0
    assert compare("exact_count", "Give me three tips.", "- a\n- b", "- a\n- b\n- c\n- d") == 0.0


# --- the unseen ones ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("Wow! Great!!", 3),
        ("太好了！", 1),
        ("¡Hola!", 1),
        ("Use x != y and `a!` here.", 0),
        ("![alt](u)", 0),
    ],
)
def test_exclamation_marks(text, hits):
    assert verify("no_exclamation", "", text) == 1 / (1 + hits)


@pytest.mark.parametrize(
    ("text", "score"),
    [
        ("Paris. Do you need more?", 0.0),
        ("Paris. **More?** 😊", 0.0),
        ("好的。你呢？", 0.0),
        ("هل تريد المزيد؟", 0.0),
        ("Need more? Tell me.", 1.0),
        ('She asked: "Why?"', 1.0),
        ("Paris.", 1.0),
        ("Run:\n```\nwhat?\n```", 1.0),
    ],
)
def test_counter_questions(text, score):
    assert verify("no_counter_question", "", text) == score


def test_brief_sentences():
    assert verify("brief_sentences", "", "One two three four. One two three four.") == 12 / 16
    assert verify("brief_sentences", "", "```\ncode only\n```") == 0.5
    two = f"{text_of(10)}. {text_of(10)}."
    assert compare("brief_sentences", "", two, text_of(20) + ".") == 12 / 22 - 12 / 32
    assert compare("brief_sentences", "", text_of(19) + ".", text_of(20) + ".") == 0.0


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ("In 1990, 3.5 or 1,000.", 3),
        ("1. a\n2. b", 2),
        ("３ cats", 1),
        ("٣ قطط", 1),
        ("three cats", 0),
        ("三只猫", 0),
    ],
)
def test_digits(text, hits):
    assert verify("no_digits", "", text) == 1 / (1 + hits)


@pytest.mark.parametrize(
    ("text", "rows"),
    [("| a | b |\n|---|---|\n| c | d |", 2), ("|a", 0), ("|", 0), ("||", 0), ("  | a |  \n", 1), ("| a | b", 0)],
)
def test_table_rows(text, rows):
    assert num_structures(text) == rows


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["\n", " ", "a ", "|a", "\n|a", "- ", "1. ", "list of ", "give me ", "```\n", "*", "!"]
)
def test_long_texts_take_a_moment(piece):
    """100 000 characters in seconds at most; with a rule that reads again and again it would be minutes."""
    text = piece * (100_000 // len(piece))
    started = time.process_time()
    for check in ALL:
        verify(check, "Give me three tips.", f"a b {text}")
        verify(check, f"a b {text}", "one two")
    assert time.process_time() - started < 10
