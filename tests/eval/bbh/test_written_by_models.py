"""Literal texts as models write them, and what is read: the wanted readings were worked out by hand.

Each case is (text, target of the task, wanted); None: nothing may be read.
"""

import time

import pytest

from eval.bbh.answers import AnswerKind, kind_of, read_answer

NO = None

OPTIONS = [  # the 17 tasks with options
    ("$\\boxed{(C)}$", "(C)"),
    ("\\boxed{C}", "(C)"),
    ("Thus, the answer is:\n\n$$\\boxed{\\text{(C)}}$$", "(C)"),
    ("Therefore the final answer is $\\boxed{\\textbf{C}}$. I hope it is correct.", "(C)"),
    ("\\[\n\\boxed{(C)}\n\\]", "(C)"),
    ("(C) because (A) and (B) are not sarcastic.", "(C)"),
    ("**Answer:** (C)", "(C)"),
    ("**Answer**: C", "(C)"),
    ("**Final Answer**\n\n(C) 05/01/2021", "(C)"),
    ("### Answer\nC", "(C)"),
    ("Answer: **C. 05/01/2021**", "(C)"),
    ("ANSWER: C", "(C)"),
    ("The answer is 'C'.", "(C)"),
    ('"(C)"', "(C)"),
    ("The answer is [C].", "(C)"),
    ("The correct answer is option C, not option B.", "(C)"),
    ("Therefore, (C) is the correct answer.", "(C)"),
    ("Option C is correct.", "(C)"),
    ("Sentence B has the wrong order, so the correct sentence is (A).", "(A)"),
    ("I would choose (C).", "(C)"),
    ("A: (B)", "(B)"),
    ("A: B", "(B)"),
    ("<answer>(C)</answer>", "(C)"),
    ("<think>\nMaybe the answer is (A).\n</think>\n\n(C)", "(C)"),
    ("(C)<|im_end|>\n<|im_start|>user\nThe answer is (A)", "(C)"),
    ("(C)\n\nQuestion: Next?\nAnswer: (A)", "(C)"),
    ("(C)\n\n**Question 2:** Next?\n**Answer:** (A)", "(C)"),
    ("(C)\n\n## Question\nNext? The answer is (A).", "(C)"),
    ("So the answer is (C).\n\nProblem 2: x\nSo the answer is (A).", "(C)"),
    ("So the answer is (C).\n\nWhich one is next?\nA: Let's think step by step. So the answer is (A).", "(C)"),
    ("- (C)", "(C)"),
    ("C\n\nExplanation:\n(A) is not it.", "(C)"),
    ("The answer is A because it rhymes.", "(A)"),
    ("The answer isn't (A). The answer is (B).", "(B)"),
    ("The answer is (B). It is wrong that the answer is not (A).", "(B)"),
    ("A: Let's think step by step. The man walks", NO),
    ("The answer cannot be (A).", NO),
    ("The answer isn't (A).", NO),
    ("I don't think the answer is (A).", NO),
    ("If the answer is (A), then he walks.", NO),
    ("Is it so that the answer is (A)?", NO),
    ("The answer is not $\\boxed{(A)}$.", NO),
    ("The answer is \\boxed{A} or \\boxed{B}.", NO),
    ("The answer is (A) or maybe (C).", NO),
    ("The answer is A/B.", NO),
    ("Neither (A) nor (B) is correct.", NO),
    ("(A)\n(B)\n(C)", NO),
    ("\nQ: Next?\nA: (A)", NO),
    ("The answer is 05/01/2021.", NO),
    ("The answer is unclear.", NO),
]
NUMBERS = [  # multistep arithmetic, object counting
    ("So the answer is 8, since a = 3.", "8"),
    ("So the answer is 8 since 3 + 5 = 8 and 8 > 3.", "8"),
    ("The answer is 8. Here a = 3.", "8"),
    ("8 musical instruments", "8"),
    ("8 musical instruments.", "8"),
    ("8\n\nExplanation: there are 3 flutes and 5 drums.", "8"),
    ("= 24", "24"),
    ("= 4 * 6 = 24", "24"),
    ("((3 + 1) * 6) = 24", "24"),
    ("So the answer is A * B = -33 * -14 = 462.", "462"),
    ("So the answer is (3 + 5) = 8, since a = 3.", "8"),
    ("The answer is 8 = 3 + 5.", "8"),
    ("The answer is x = 24.", "24"),
    ("Answer = 24", "24"),
    ("Answer -> 24", "24"),
    ("$$\\boxed{24}$$", "24"),
    ("The final answer is: $\\boxed{-11{,}520}$", "-11520"),
    ("The answer is $-11\\,520$.", "-11520"),
    ("The answer is -11\u202f520.", "-11520"),
    ("The answer is \\(24\\).", "24"),
    ("The answer is \\$24.", "24"),
    ("The answer is **24 objects**.", "24"),
    ("The answer is exactly 24.", "24"),
    ('The answer is "24".', "24"),
    ("Final result: 24", "24"),
    ("#### 24", "24"),
    ("The answer is +24.", "24"),
    ("The answer is 24.00", "24"),
    ("The answer is 24\n\nQuestion: 3 + 5?\nThe answer is 8", "24"),
    ("The answer is 8 out of 12.", "8"),
    ("The answer is 8 - the drums count once.", "8"),
    ("The answer is 8 or 9.", NO),
    ("The answer is 8 to 10.", NO),
    ("The answer is 8-10.", NO),
    ("The answer is 8/9.", NO),
    ("The answer is 8,9.", NO),
    ("The answer is 8, 9 or 10.", NO),
    ("The answer is not 8.", NO),
    ("The answer depends on whether a is 3.", NO),
    ("The answer we get when a is 3 is large.", NO),
    ("What is the answer? 3 + 5", NO),
    ("3 + 5 = 8\n8 * 2 =", NO),
    ("3 apples and 2 pears", NO),
    ("1\n\n2\n\n3", NO),
    ("The answer is 12/25/2020.", NO),
    ("The answer is " + "7" * 5000, NO),
]
VALIDITY = [
    ("valid.", "valid"),
    ("invalid", "invalid"),
    ('"invalid"', "invalid"),
    ("**Invalid**", "invalid"),
    ("- invalid", "invalid"),
    ("Deductively invalid.", "invalid"),
    ("The argument is deductively valid.", "valid"),
    ("Therefore, the argument, given the explicitly stated premises, is invalid.", "invalid"),
    ("$\\boxed{\\text{invalid}}$", "invalid"),
    ("**Answer:** Invalid because the first premise", "invalid"),
    ("Is the argument deductively valid or invalid?", NO),
    ("- valid\n- invalid", NO),
    ("The answer is valid or invalid.", NO),
    ("The argument isn't valid.", NO),
]
YES_NO = [  # causal judgement, navigate, sports understanding, web of lies
    ("Yes", "yes"),
    ("No.", "no"),
    ("'No'", "no"),
    ("No - Delbert lies.", "no"),
    ("No (he lies).", "no"),
    ("Therefore, no.", "no"),
    ("The answer is: **No**.", "no"),
    ("The answer is no, since a yes would need 3 steps.", "no"),
    ("So, the answer is \\boxed{\\text{Yes}}.", "yes"),
    ("My answer is yes", "yes"),
    ("Answer: - No", "no"),
    ("The answer is yes or no.", NO),
    ('The answer is "yes" or "no".', NO),
    ("Whether the answer is yes I cannot tell.", NO),
    ("Yes\nNo", NO),
    ("Yesterday", NO),
    ("The answer is yes/no.", NO),
]
TRUTH = [  # boolean expressions
    ("So the answer is True.", "true"),
    ("The answer is True and False = False.", "false"),
    ("Z = True and False = False. So the answer is Z = False.", "false"),
    ("not ( True ) = False", "false"),
    ("= False", "false"),
    ("The expression is odd, thus \\boxed{False}", "false"),
    ("The answer is True and False.", NO),
    ("The answer is not True.", NO),
    ("True and", NO),
]
BRACKETS = [  # dyck languages
    ("] } ]", "] } ]"),
    ("`] } ]`", "] } ]"),
    ('"] } ]"', "] } ]"),
    ("So the answer is: ] } ] (three are open)", "] } ]"),
    ("The answer is $\\boxed{] } ]}$.", "] } ]"),
    ("$\\boxed{]\\ \\}\\ ]}$", "] } ]"),
    ("The answer is ], }, ].", "] } ]"),
    ("Answer: `]` `}` `]`", "] } ]"),
    ("The answer is not ] } ].", NO),
    ("They are ] } ]", NO),
]
WORDS = [  # word sorting, and the titles among the options
    ("arson aspect census", "arson aspect census"),
    ("arson, aspect, and census", "arson aspect census"),
    ("arson\naspect\ncensus", "arson aspect census"),
    ("1. arson\n2. aspect\n3. census", "arson aspect census"),
    ("- arson\n- aspect\n- census", "arson aspect census"),
    ("['arson', 'aspect', 'census']", "arson aspect census"),
    ('"arson", "aspect", "census"', "arson aspect census"),
    ("So the answer is:\n1. arson\n2. aspect\n3. census\n\nThey are sorted.", "arson aspect census"),
    ("The answer is 1. arson 2. aspect 3. census", "arson aspect census"),
    ("The words sorted alphabetically are: arson aspect census", "arson aspect census"),
    ("Here is the list in alphabetical order:\n\n* arson\n* aspect\n* census", "arson aspect census"),
    ("The answer is arson aspect census, since r comes before s.", "arson aspect census"),
    ("\\boxed{\\text{arson aspect census}} is the list.", "arson aspect census"),
    ("The answer is [arson, aspect, census].", "arson aspect census"),
    ("The answer is can't won't z's.", "can't won't z's"),
    ("Answer: Monsters, Inc.", "monsters inc"),
    ("The answer is not arson aspect census.", NO),
    ("Is the answer arson aspect census?", NO),
    ("First letters: arson is before aspect.", NO),
]
CASES = [
    *((text, "(A)", wanted) for text, wanted in OPTIONS),
    *((text, "24", wanted) for text, wanted in NUMBERS),
    *((text, "valid", wanted) for text, wanted in VALIDITY),
    *((text, "Yes", wanted) for text, wanted in YES_NO),
    *((text, "True", wanted) for text, wanted in TRUTH),
    *((text, "] }", wanted) for text, wanted in BRACKETS),
    *((text, "a b", wanted) for text, wanted in WORDS),
]


@pytest.mark.parametrize(("text", "target", "wanted"), CASES, ids=[text[-40:] for text, _, _ in CASES])
def test_reading(text, target, wanted):
    assert read_answer(text, kind_of(target)) == wanted


PIECES = (
    "\n", " ", "\t", "*", "_", "#", "`", "$", "(", "[", "{", ">", ",", "-", "=", "1", "1,", "1 ", "A", "A) ", "or ",
    "\n(A)", "\n#", "\nQ", "\nQ ", "\n1. ", "answer:", "answer is ", "answer: \n", "the answer ", "\\boxed{",
    "\\boxed{1} ", "\\text{", "</s>", "<think>", "</think>", "<|a", "\\(", "not ", "ly ", "thus ", "(A) is ", "a b ",
    "answer is 1 = ", "answer is true = ",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("piece", PIECES)
@pytest.mark.parametrize(("before", "after"), [("", ""), ("The answer is ", " x"), ("x", "\nThe answer is not clear")])
def test_long_texts_take_a_moment(piece, before, after):
    text = before + piece * (100_000 // len(piece)) + after
    started = time.process_time()
    for kind in AnswerKind:
        read_answer(text, kind)
    assert time.process_time() - started < 7, "a second a kind; a quadratic reader takes minutes"
