"""The answers that pairs are made of, and the words that principles are about."""

import pytest

from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt, load_answers, words_of


def test_bundled_answers_are_different_ones_to_each_prompt():
    found = load_answers(None)
    assert len(found) >= 200 and len({asked.prompt for asked in found}) == len(found)
    assert all(len(set(asked.answers)) == len(asked.answers) for asked in found)
    assert sum(len(asked.answers) > 1 for asked in found) > 0.9 * len(found)
    assert all(answer.strip() for asked in found for answer in asked.answers)


def test_own_answers_are_gathered_by_prompt_and_said_once(tmp_path):
    file = tmp_path / "answers.jsonl"
    rows = [("Why?", "Because."), ("Who?", "Me."), ("Why?", "No idea."), ("Why?", "Because.")]
    file.write_text("".join(f'{{"prompt": "{p}", "response": "{r}"}}\n' for p, r in rows), encoding="utf-8")
    assert load_answers(str(file)) == [
        AnsweredPrompt("Why?", ("Because.", "No idea.")),
        AnsweredPrompt("Who?", ("Me.",)),
    ]


def test_a_bad_line_is_named(tmp_path):
    file = tmp_path / "answers.jsonl"
    file.write_text('{"prompt": "Why?", "response": "Because."}\n{"prompt": "Why?"}\n', encoding="utf-8")
    with pytest.raises(SalmonError, match=r"answers\.jsonl.*2"):
        load_answers(str(file))
    with pytest.raises(SalmonError, match="there is no file .*none.jsonl"):
        load_answers(str(tmp_path / "none.jsonl"))


def test_words_are_plain_and_occur_twice():
    one = AnsweredPrompt("", ("A river, a river and River's bank; e-mail e-mail.", "the lake"))
    two = AnsweredPrompt("", ("The lake has weather-proof incomprehensibly incomprehensibly", "Lakes lake"))
    assert words_of([one, two]) == ["lake", "river"]
