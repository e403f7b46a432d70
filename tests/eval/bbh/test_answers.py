"""Hard cases of reading an answer; the expected ones were worked out by hand from the module's three rules."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from eval.bbh.answers import VERSION, AnswerKind, is_right, kind_of, normal_form, read_answer
from eval.bbh.lm_eval_verdict import lm_eval_answer
from eval.config import BBHMode
from eval.spec import SPEC
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed

MINI = Path(__file__).parents[3] / "eval" / "mini"
WRONG = None  # the text names no answer of the kind

CASES = [
    # options
    ("So the answer is (A).", "(A)", "(A)"),
    ("So the answer is (A)", "(A)", "(A)"),
    ("the answer is: (B)", "(B)", "(B)"),
    ("The correct answer is B.", "(B)", "(B)"),
    ("So the answer is B) the second one", "(B)", "(B)"),
    ("Answer: (C)", "(C)", "(C)"),
    ("**Answer:** **(C)**", "(C)", "(C)"),
    ("The answer is **(B)**.", "(B)", "(B)"),
    ("So the answer is option (D), because (A) is impossible.", "(D)", "(D)"),
    ("So the answer is\n(B)", "(B)", "(B)"),
    ("The answer is (b).", "(B)", "(B)"),
    ("(B)\n", "(B)", "(B)"),
    (" B", "(B)", "(B)"),
    ("b", "(B)", "(B)"),
    ("(B) The second option, since (A) is not sarcastic.", "(B)", "(B)"),
    ("The answer is (A) or (B).", "(A)", WRONG),
    ("The answer is A and B.", "(A)", WRONG),
    ("The answer is not (A).", "(A)", WRONG),
    ("So the answer is (B) (C).", "(B)", WRONG),
    ("The answer is clearly (A).", "(A)", "(A)"),
    ("The correct option is C because it rhymes.", "(C)", "(C)"),
    ("The final answer is $\\boxed{C}$.", "(C)", "(C)"),
    ("The answer is Alice.", "(A)", WRONG),
    ("(A) is not sarcastic.", "(A)", WRONG),  # reasoning that was cut off
    ("(A) He walks.\n(B) He runs.", "(A)", WRONG),
    ("We know that (A) rhymes.", "(A)", WRONG),
    ("(B) is correct.", "(B)", "(B)"),
    ("So the answer is (B).\n\n### User\nNext. The answer is (C)?", "(B)", "(B)"),
    ("A man walked into a bar.", "(A)", WRONG),
    ("The options are (A) and (B), and I cannot tell.", "(A)", WRONG),
    ("The answer is (A). No, I was wrong: the answer is (C).", "(C)", "(C)"),
    ("The answer is (C). I am sure that the answer is right.", "(C)", "(C)"),
    ("So the answer is (A).\n\nQ: Another one?\nA: So the answer is (B).", "(A)", "(A)"),
    # words
    (" No", "No", "no"),
    ("So the answer is yes", "Yes", "yes"),
    ("No, because both wires touched.", "No", "no"),
    ("No one knows.", "No", WRONG),
    ("Nothing", "No", WRONG),
    ("So the answer is False.", "False", "false"),
    ("So the answer is False", "False", "false"),
    ("So the answer is invalid.", "invalid", "invalid"),
    ("So the answer is valid.", "invalid", "valid"),
    ("So the answer is True.", "Yes", WRONG),
    ("The answer is deductively invalid.", "invalid", "invalid"),
    ("The answer is not valid.", "valid", WRONG),
    ("*No*", "No", "no"),
    ("Yes.\nExplanation: the answer is no.", "Yes", "no"),
    # numbers
    ("So the answer is 24", "24", "24"),
    ("So the answer is -50.", "-50", "-50"),
    ("So the answer is - 50.", "-50", "-50"),
    ("So the answer is *24*.", "24", "24"),
    ("So the answer is 2*3*4 = 24.", "24", "24"),
    ("So the answer is 2*3", "6", WRONG),
    ("So the answer is $24.", "24", "24"),
    ("24 objects", "24", "24"),
    ("24\nobjects", "24", WRONG),
    ("So the answer is \u221250.", "-50", "-50"),
    ("So the answer is -11,520.", "-11520", "-11520"),
    ("So the answer is 8.0", "8", "8"),
    ("So the answer is 3.5.", "3", "3.5"),
    ("So the answer is 8 objects.", "8", "8"),
    ("So the answer is 3 + 5 = 8.", "8", "8"),
    ("So the answer is 3 + 5.", "3", WRONG),
    ("the answer is 3. No, the answer is 4.", "4", "4"),
    ("the answer is 3, no, the answer is 4", "4", "4"),
    ("We have 3 apples and", "3", WRONG),
    ("24.", "24", "24"),
    ("eight", "8", WRONG),
    # brackets
    ("So the answer is ] } ].", "] } ]", "] } ]"),
    ("So the answer is ]}]", "] } ]", "] } ]"),
    ("So the answer is ) ) because two are open", ") )", ") )"),
    ("} >", "} >", "} >"),
    ("We need to close them.", "}", WRONG),
    # word lists and titles
    ("So the answer is arson aspect census.", "arson aspect census", "arson aspect census"),
    ("So the answer is arson, aspect, census", "arson aspect census", "arson aspect census"),
    ("So the answer is Arson aspect  census. They are sorted.", "arson aspect census", "arson aspect census"),
    ("can\u2019t dot it&t", "can't dot it&t", "can't dot it&t"),
    ("So the answer is aspect arson census.", "arson aspect census", "aspect arson census"),
    ('The first letter: "oven": "o" (15).', "costume oven", WRONG),
    ("Monsters, Inc", "Monsters, Inc", "monsters inc"),
    # none
    ("", "(A)", WRONG),
    (" \n", "No", WRONG),
    ("So the answer is .", "24", WRONG),
    ("So the answer is", "arson aspect", WRONG),
    ("I do not know. It may be one or the other.", "arson aspect", WRONG),
]


@pytest.mark.parametrize(("text", "target", "answer"), CASES)
def test_answers(text, target, answer):
    read = read_answer(text, kind_of(target))
    assert read == answer
    assert is_right(read, target) == (answer is not None and answer == normal_form(target, kind_of(target)))


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("(A)", "option"),
        ("(R)", "option"),
        ("-11520", "number"),
        ("no", "yes_no"),
        ("Yes", "yes_no"),
        ("True", "true_false"),
        ("invalid", "validity"),
        ("] }", "brackets"),
        (")", "brackets"),
        ("a b", "text"),
    ],
)
def test_kinds(target, kind):
    assert kind_of(target) is AnswerKind[kind]


def test_finished_evaluations_know_how_answers_were_read():
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = to_typed(compose("config", ["eval.tasks=[bbh]"]), Config)
    assert SPEC.settings(cfg)["data"]["bbh_answers"] == VERSION


@pytest.mark.parametrize(
    ("text", "mode", "answer"),
    [
        ("So the answer is False.", BBHMode.cot, "False"),
        ("So the answer is False", BBHMode.cot, "Fals"),
        ("So the answer is (A). No, the answer is (B).", BBHMode.cot, "(A). No, the answer is (B)"),
        ("The answer is (A).", BBHMode.cot, "[invalid]"),  # its pattern wants a small t
        (" No", BBHMode.direct, " No"),
    ],
)
def test_what_lm_eval_makes_of_a_text(text, mode, answer):
    assert lm_eval_answer(text, mode) == answer


WRAPPINGS = (
    "{}",
    " {}\n",
    "So the answer is {}.",
    "So the answer is {}",
    "1. Not (A), 7.\n\nThe answer is: **{}**.\n",
    "So the answer is {}.\n\nQ: Next\nA: So the answer is (A) 7 yes true valid ].",
)


@pytest.mark.parametrize("source", ["mini", "real"])
def test_every_target_is_found_in_every_wrapping(source, real_data):
    folder = MINI if source == "mini" else real_data("bbh")
    missed = [
        wrapping.format(example["target"])
        for file in sorted((folder / "bbh").glob("*.json"))
        for example in json.loads(file.read_text())["examples"]
        for wrapping in WRAPPINGS
        if not is_right(read_answer(wrapping.format(example["target"]), kind_of(example["target"])), example["target"])
    ]
    assert missed == []
