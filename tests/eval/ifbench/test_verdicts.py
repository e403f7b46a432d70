"""What the checkers say, of which variants of an answer, and what cannot be checked."""

import random
from pathlib import Path

import nltk
import pytest

from eval.ifbench import constraints as module
from eval.ifbench.constraints import (
    NLTK_DATA,
    CheckerError,
    Constraint,
    argument_names,
    constraint_ids,
    lacking_data,
    require_checkers,
    without_check,
)
from eval.ifbench.verdicts import Verdict, judge_answer, loose_variants
from salmon.errors import SalmonError

TEXTS = {"options": "yes/no/maybe", "reference_text": "the first text", "prompt_to_repeat": "the first text of all"}
THREE = Constraint("count:numbers", (("N", 3),))


def any_constraint(name: str) -> Constraint:
    numbers = {"N", "small_n", "percentage", "min_words", "max_words", "n", "m", "n_start", "n_end"}
    return Constraint(name, tuple((key, 2 if key in numbers else TEXTS.get(key, key)) for key in argument_names(name)))


def test_there_are_58():
    assert len(constraint_ids()) == 58 and NLTK_DATA.keys() <= set(constraint_ids())


def test_what_needs_data_is_known(monkeypatch):
    """Without NLTK's data exactly those constraints cannot be checked that say so."""
    monkeypatch.setattr(nltk.data, "path", [])
    broken = set()
    for name in constraint_ids():
        try:
            any_constraint(name).follows("One two three. Four five six.")
        except CheckerError as error:
            assert "LookupError" in str(error)
            broken.add(name)
    assert broken == NLTK_DATA.keys() == lacking_data().keys()


def test_data_that_are_there_are_used(monkeypatch, tmp_path):
    (tmp_path / "corpora" / "stopwords").mkdir(parents=True)
    (tmp_path / "corpora" / "stopwords" / "english").write_text("the\na\n")
    monkeypatch.setattr(nltk.data, "path", [str(tmp_path)])
    assert "ratio:stop_words" not in lacking_data() and "words:start_verb" in lacking_data()
    half = Constraint("ratio:stop_words", (("percentage", 50),))
    assert half.follows("the cat") and not half.follows("the a cat")


def test_what_is_not_checked_is_named():
    lacking = {"ratio:stop_words": ("corpora/stopwords",), "words:start_verb": ("tokenizers/punkt_tab",)}
    assert without_check(["count:numbers"], lacking) == ""
    assert without_check(["ratio:stop_words", "count:numbers", "ratio:stop_words"], lacking) == (
        "NOT CHECKED ratio:stop_words (2): python -m nltk.downloader stopwords"
    )


@pytest.mark.parametrize("start", [0, 1])
def test_zero_is_a_number(start, monkeypatch):
    """The package alone would draw another one at random."""
    monkeypatch.setattr(random, "randint", lambda low, high: pytest.fail("drawn"))
    span = Constraint("repeat:repeat_span", (("n_start", start), ("n_end", 3), ("prompt_to_repeat", "one two three")))
    assert span.follows("one two three") == (start == 0) and span.follows("two three") == (start == 1)


def test_loose_variants():
    assert loose_variants("*a*\nb\nc") == ["*a*\nb\nc", "b\nc", "*a*\nb", "b", "a\nb\nc", "b\nc", "a\nb", "b"]
    assert loose_variants("*a*") == ["*a*", "", "", "", "a", "", "", ""]


@pytest.mark.parametrize(
    ("answer", "strict", "loose"),
    [
        ("1 2 3", True, True),
        ("1 2", False, False),
        ("Here are 3 numbers:\n1 2 3", False, True),
        ("1 2 3\nThese were 3.", False, True),
        ("3:\n1 2 3\n3", False, True),
        ("3\n3\n1 2 3", False, False),
        ("", False, False),
        (" \n", False, False),
    ],
)
def test_strict_and_loose(answer, strict, loose):
    assert judge_answer(answer, (THREE,), ()) == [Verdict("count:numbers", strict, loose)]


def test_asterisks():
    only = Constraint("format:options", (("options", "a), b), c)"),))
    assert judge_answer("**b)**", (only,), ()) == [Verdict("format:options", False, True)]


def test_an_answer_without_text_follows_nothing():
    """Of many constraints an empty text would be an example."""
    none = Constraint("format:no_whitespace")
    assert none.follows("") and judge_answer("", (none,), ()) == [Verdict(none.id, False, False)]


def test_a_checker_that_breaks_says_so():
    (verdict,) = judge_answer("...", (Constraint("format:quote_unquote"),), ())
    assert (verdict.strict, verdict.loose) == (False, False) and "format:quote_unquote: IndexError" in verdict.error


def test_what_is_not_checked_has_no_verdict():
    found = judge_answer("the", (Constraint("ratio:stop_words", (("percentage", 5),)), THREE), {"ratio:stop_words": ()})
    assert found == [Verdict("ratio:stop_words", None, None), Verdict("count:numbers", False, False)]


def test_the_packages_own_scoring_agrees():
    from if_verifiable import IFBenchSample, evaluate_output_for_sample

    names = [name for name in constraint_ids() if name not in NLTK_DATA]
    constraints = [any_constraint(name) for name in names]
    sample = IFBenchSample("0", "Why?", names, [dict(constraint.arguments) for constraint in constraints])
    for answer in ("One two. Three 4!", "Sure:\n* a\n- b\n**Emma** 1 and 2", "first text", '"a", b', "A.\n B.\n  C."):
        theirs, _ = evaluate_output_for_sample("ifbench", sample, answer)
        ours = judge_answer(answer, constraints, ())
        assert [(v.id, v.strict, v.loose) for v in ours] == [
            (v.instruction_id, v.strict_pass, v.loose_pass) for v in theirs
        ]
        assert 0 < sum(v.loose for v in ours) < len(ours)


def test_a_missing_package_is_said_clearly(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SalmonError, match=r"pip install -e '\.\[ifbench\]'"):
        require_checkers()


def test_the_extra_has_the_package():
    import tomllib

    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (extra,) = project["optional-dependencies"]["ifbench"]
    assert extra.startswith(module.PACKAGE) and extra in project["optional-dependencies"]["dev"]
