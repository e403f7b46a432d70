"""Constraints of single settings, on literal values and messages."""

import math
from typing import Any

import pytest

from salmon.config.setting import Constraints, probabilities, probability, setting
from salmon.config.texts import label_problem, path_problem, project_problem, variable_problem

FREE = Constraints()
PATH = Constraints(text=path_problem)
LABEL, PROJECT = Constraints(text=label_problem), Constraints(text=project_problem)
NO_VARIABLE = (
    "k must be the name of an environment variable, such as OPENAI_API_KEY (the key itself goes into the variable)"
)
CASES: list[tuple[Constraints, Any, list[str]]] = [
    # numbers
    (Constraints(at_least=1), 1, []),
    (Constraints(at_least=1), 0, ["k=0 must be at least 1"]),
    (Constraints(at_least=1), 0.5, ["k=0.5 must be at least 1"]),
    (Constraints(above=0), 0.0, ["k=0.0 must be above 0"]),
    (Constraints(above=0, at_most=1), 1.0, []),
    (Constraints(above=0, at_most=1), 1.5, ["k=1.5 must be above 0 and at most 1"]),
    (Constraints(at_least=0, below=1), 1.0, ["k=1.0 must be at least 0 and below 1"]),
    (Constraints(at_least=0, at_most=1), -0.1, ["k=-0.1 must be between 0 and 1"]),
    (Constraints(at_least=0), -0.1, ["k=-0.1 must not be negative"]),
    (Constraints(above=0, below=1, reason="why"), 1, ["k=1 must be above 0 and below 1: why"]),
    (Constraints(at_least=1, null="all"), 0, ["k=0 must be at least 1, or null for all"]),
    (Constraints(at_least=1, null="all", reason="why"), 0, ["k=0 must be at least 1, or null for all: why"]),
    (Constraints(at_least=1, null="all"), None, []),
    # a number, or a word
    (Constraints(at_least=1, words=("auto",)), "auto", []),
    (Constraints(at_least=1, words=("auto",)), 0, ["k=0 must be at least 1, or auto"]),
    (Constraints(at_least=1, words=("auto",)), "many", ["k=many must be at least 1, or auto"]),
    (Constraints(at_least=1, words=("auto",)), "3", ["k=3 must be at least 1, or auto"]),
    # without limits: a whole number is a count, any other must be finite
    (FREE, -1, ["k=-1 must not be negative"]),
    (FREE, -1.0, []),
    (FREE, math.nan, ["k=nan is not a finite number"]),
    (Constraints(at_least=1), -math.inf, ["k=-inf is not a finite number"]),
    (FREE, False, []),
    (FREE, "-1", []),
    # mappings: each number, each key
    (Constraints(at_least=0, at_most=1), {"a": 0.5, "b": 2.0}, ["k.b=2.0 must be between 0 and 1"]),
    (Constraints(choices=("one", "two")), {"two": -1.0, "xyz": 1.0}, ["k: unknown 'xyz'; known are one, two"]),
    (FREE, {"a": math.inf}, ["k.a=inf is not a finite number"]),
    (FREE, {"a": ["x"]}, []),
    # lists
    (Constraints(choices=("one", "two")), ["two", "one"], []),
    (Constraints(choices=("one", "two")), [], []),
    (Constraints(choices=("one", "two")), None, []),
    (Constraints(choices=("one", "two")), ["tow"], ["k: unknown 'tow' (did you mean two?); known are one, two"]),
    (Constraints(choices=("one", "two")), ["xyz"], ["k: unknown 'xyz'; known are one, two"]),
    (Constraints(choices=("one", "two")), ["two", "one", "two"], ["k: named more than once: two"]),
    # what is in them: one value each
    (FREE, ["a", ["b"]], ["k[1] must be one value, not a list inside of another"]),
    (Constraints(choices=("a",)), [["a"], "a"], ["k[0] must be one value, not a list inside of another"]),
    (FREE, {"a": ["x", {"b": 1}]}, ["k.a[1] must be one value, not a dict inside of another"]),
    (FREE, {"a": [math.nan]}, ["k.a[0]=nan is not a finite number"]),
    (FREE, 2**63 - 1, []),
    (FREE, 2**63, ["k=9223372036854775808 must be at most 9223372036854775807"]),
    # texts
    (FREE, "a\ud800", ["k=a\\xd800 has half of a character (a lone surrogate)"]),
    (FREE, ["a", "\udfff"], ["k[1]=\\xdfff has half of a character (a lone surrogate)"]),
    (PATH, "~/runs/a b.yaml", []),
    (PATH, "hub:a/b:train", []),
    (PATH, "a\0", ["k=a\\x00 has a NUL character"]),
    (PATH, "x/" * 2500, [f"k={'x/' * 20}...{'x/' * 10} has 5000 bytes, and no path has more than 4095"]),
    (
        PATH,
        {"a": "y" * 256},
        [f"k.a={'y' * 40}...{'y' * 20} has a part of more than 255 bytes, and no file has such a name"],
    ),
    (
        PATH,
        "~nobody-here/x",
        ["k=~nobody-here/x begins with the home folder of a user that this machine does not know"],
    ),
    (
        Constraints(text=label_problem),
        ["a" * 64, "b" * 65],
        [f"k[1]={'b' * 65} has 65 characters, and 64 are the most"],
    ),
    (Constraints(text=label_problem), [""], ["k[0]= is blank"]),
    (Constraints(text=label_problem), "a\nb", ["k=a\\x0ab has a line break, or another character that is not printed"]),
    (
        Constraints(text=project_problem),
        "a/b",
        [r"k=a/b has /, and W&B has no project with one of / \ # ? % : in its name"],
    ),
    (Constraints(text=project_problem), "salmon study", []),
    (Constraints(text=variable_problem), "OPENAI_API_KEY", []),
    # secrets are not repeated
    (Constraints(text=variable_problem), "sk-0123456789abcdef", [NO_VARIABLE]),
    (
        Constraints(url=True),
        "ftp://user:secret@host",
        ["k=ftp://***@host must start with http:// or https:// (and usually ends in /v1)"],
    ),
    (PATH, "sk-0123456789abcdef\0", [r"k=sk-***\x00 has a NUL character"]),
    # addresses
    (Constraints(url=True), "https://a/v1", []),
    (Constraints(url=True), None, []),
    (Constraints(url=True), "a:80", ["k=a:80 must start with http:// or https:// (and usually ends in /v1)"]),
]


@pytest.mark.parametrize(
    ("constraints", "value", "said"), CASES, ids=[f"{value!r:.40}-{case}" for case, (_, value, _) in enumerate(CASES)]
)
def test_problems(constraints: Constraints, value: Any, said: list[str]) -> None:
    assert list(constraints.problems("k", value)) == said


def test_fields() -> None:
    assert setting(cosmetic=True, at_least=2).metadata["constraints"] == Constraints(at_least=2)
    assert probability().metadata["constraints"] == Constraints(at_least=0, at_most=1)
    assert probabilities(["a"]).metadata["constraints"] == Constraints(at_least=0, at_most=1, choices=("a",))
    assert not setting().metadata["cosmetic"]
