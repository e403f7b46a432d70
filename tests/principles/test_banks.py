"""The bundled banks and exemplars against the names, counts and weights of PAPER.md 1.5 and 2.1 to 2.6."""

import re
from pathlib import Path

import pytest
import yaml

from salmon.config.register import CONF
from salmon.plan.command import compose_config
from salmon.principles.bank import load_bank
from salmon.principles.parametric.frames import AGAINST, FOR
from salmon.principles.parametric.split import Side
from salmon.principles.parametric.universe import all_families, load_universe
from tests.principles.parametric.all_texts import all_texts

FOLDER = Path(__file__).parents[2] / "salmon" / "principles"
COUNTS = {
    "self_align_17": 17,
    "reward_11": 11,
    "rl_14": 14,
    "interventions_3": 3,
    "harmless_11": 11,
    "honest_8": 8,
    "non_evasive_9": 9,
    "no_self_praise_1": 1,
    "verifiable_11": 11,
    "verifiable_paraphrased_11": 11,
    "verifiable_unseen_5": 5,
    "steering_5": 5,
}
VERIFIABLE = ["verifiable_11", "verifiable_paraphrased_11", "verifiable_unseen_5", "steering_5"]
REWARD_NAMES = [
    "Concise",
    "Honest and Accurate",
    "Ethical",
    "Specific",
    "Educational and Engaging",
    "Methodical",
    "Creative",
    "Comprehensive",
    "Overall Helpful",
    "Natural and Fluent",
    "Multilingual",
]
RL_WEIGHTS = {
    "Candor": 4,
    "Honest and Accurate": 3,
    "Comprehensive": 3,
    "Natural Language": 3,
    "Analytical Structure": 3,
    "Ethical": 2,
    "Stand-Alone": 2,
    "Educational and Engaging": 1,
    "Creative": 1,
    "Multilingual": 1,
    "Consistent Reasoning": 1,
    "Numerical Sensitive": 1,
    "Vivid": 1,
    "Privacy Protection": 1,
}
SENTENCE = re.compile(r"[.!?](?:\s|$)")


def bank(name: str) -> list[dict]:
    return yaml.safe_load((FOLDER / "banks" / f"{name}.yaml").read_text(encoding="utf-8"))["principles"]


