"""The prompt texts: their order, what is shared, and reading the Self-Align continuation."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salmon.config.reward import RewardHead
from salmon.errors import SalmonError
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.principles.exemplars import Exemplar, Turn, load_exemplars
from salmon.principles.templates import (
    END_MARKER,
    GENERIC_CRITERIA,
    STOP_STRINGS,
    SelfAlignAnswer,
    judge_request,
    parse_self_align,
    reward_parts,
    self_align_prompt,
    self_align_query,
)

SCALAR = RewardHead.scalar
RULES = Bank("two", (Principle("kind", "Be kind."), Principle("brief", "Be short.")))
TALK = Exemplar(
    (
        Turn("Hello?", "Rules 1 (kind) apply.", "Hi!\nHow are you?"),
        Turn("Bye.", "Rules 1 (kind) and 2 (brief) apply.", "Bye!"),
    )
)


def test_self_align_prompt_is_exactly_this():
    text = self_align_prompt(RULES, [TALK, Exemplar(TALK.turns[1:])]) + self_align_query(" Why?\n")
    assert text == (
        "An assistant first thinks about which of these rules apply, then answers by them.\n"
        "1. kind: Be kind.\n"
        "2. brief: Be short.\n"
        "\n"
        "## Conversation\n"
        "User: Hello?\n"
        "Thought: Rules 1 (kind) apply.\n"
        "Answer: Hi!\n"
        "How are you?\n"
        "<<end>>\n"
        "User: Bye.\n"
        "Thought: Rules 1 (kind) and 2 (brief) apply.\n"
        "Answer: Bye!\n"
        "<<end>>\n"
        "\n"
        "## Conversation\n"
        "User: Bye.\n"
        "Thought: Rules 1 (kind) and 2 (brief) apply.\n"
        "Answer: Bye!\n"
        "<<end>>\n"
        "\n"
        "## Conversation\n"
        "User: Why?\n"
        "Thought: Rules"
    )


def test_the_bundled_rules_and_exemplars_go_together():
    prompt = self_align_prompt(load_bank("self_align_17"), load_exemplars("self_align_6"))
    assert prompt.count(END_MARKER) == 7 and prompt.endswith(END_MARKER)
    assert "\n17. " in prompt and "\n18. " not in prompt


@pytest.mark.parametrize("cited", ["3 (short)", "0 (kind)", "1 (brief)"])
def test_citing_a_rule_that_is_not_there(cited):
    exemplar = Exemplar((Turn("Hello?", f"Rules {cited} apply.", "Hi!"),))
    with pytest.raises(SalmonError) as caught:
        self_align_prompt(RULES, [TALK, exemplar])
    assert all(part in str(caught.value) for part in (cited, "exemplar 2", "bank two"))


@pytest.mark.parametrize("answer", ["Hi!\nUser: again", f"Hi {END_MARKER}", "Hi!\n## Conversation"])
def test_reserved_lines_in_exemplars(answer):
    with pytest.raises(SalmonError, match="exemplar 1 contains"):
        self_align_prompt(RULES, [Exemplar((Turn("Hello?", "Rules 1 (kind) apply.", answer),))])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # complete
        (" 1 (kind) apply.\nAnswer: Hi!\n<<end>>\n", SelfAlignAnswer("Rules 1 (kind) apply.", "Hi!", True)),
        # several lines, marker on the last line
        (" 1.\nAnswer:\nOne.\n\nTwo.<<end>>x", SelfAlignAnswer("Rules 1.", "One.\n\nTwo.", True)),
        # the length limit came first
        (" 1.\nAnswer: Hi, how", SelfAlignAnswer("Rules 1.", "Hi, how", False)),
        (" 1.\nAnswer: Hi\n<<en", SelfAlignAnswer("Rules 1.", "Hi\n<<en", False)),
        # the model went on with another turn
        (" 1.\nAnswer: Hi!\nUser: Bye", SelfAlignAnswer("Rules 1.", "Hi!", True)),
        (" 1.\nAnswer: Hi!\n\n## Conversation", SelfAlignAnswer("Rules 1.", "Hi!", True)),
        (" 1.\nAnswer: Hi!\nThought: Rules", SelfAlignAnswer("Rules 1.", "Hi!", True)),
        # not the beginning of a line: part of the answer
        (" 1.\nAnswer: The User: field\n<<end>>", SelfAlignAnswer("Rules 1.", "The User: field", True)),
        # a second "Answer:" belongs to the answer
        (" 1.\nAnswer: 2 + 2\nAnswer: 4\n<<end>>", SelfAlignAnswer("Rules 1.", "2 + 2\nAnswer: 4", True)),
        # no thought, but clearly an answer
        ("\nAnswer: Hi!\n<<end>>", SelfAlignAnswer("", "Hi!", True)),
        (".\n Answer: Hi!\n<<end>>", SelfAlignAnswer("", "Hi!", True)),
        # an empty answer is an answer: the filters count it
        (" 1.\nAnswer:\n<<end>>", SelfAlignAnswer("Rules 1.", "", True)),
        # no answer, or one of another turn
        (" 1 (kind) apply, because", None),
        (" 1 (kind) apply. Answer: Hi!", None),
        (" 1.\n<<end>>\nAnswer: Hi!", None),
        (" 1.\nUser: Bye\nAnswer: Bye!", None),
        ("", None),
    ],
)
def test_parse_self_align(text, expected):
    assert parse_self_align(text) == expected


@given(st.text(), st.text())
def test_what_the_exemplars_show_is_read_back(thought, answer):
    turn = Turn("Hello?", f"Rules 1 (kind) apply. {' '.join(thought.split())}".strip(), answer.strip())
    try:
        written = self_align_prompt(RULES, [Exemplar((turn,))])
    except SalmonError:
        return
    continuation = written.partition("Thought: Rules")[2]
    parsed = parse_self_align(continuation)
    assert parsed is not None and parsed.answer == turn.answer and parsed.finished
    assert parsed.thought == turn.thought


def test_stop_strings_end_what_the_parser_ends():
    for stop in STOP_STRINGS:
        parsed = parse_self_align(f" 1.\nAnswer: Hi!{stop}")
        assert parsed == SelfAlignAnswer("Rules 1.", "Hi!", True), stop


def test_judge_requests_share_everything_before_the_guideline():
    one, two = (judge_request("Ask", "First.", "Second.", text) for text in ("Be kind.", "Be short."))
    shared = one.user[: one.user.index("Be kind.")]
    assert two.user.startswith(shared)
    assert shared.index("Ask") < shared.index("(a): First.") < shared.index("(b): Second.")
    assert one.reply_prefix == two.reply_prefix and one.reply_prefix.endswith("(")


def test_swapping_the_responses_swaps_only_them():
    one, two = judge_request("Ask", "First.", "Second.", "g"), judge_request("Ask", "Second.", "First.", "g")
    assert one.user.replace("First.", "X").replace("Second.", "First.").replace("X", "Second.") == two.user
    assert one.reply_prefix == two.reply_prefix


@pytest.mark.parametrize(("head", "closing"), [(SCALAR, "\n\nQuality:"), (RewardHead.yes_no, "guideline?\nAnswer:")])
def test_reward_template_order(head, closing):
    parts = reward_parts(["Be kind.", "Be short."], head)
    text = f"{parts.before_response}THE RESPONSE{parts.between}THE INSTRUCTION{parts.after_instruction}"
    places = [text.index(piece) for piece in ("THE RESPONSE", "THE INSTRUCTION", "- Be kind.\n- Be short.\n")]
    assert places == sorted(places)
    assert text.endswith(closing)


def test_pretraining_template_differs_in_the_criteria_only():
    assert reward_parts(None, SCALAR) == reward_parts(GENERIC_CRITERIA, SCALAR)
    with pytest.raises(ValueError, match="at least one guideline"):
        reward_parts([], SCALAR)
