"""Constraints of single settings, on literal values and messages."""

import math
from typing import Any

import pytest

from salmon.config.setting import Constraints, probabilities, probability, setting

FREE = Constraints()
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
    # addresses
    (Constraints(url=True), "https://a/v1", []),
    (Constraints(url=True), None, []),
    (Constraints(url=True), "a:80", ["k=a:80 must start with http:// or https:// (and usually ends in /v1)"]),
]


@pytest.mark.parametrize(("constraints", "value", "said"), CASES, ids=str)
def test_problems(constraints: Constraints, value: Any, said: list[str]) -> None:
    assert list(constraints.problems("k", value)) == said


def test_fields() -> None:
    assert setting(cosmetic=True, at_least=2).metadata == {"cosmetic": True, "constraints": Constraints(at_least=2)}
    assert probability().metadata["constraints"] == Constraints(at_least=0, at_most=1)
    assert probabilities(["a"]).metadata["constraints"] == Constraints(at_least=0, at_most=1, choices=("a",))
    assert not setting().metadata["cosmetic"]
