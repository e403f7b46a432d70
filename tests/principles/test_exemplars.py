"""Loading the worked examples of the Self-Align prompt."""

import pytest

from salmon.errors import SalmonError
from salmon.principles.exemplars import Exemplar, Turn, load_exemplars

GOOD = """
description: one conversation of two turns
exemplars:
  - turns:
      - user: Hello?
        thought: >-
          Rules 2 (kind) and 10 (brief) apply, because
          it is 1 greeting.
        answer: |-
          Hi!
          How are you?
      - {user: Bye., thought: "Rules 2 (kind) apply.", answer: Bye!}
"""


def write(folder, text):
    (folder / "mine.yaml").write_text(text, encoding="utf-8")
    return str(folder / "mine.yaml")


def test_turns_are_read_and_know_their_rules(tmp_path):
    (exemplar,) = load_exemplars(write(tmp_path, GOOD))
    assert exemplar == Exemplar(
        (
            Turn("Hello?", "Rules 2 (kind) and 10 (brief) apply, because it is 1 greeting.", "Hi!\nHow are you?"),
            Turn("Bye.", "Rules 2 (kind) apply.", "Bye!"),
        )
    )
    assert exemplar.turns[0].rules == ((2, "kind"), (10, "brief"))


def test_the_bundled_six_load():
    exemplars = load_exemplars("self_align_6")
    assert sorted(len(exemplar.turns) for exemplar in exemplars) == [1, 1, 1, 1, 1, 2]
    assert all(turn.rules for exemplar in exemplars for turn in exemplar.turns)


def test_all_problems_at_once(tmp_path):
    with pytest.raises(SalmonError) as caught:
        load_exemplars(
            write(
                tmp_path,
                """
title: none
exemplars:
  - turns: []
  - turns:
      - {user: Hello there, thought: I greet., answer: Hi!, note: x}
      - {user: 5, thought: "Rules 1 (kind) apply.", answer: " "}
  - turns: [text]
    extra: 1
""",
            )
        )
    for expected in (
        'unknown key "title"',
        'exemplars[1]: "turns" must have at least one turn',
        'exemplars[2].turns[1]: unknown key "note"',
        'exemplars[2].turns[1]: "thought" must begin with the rules it applies',
        'exemplars[2].turns[2]: "user" must be text, not 5',
        'exemplars[2].turns[2]: "answer" is blank',
        'exemplars[3]: unknown key "extra"',
        'exemplars[3]: "turns[1]" must be an object with keys, not',
    ):
        assert expected in str(caught.value)
    assert "8 problems" in str(caught.value)


@pytest.mark.parametrize("text", ["", "exemplars: text", "- turns: []"])
def test_wrong_shapes(tmp_path, text):
    with pytest.raises(SalmonError, match='list under "exemplars"'):
        load_exemplars(write(tmp_path, text))


def test_no_exemplars(tmp_path):
    with pytest.raises(SalmonError, match="it has no exemplars"):
        load_exemplars(write(tmp_path, "exemplars: []"))


def test_unknown_name():
    with pytest.raises(SalmonError, match='did you mean "self_align_6"'):
        load_exemplars("self_align6")
