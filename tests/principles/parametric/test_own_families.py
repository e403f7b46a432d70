"""Families of users: read from a file, checked, and named where something is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from salmon.errors import SalmonError
from salmon.principles.parametric.answers import AnsweredPrompt
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.own_families import family_problems, own_families
from salmon.principles.parametric.universe import load_universe
from tests.principles.parametric.settings import parametric

OWN = '''"""Question marks of Spanish."""

from salmon.principles.parametric.family import Family


def count(prompt, response, parameter):
    return response.count("\\u00bf")


def edit(prompt, answer, parameter, rng):
    return "\\u00bf" + answer, answer.replace("\\u00bf", "")


FAMILIES = (
    Family(
        name="spanish_marks",
        measure=count,
        edit=edit,
        topics=("inverted question marks",),
        absence=("text without inverted marks",),
        wanted=("Open questions the Spanish way.",),
        unwanted=("Never open questions the Spanish way.",),
    ),
)
'''
ANSWERS = [AnsweredPrompt(f"Why {number}?", (f"Because of river {number}.", "No idea.")) for number in range(20)]
SOUND = Family(
    name="river",
    measure=lambda prompt, response, parameter: response.count("river"),
    edit=lambda prompt, answer, parameter, rng: (f"{answer} river", answer),
    topics=("rivers",),
    absence=("text without rivers",),
    wanted=("Name a river.",),
    unwanted=("Name no river.",),
)


def file(folder: Path, text: str, name: str = "mine.py") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def problems(**changes: Any) -> list[str]:
    return list(family_problems(replace(SOUND, **changes), ANSWERS, ["river"]))


def test_a_family_of_a_file_is_one_like_the_others(tmp_path):
    path = file(tmp_path, OWN)
    universe = load_universe(parametric(families=[str(path)]), 0.2)
    assert "spanish_marks" in {family.name for family in universe.trained.families}
    held_out = load_universe(parametric(families=[str(path)], held_out_families=["spanish_marks"]), 0.2)
    assert [family.name for family in held_out.unseen.families] == ["spanish_marks"]


def test_the_code_of_a_family_is_in_the_fingerprint_and_its_place_is_not(tmp_path):
    content = load_universe(parametric(families=[str(file(tmp_path, OWN))]), 0.2).content()
    moved = load_universe(parametric(families=[str(file(tmp_path, OWN, "moved.py"))]), 0.2).content()
    assert moved == content
    other = file(tmp_path, OWN.replace("response.count", "2 * response.count"))
    assert load_universe(parametric(families=[str(other)]), 0.2).content() != content


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("X = 1\n", "mine.py has no tuple FAMILIES"),
        ("FAMILIES = ()\n", "mine.py has no tuple FAMILIES"),
        ("FAMILIES = ('length',)\n", "mine.py has no tuple FAMILIES"),
        (OWN.replace("FAMILIES = (\n", "FAMILIES = [\n")[:-2] + "]\n", "mine.py has no tuple FAMILIES"),
        ("1 / 0\n", "mine.py cannot be run: ZeroDivisionError"),
        ("def f(:\n", "mine.py cannot be run: SyntaxError"),
        (OWN.replace("        measure=count,\n", ""), "mine.py cannot be run: TypeError.*measure"),
        (OWN.replace("        edit=edit,\n", ""), "mine.py cannot be run: TypeError.*edit"),
    ],
)
def test_a_file_that_gives_no_families_is_named(tmp_path, text, said):
    with pytest.raises(SalmonError, match=said):
        own_families(file(tmp_path, text))


def test_a_file_that_is_not_there_or_no_python(tmp_path):
    with pytest.raises(SalmonError, match="families: there is no file .*none.py"):
        own_families(tmp_path / "none.py")
    with pytest.raises(SalmonError, match="no file"):
        own_families(tmp_path)
    with pytest.raises(SalmonError, match=r"mine.txt is no Python file \(its name must end with .py\)"):
        own_families(file(tmp_path, OWN, "mine.txt"))


def test_a_name_that_is_taken(tmp_path):
    path = file(tmp_path, OWN.replace("spanish_marks", "length"))
    with pytest.raises(SalmonError, match='2 families have the name "length"'):
        load_universe(parametric(families=[str(path)]), 0.2)


def test_a_problem_of_a_family_is_told_by_the_universe(tmp_path):
    path = file(tmp_path, OWN.replace('"\\u00bf" + answer', "answer"))
    with pytest.raises(SalmonError, match="family spanish_marks: its edit makes no two answers"):
        load_universe(parametric(families=[str(path)]), 0.2)


def test_a_sound_family_has_no_problems():
    assert problems() == []
    assert problems(absence=()) == []
    assert problems(parameters=("a", "b"), **gaps()) == []
    assert problems(words=True, **gaps()) == []


def gaps(**changes: Any) -> dict[str, Any]:
    return {
        "topics": ("rivers and {p}",),
        "absence": ("text without {p}",),
        "wanted": ("Name {p}.",),
        "unwanted": ("Never name {p}.",),
    } | changes


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"measure": None}, "measure must be a function"),
        ({"edit": "river"}, "edit must be a function"),
        ({"topics": ()}, "topics is empty"),
        ({"wanted": ()}, "wanted is empty"),
        ({"unwanted": ()}, "unwanted is empty"),
        ({"parameters": ()}, "parameters is empty"),
        ({"topics": "rivers"}, "topics must be a tuple of texts"),
        ({"wanted": ["Name a river."]}, "wanted must be a tuple of texts"),
        ({"parameters": (1, 2)} | gaps(), "parameters must be a tuple of texts"),
        ({"absence": ("lakes", "rivers")}, '"rivers" is both in topics and in absence'),
        ({"unwanted": ("Name a river.",)}, '"Name a river." is both in wanted and in unwanted'),
        ({"wanted": ("Name {p}.",)}, 'wanted: "Name {p}." has a gap {p}, but the family has no parameters'),
        ({"parameters": ("a", "b")} | gaps(wanted=("Name it.",)), 'wanted: "Name it." has no gap {p}'),
        ({"words": True} | gaps(absence=("lakes",)), 'absence: "lakes" has no gap {p}'),
    ],
)
def test_each_mistake_is_named_with_its_family(changes, said):
    found = problems(**changes)
    assert any(text.startswith(f"family river: {said}") for text in found), found


@pytest.mark.parametrize(
    "edit",
    [
        lambda prompt, answer, parameter, rng: (answer, answer),
        lambda prompt, answer, parameter, rng: (answer, f"{answer} river"),  # the wrong way round
        lambda prompt, answer, parameter, rng: (f"{answer} lake", answer),  # of no interest to the measure
        lambda prompt, answer, parameter, rng: ("", " "),
    ],
)
def test_an_edit_that_makes_no_difference_is_named_with_an_example(edit):
    (said,) = problems(edit=edit)
    assert said.startswith("family river: its edit makes no two answers")
    example = edit("", ANSWERS[0].answers[0], "", None)[0]
    assert " against " in said and (not example or "Because of river" in said)


def fails(*_: Any) -> Any:
    raise KeyError("river")


@pytest.mark.parametrize("name", ["measure", "edit"])
def test_code_that_fails_is_named_with_what_it_failed_at(name):
    (said,) = problems(**{name: fails})
    assert said.startswith("family river: its edit or its measure fails at 'Because of river")
    assert said.endswith("KeyError: 'river'")


def test_a_measure_that_gives_no_number():
    (said,) = problems(measure=lambda prompt, response, parameter: response)
    assert "TypeError" in said


def test_all_problems_are_told_together():
    assert len(problems(topics=(), wanted=(), edit=fails)) == 3