def exemplars() -> list[dict]:
    text = (FOLDER / "exemplars" / "self_align_6.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["exemplars"]


def turns() -> list[dict[str, str]]:
    return [turn for exemplar in exemplars() for turn in exemplar["turns"]]


def num_words(text: str) -> int:
    """Words of a text; each Chinese character counts as one."""
    return len(re.findall(r"[\u4e00-\u9fff]|[^\s\u4e00-\u9fff]+", text))


def test_the_bundled_files_are_exactly_these():
    assert {path.stem for path in (FOLDER / "banks").glob("*.yaml")} == set(COUNTS)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_fields_and_uniqueness(name):
    content = yaml.safe_load((FOLDER / "banks" / f"{name}.yaml").read_text(encoding="utf-8"))
    assert set(content) == {"description", "principles"}
    assert content["description"].strip()
    principles = content["principles"]
    assert len(principles) == COUNTS[name]
    assert len({p["name"].casefold() for p in principles}) == COUNTS[name]
    assert len({p["definition"] for p in principles}) == COUNTS[name]
    if name not in VERIFIABLE:
        assert all(set(p) <= {"name", "definition", "negative_definition", "weight", "check"} for p in principles)


def texts(principle: dict) -> list[str]:
    """Every wording of a principle and of its contrary."""
    return [*positive(principle), *negative(principle)]


def positive(principle: dict) -> list[str]:
    return [principle["definition"], *principle.get("paraphrases", [])]


def negative(principle: dict) -> list[str]:
    first = [principle["negative_definition"]] if "negative_definition" in principle else []
    return first + principle.get("negative_paraphrases", [])


@pytest.mark.parametrize("name", COUNTS)
def test_every_text_is_one_or_two_short_sentences(name):
    for principle in bank(name):
        for text in texts(principle):
            assert text == text.strip() and text.endswith((".", '."'))
            assert len(SENTENCE.findall(text)) <= 2
            assert len(text.split()) <= (20 if name in VERIFIABLE else 30)


@pytest.mark.parametrize(
    "name", [name for name in COUNTS if name not in ("self_align_17", "steering_5", *VERIFIABLE[:2])]
)
def test_guidelines_speak_of_the_response(name):
    for principle in bank(name):
        for key in ("definition", "negative_definition"):
            assert principle.get(key, "The response should").startswith("The response should")


def test_reward_names_and_negatives():
    principles = bank("reward_11")
    assert [p["name"] for p in principles] == REWARD_NAMES
    negatives = [p["negative_definition"] for p in principles]
    assert len(set(negatives) | {p["definition"] for p in principles}) == 22
    # A negated principle is an instruction for the opposite, not a plain "should not".
    assert not any(text.startswith("The response should not") for text in negatives)


def test_rl_names_and_weights():
    principles = bank("rl_14")
    assert {p["name"]: p["weight"] for p in principles} == RL_WEIGHTS
    assert sum(p["weight"] for p in principles) == 27


def test_question_types_find_the_principles_they_boost():
    names = [p["name"].lower() for p in bank("rl_14")]
    reasoning = [n for n in names if "reason" in n or "numerical" in n]
    assert reasoning == ["consistent reasoning", "numerical sensitive"]
    assert [n for n in names if "ethical" in n or "harmless" in n] == ["ethical"]


@pytest.mark.parametrize("name", [name for name in COUNTS if name not in ("reward_11", *VERIFIABLE)])
def test_the_other_banks_have_no_negatives(name):
    assert not any("negative_definition" in p for p in bank(name))


@pytest.mark.parametrize("name", [name for name in COUNTS if name not in ("rl_14", "verifiable_11")])
def test_the_other_banks_have_no_weights(name):
    assert not any("weight" in p for p in bank(name))


def test_the_verifiable_principles():
    names = [
        "Concise",
        "Comprehensive",
        "Structured",
        "Plain Prose",
        "Formal",
        "Informal",
        "No Self-Praise",
        "No Generic Advice",
        "User's Language",
        "Exact Count",
        "Avoids Actually",
    ]
    trained, paraphrased, unseen, steering = map(bank, VERIFIABLE)
    assert [p["name"] for p in trained] == [p["name"] for p in paraphrased] == names
    assert all(len(positive(p)) == len(negative(p)) == 12 for p in trained)
    assert all(len(positive(p)) == len(negative(p)) == 1 for p in [*paraphrased, *unseen, *steering])
    for one, other in zip(trained, paraphrased, strict=True):
        assert (one["check"], one.get("opposite")) == (other["check"], other.get("opposite"))
    pairs = {(p["name"], p["opposite"]) for p in trained if "opposite" in p}
    assert pairs == {(a, b) for pair in (names[:2], names[2:4], names[4:6]) for a, b in (pair, pair[::-1])}
    checks = [p["check"] for p in [*trained, *unseen]]
    assert len(set(checks)) == 16  # the unseen ones are no trained ones in disguise
    assert not {p["name"] for p in unseen} & set(names)


def test_held_out_wordings_are_new():
    trained = [
        text
        for p in load_bank("verifiable_11").principles
        for text in (
            p.definition,
            p.negative_definition,
            *p.paraphrases,
            *p.negative_paraphrases,
        )
    ]
    settings = yaml.safe_load((Path(CONF) / "reward" / "paper.yaml").read_text(encoding="utf-8"))["parametric"]
    families = Side(
        tuple(f for f in all_families() if f.name not in settings["held_out_families"]),
        FOR,
        AGAINST,
        (),
        (),
        ("river",),
    )
    for family in families.families:
        for parameter in families.parameters(family)[:2]:
            trained += [text for wanted in (True, False) for text in all_texts(family, parameter, wanted, families)]
    new = [text for name in VERIFIABLE[1:] for p in bank(name) for text in texts(p)]
    assert len(set(trained)) > 20000 and len(set(new)) == 42
    assert not {text.casefold() for text in trained} & {text.casefold() for text in new}
    verbatim = [text for name in ("verifiable_paraphrased_11", "steering_5") for p in bank(name) for text in texts(p)]
    assert not {run for text in trained for run in runs(text)} & {run for text in verbatim for run in runs(text)}


def test_the_first_runs_principles_are_in_words_that_none_of_its_lessons_shows():
    """All 24 wordings of the two share no five words in a row with any text of the trained side of the split."""
    cfg = compose_config([])
    side = load_universe(cfg.reward.parametric, cfg.prompts.held_out).trained
    lessons = {
        run
        for family in side.families
        for wanted in (True, False)
        for text in all_texts(family, next(iter(side.parameters(family))), wanted, side)
        for run in runs(text)
    }
    shown = load_bank("verifiable_11", include=["Concise", "Comprehensive"]).principles
    wordings = [text for principle in shown for text in (principle.definition, *principle.paraphrases)]
    assert len(set(wordings)) == 24 and len(lessons) > 10000
    assert not [text for text in wordings if runs(text) & lessons]


def runs(text: str, length: int = 5) -> set[tuple[str, ...]]:
    """Each ``length`` words in a row."""
    found = re.findall(r"[\w'-]+", text.lower())
    return {tuple(found[i : i + length]) for i in range(len(found) - length + 1)}


def test_self_align_rules_fit_a_short_prompt():
    rules = bank("self_align_17")
    assert all(p["name"] == p["name"].lower() and len(SENTENCE.findall(p["definition"])) == 1 for p in rules)
    assert sum(len(f"{p['name']} {p['definition']}".split()) for p in rules) <= 450


def test_there_are_six_exemplars_and_one_has_two_turns():
    assert sorted(len(exemplar["turns"]) for exemplar in exemplars()) == [1, 1, 1, 1, 1, 2]
    assert all(list(turn) == ["user", "thought", "answer"] for turn in turns())
    assert all(text.strip() for turn in turns() for text in turn.values())


def test_thoughts_name_existing_rules_by_number_and_name():
    numbered = {i: p["name"] for i, p in enumerate(bank("self_align_17"), start=1)}
    named = set()
    for turn in turns():
        found = re.findall(r"(\d+) \(([^)]+)\)", turn["thought"])
        assert len(found) >= 2
        assert all(numbered[int(number)] == name for number, name in found), turn["thought"]
        assert len(re.findall(r"\d+", turn["thought"])) == len(found)  # no number without its name
        assert len(SENTENCE.findall(turn["thought"])) == 1
        named |= {int(number) for number, _ in found}
    assert len(named) >= 10


def test_one_exemplar_is_chinese_and_so_is_its_answer():
    chinese = [turn for turn in turns() if re.search(r"[\u4e00-\u9fff]", turn["user"])]
    assert len(chinese) == 1
    assert not re.search(r"[A-Za-z]", chinese[0]["answer"])


def test_exemplars_fit_a_short_prompt():
    assert sum(num_words(text) for turn in turns() for text in turn.values()) <= 650
