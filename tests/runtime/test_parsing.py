"""JSON and YAML texts: what Python's readers let through and later code falls over is refused where it comes in."""

import json
import time
from typing import Any

import pytest

from salmon.runtime.parsing import DEEPEST, Malformed, check_value, parse_json, parse_yaml

DEEP = DEEPEST + 2

REFUSED_JSON = [
    ("{", "not valid JSON (Expecting property name enclosed in double quotes at column 2)"),
    ("", "not valid JSON (Expecting value at column 1)"),
    (b'{"a": "\xff"}', "not UTF-8 text (byte 8)"),
    ('{"a": 1, "b": 2, "a": 3}', 'the key "a" is there twice'),
    ('{"b": [{"a": 1, "a": 1}]}', 'the key "a" is there twice'),
    ('{"a": NaN}', '"a" is not a finite number (nan)'),
    ("[-Infinity]", '"[0]" is not a finite number (-inf)'),
    ('{"a": {"b": [0, NaN]}}', '"a.b[1]" is not a finite number (nan)'),
    ("[1e999]", "the number 1e999 is too large"),
    ("9" * 5000, "a number of 5000 digits; the longest has 300"),
    ("[" * DEEP + "]" * DEEP, f"lists and objects inside of each other, deeper than {DEEPEST}"),
    ('{"a":' * DEEP + "1" + "}" * DEEP, f"lists and objects inside of each other, deeper than {DEEPEST}"),
    ("[" * 100_000, f"lists and objects inside of each other, deeper than {DEEPEST}"),
    (r'{"a": "\ud800 x"}', '"a" has half of a character (a lone surrogate)'),
    (r'{"\udfff": 1}', r"the value has the key \xdfff, which has half of a character (a lone surrogate)"),
]
REFUSED_YAML = [
    ("a: [", "not valid YAML: expected the node content, but found '<stream end>'"),
    (b"a: \xff", "not UTF-8 text (byte 4)"),
    ("a: 1\nb: 2\na: 3\n", 'the key "a" is there twice'),
    ("a: .nan", '"a" is not a finite number (nan)'),
    ("- -.inf", '"[0]" is not a finite number (-inf)'),
    ("- 1.0e+999", '"[0]" is not a finite number (inf)'),
    ("a: " + "9" * 5000, "a number of 5000 digits; the longest has 300"),
    ("[" * DEEP + "]" * DEEP, f"lists and objects inside of each other, deeper than {DEEPEST}"),
    ("[" * 3000, f"lists and mappings inside of each other, deeper than {DEEPEST}"),
    ("&a [*a]", f"lists and objects inside of each other, deeper than {DEEPEST}"),
    (r'a: "\ud800"', '"a" has half of a character (a lone surrogate)'),
    ("1: x", "the value has the key 1, which is no text: put it in quotes"),
    ("yes: x", "the value has the key True, which is no text: put it in quotes"),
    ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor for the tag"),
    ("a: !mine 1", "could not determine a constructor for the tag"),
    ("a: 2020-99-99", "not valid YAML: month must be in 1..12"),
    ("? [a]\n: 1", "not valid YAML: found unhashable key"),
    ("a: \0", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED_JSON, ids=range(len(REFUSED_JSON)))
def test_json_that_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_json(text)
    assert str(caught.value) == said


@pytest.mark.parametrize(("text", "said"), REFUSED_YAML, ids=range(len(REFUSED_YAML)))
def test_yaml_that_is_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse_yaml(text)
    assert said in str(caught.value)


def test_the_line_is_known() -> None:
    for parse, text in ((parse_json, '{"a": 1,\n"b": }'), (parse_yaml, "a: 1\na: 2"), (parse_json, b'{"a":\n"\xff"}')):
        with pytest.raises(Malformed) as caught:
            parse(text)
        assert caught.value.line == 2


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {"a": {"b": [1, 2.5, True, None, "\u2028🐟\0"]}},
        10**300 - 1,
        "[" * 1000,
        {"[": "{" * 100},
    ],
    ids=str,
)
def test_what_is_taken_is_what_stands_there(value: Any) -> None:
    deep: Any = value
    for _ in range(DEEPEST - 4):
        deep = [deep]
    for given in (value, deep):
        assert parse_json(json.dumps(given)) == given
        assert parse_json(json.dumps(given, ensure_ascii=False).encode()) == given


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse_json(r'"\ud83d\udc1f"') == "🐟"


def test_infinity_where_it_is_asked_for() -> None:
    assert parse_json("[-Infinity, 1e999]", finite=False) == [float("-inf"), float("inf")]


def test_yaml_keeps_merges_aliases_and_dates() -> None:
    assert parse_yaml("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\nc: *a") == {
        "a": {"x": 1, "y": 2},
        "b": {"x": 1, "y": 3},
        "c": {"x": 1, "y": 2},
    }
    assert parse_yaml("a: 0x1F\nb: 1_000\nc: -12") == {"a": 31, "b": 1000, "c": -12}


def test_aliases_cannot_fill_the_memory() -> None:
    began = time.monotonic()
    with pytest.raises(Malformed, match="more than"):
        check_value({"a": [[[["x"] * 200] * 200] * 200] * 200})
    assert parse_yaml("a: &a [x]\nb: [*a, *a]")["b"] == [["x"], ["x"]]
    assert time.monotonic() - began < 30
