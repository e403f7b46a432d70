"""Loading banks: both formats, and every way in which a file can be wrong."""

import json
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.principles.bank import BANKS, Bank, Principle, load_bank

GOOD = """
description: two of them
principles:
  - name: Brief
    definition: The response should be
      short.
    negative_definition: The response should ramble.
    weight: 2
  - name: Kind
    definition: The response should be kind.
"""


def write(folder: Path, text: str, name: str = "mine.yaml") -> str:
    (folder / name).write_text(text, encoding="utf-8")
    return str(folder / name)


def problems(folder: Path, text: str, name: str = "mine.yaml", **kwargs) -> str:
    with pytest.raises(SalmonError) as caught:
        load_bank(write(folder, text, name), **kwargs)
    assert name in str(caught.value)
    return str(caught.value)


def test_yaml_is_read_with_defaults_and_folded_lines(tmp_path):
    assert load_bank(write(tmp_path, GOOD)) == Bank(
        "mine",
        (
            Principle("Brief", "The response should be short.", "The response should ramble.", 2.0),
            Principle("Kind", "The response should be kind.", None, 1.0),
        ),
    )


def test_the_original_projects_json_gives_the_same_bank(tmp_path):
    entries = [
        {
            "dimension": "Brief",
            "definition": "The response should be short.",
            "negative_definition": "The response should ramble.",
            "weight": 2,
        },
        {"dimension": "Kind", "definition": "The response should be kind."},
    ]
    from_json = load_bank(write(tmp_path, json.dumps(entries), "mine.json"))
    assert from_json == load_bank(write(tmp_path, GOOD))


def test_every_bundled_bank_loads():
    names = sorted(path.stem for path in BANKS.glob("*.yaml"))
    assert names
    assert [load_bank(name).name for name in names] == names


def test_content_is_json_and_changes_with_every_field(tmp_path):
    content = load_bank(write(tmp_path, GOOD)).content()
    assert json.loads(json.dumps(content)) == content
    for old, new in (("Brief", "Short"), ("short.", "terse."), ("ramble", "drone"), ("t: 2", "t: 3")):
        assert load_bank(write(tmp_path, GOOD.replace(old, new))).content() != content
    assert load_bank(write(tmp_path, GOOD.replace("two of them", "renamed"))).content() == content


def test_exclude(tmp_path):
    assert load_bank(write(tmp_path, GOOD), exclude=["Brief"]).names == ("Kind",)
    text = problems(tmp_path, GOOD, exclude=["Kint"])
    assert '"Kint" (did you mean "Kind"?)' in text
    assert "every principle is excluded" in problems(tmp_path, GOOD, exclude=["Kind", "Brief"])


def test_include_keeps_the_banks_order(tmp_path):
    assert load_bank(write(tmp_path, GOOD), include=["Kind", "Brief"]).names == ("Brief", "Kind")
    assert load_bank(write(tmp_path, GOOD), include=["Kind"]).names == ("Kind",)
    assert load_bank(write(tmp_path, GOOD), include=[]).names == ("Brief", "Kind")


def test_include_and_exclude_must_fit(tmp_path):
    text = problems(tmp_path, GOOD, include=["Kint", "Brief"], exclude=["Brief", "Kinn"])
    assert 'the included principle "Kint" (did you mean "Kind"?) is not in it' in text
    assert 'the excluded principle "Kinn" (did you mean "Kind"?) is not in it' in text
    assert '"Brief" is both included and excluded' in text and "3 problems" in text


CHECKED = """
principles:
  - name: Brief
    definition: Be short.
    paraphrases: [Be
      terse., Few words.]
    negative_definition: Be long.
    negative_paraphrases: [Ramble.]
    check: concise
    opposite: Long
  - name: Long
    definition: Be long.
    opposite: Brief
    check: "avoids_word:brief"
"""


def test_the_later_fields_are_read(tmp_path):
    brief, long = load_bank(write(tmp_path, CHECKED)).principles
    assert brief == Principle(
        "Brief", "Be short.", "Be long.", 1.0, ("Be terse.", "Few words."), ("Ramble.",), "concise", "Long"
    )
    assert (long.check, long.opposite, long.paraphrases) == ("avoids_word:brief", "Brief", ())


def test_an_opposite_that_is_left_out_is_forgotten(tmp_path):
    for kwargs in ({"exclude": ["Long"]}, {"include": ["Brief"]}):
        (brief,) = load_bank(write(tmp_path, CHECKED), **kwargs).principles
        assert brief.opposite is None and brief.check == "concise"


def test_content_has_the_later_fields_only_where_they_are_set(tmp_path):
    assert load_bank(write(tmp_path, GOOD)).content() == [
        {
            "name": "Brief",
            "definition": "The response should be short.",
            "negative_definition": "The response should ramble.",
            "weight": 2.0,
        },
        {"name": "Kind", "definition": "The response should be kind.", "negative_definition": None, "weight": 1.0},
    ]
    content = load_bank(write(tmp_path, CHECKED)).content()
    assert json.loads(json.dumps(content)) == content
    assert content[1] == {
        "name": "Long",
        "definition": "Be long.",
        "negative_definition": None,
        "weight": 1.0,
        "check": "avoids_word:brief",
        "opposite": "Brief",
    }
    for old, new in (("Few", "Little"), ("Ramble", "Drone"), ("concise", "formal"), ("word:brief", "word:short")):
        assert load_bank(write(tmp_path, CHECKED.replace(old, new))).content() != content


def test_problems_of_the_later_fields(tmp_path):
    text = problems(
        tmp_path,
        """
principles:
  - {name: A, definition: d, check: consise}
  - {name: B, definition: d, check: "avoids_word:"}
  - {name: C, definition: d, check: "concise:5"}
  - {name: D, definition: d, check: 3, opposite: ""}
  - {name: E, definition: d, paraphrases: [good, " "], negative_paraphrases: [bad]}
  - {name: F, definition: d, paraphrases: just text}
  - {name: G, definition: d, opposit: A}
""",
    )
    for expected in (
        'principle 1 (A): there is no check "consise" (did you mean "concise"?)',
        'principle 2 (B): the check "avoids_word:" must name one word',
        'principle 3 (C): the check "concise" takes no argument',
        'principle 4 (D): "check" must be text, not 3',
        'principle 4 (D): "opposite" is blank',
        'principle 5 (E): "paraphrases[2]" is blank',
        'principle 5 (E): "negative_paraphrases" need a "negative_definition"',
        "principle 6 (F): \"paraphrases\" must be a list, not 'just text'",
        'principle 7 (G): unknown key "opposit" (did you mean "opposite"?)',
    ):
        assert expected in text
    assert "9 problems" in text


def test_opposites_must_be_mutual(tmp_path):
    text = problems(
        tmp_path,
        """
principles:
  - {name: A, definition: d, opposite: B}
  - {name: B, definition: d, opposite: C}
  - {name: C, definition: d}
  - {name: D, definition: d, opposite: D}
  - {name: E, definition: d, opposite: Zzz}
""",
    )
    for expected in (
        '"B" is the opposite of "A" and must name it',
        '"C" is the opposite of "B" and must name it',
        '"D" is its own opposite',
        'the opposite of "E" is not in it: "Zzz"',
    ):
        assert expected in text
    assert "4 problems" in text


def test_missing_tells_unknown_names(tmp_path):
    bank = load_bank(write(tmp_path, GOOD))
    assert bank.missing(["Kind", "breif", "Zzzzzz"]) == ['"breif" (did you mean "Brief"?)', '"Zzzzzz"']


def test_unknown_bundled_name_lists_the_known_and_the_closest():
    known = sorted(path.stem for path in BANKS.glob("*.yaml"))
    with pytest.raises(SalmonError) as caught:
        load_bank(known[0] + "x")
    assert f'did you mean "{known[0]}"' in str(caught.value)
    assert ", ".join(known) in str(caught.value)


def test_missing_file(tmp_path):
    with pytest.raises(SalmonError, match="no file .*absent.yaml"):
        load_bank(str(tmp_path / "absent.yaml"))


def test_all_problems_of_a_file_come_in_one_message(tmp_path):
    text = problems(
        tmp_path,
        """
descriptoin: typo
principles:
  - {name: Brief, definition: "", weight: 0}
  - {name: brief, definition: The response should be short., weigth: 1}
  - {name: Bad/Name, definition: d, negative_definition: "  "}
  - {name: 7, definition: d, weight: true}
  - {definition: d, weight: 1.0e+300}
  - just text
""",
    )
    for expected in (
        'top level: unknown key "descriptoin" (did you mean "description"?)',
        'principle 1 (Brief): "definition" is blank',
        'principle 1 (Brief): "weight" must be a number above 0, not 0',
        'principle 2 (brief): unknown key "weigth" (did you mean "weight"?)',
        'principle 3 (Bad/Name): "negative_definition" is blank',
        'principle 3 (Bad/Name): a name must not contain "/"',
        'principle 4: "name" must be text, not 7 (put it in quotes)',
        'principle 4: "weight" must be a finite number, not True',
        'principle 5: "name" is missing',
        'principle 5: "weight" must be a number of 1e+06 at most, not 1e+300',
        "principle 6: must have the keys",
        'the name "brief" occurs 2 times',
    ):
        assert expected in text
    assert "12 problems" in text


@pytest.mark.parametrize("text", ["principles: []", "description: nothing", "[]"])
def test_empty_sets(tmp_path, text):
    assert "it has no principles" in problems(tmp_path, text)


@pytest.mark.parametrize("text", ["", "just text", "principles: 3"])
def test_wrong_shapes(tmp_path, text):
    assert 'must have a list "principles"' in problems(tmp_path, text)


def test_json_entries_need_the_originals_keys(tmp_path):
    text = problems(tmp_path, '[{"name": "Brief", "definition": "d"}]', "mine.json")
    assert 'unknown key "name"' in text and '"dimension" is missing' in text


def test_syntax_errors_name_the_line(tmp_path):
    assert "line 2" in problems(tmp_path, "principles:\n  - {name: [}\n")
    assert "line 3" in problems(tmp_path, '[\n  {"dimension": "a",\n   definition}\n]', "mine.json")


def test_other_encodings_are_refused(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("principles: [{name: Größe, definition: d}]".encode("latin-1"))
    with pytest.raises(SalmonError, match="UTF-8"):
        load_bank(str(tmp_path / "mine.yaml"))
