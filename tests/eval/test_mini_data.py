"""The mini evaluation sets: the real sets' file formats, right targets, judge prompts that can be filled."""

import json
import re
import string
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "eval" / "mini"
TASKS = ("boolean_expressions", "date_understanding", "navigate", "object_counting")
CATEGORIES = {"writing", "roleplay", "reasoning", "math", "coding", "extraction", "stem", "humanities"}
WITH_REFERENCE = {"math", "reasoning", "coding"}
PAIR_TURNS = {"question_1", "question_2", "answer_a_1", "answer_a_2", "answer_b_1", "answer_b_2"}
PLACEHOLDERS = {
    "pair-v2": {"question", "answer_a", "answer_b"},
    "pair-v2-multi-turn": PAIR_TURNS,
    "pair-math-v1": {"question", "ref_answer_1", "answer_a", "answer_b"},
    "pair-math-v1-multi-turn": PAIR_TURNS | {"ref_answer_1", "ref_answer_2"},
    "single-v1": {"question", "answer"},
    "single-math-v1": {"question", "ref_answer_1", "answer"},
    "single-v1-multi-turn": {"question_1", "question_2", "answer_1", "answer_2"},
    "single-math-v1-multi-turn": {
        "question_1",
        "question_2",
        "answer_1",
        "answer_2",
        "ref_answer_1",
        "ref_answer_2",
    },
}


def read_lines(path: str) -> list[dict]:
    return [json.loads(line) for line in (FOLDER / path).read_text(encoding="utf-8").splitlines()]


def bbh(task: str) -> list[dict[str, str]]:
    content = json.loads((FOLDER / "bbh" / f"{task}.json").read_text(encoding="utf-8"))
    assert list(content) == ["examples"]
    return content["examples"]


def returns_to_start(text: str) -> bool:
    """Walk a `navigate` instruction list on the grid, facing north at first."""
    position, facing = 0j, 1j
    turn = {"left": 1j, "right": -1j, "around": -1, "forward": 1, "backward": -1, "": 1}
    for count, side, new_facing in re.findall(r"Take (\d+) steps? ?(\w*)|Turn (\w+)", text):
        if new_facing:
            facing *= turn[new_facing]
        else:
            position += int(count) * facing * turn[side]
    return position == 0


def test_truthfulqa_format():
    items = json.loads((FOLDER / "truthfulqa" / "mc_task.json").read_text(encoding="utf-8"))
    assert len(items) == len({item["question"] for item in items}) == 12
    for item in items:
        assert list(item) == ["question", "mc1_targets", "mc2_targets"]
        mc1, mc2 = item["mc1_targets"], item["mc2_targets"]
        # The right answer comes first, then two or three wrong ones.
        assert list(mc1.values()) in ([1, 0, 0], [1, 0, 0, 0])
        assert list(mc2.values()) in ([1, 0, 0], [1, 1, 0, 0])
        assert next(iter(mc1)) in mc2
        assert all(len(answer.split()) <= 20 for answer in {*mc1, *mc2})
        assert not {a for a, label in mc1.items() if label} & {a for a, label in mc2.items() if not label}


def test_bbh_has_four_tasks_of_three_examples():
    assert tuple(sorted(path.stem for path in (FOLDER / "bbh").glob("*.json"))) == TASKS
    for task in TASKS:
        examples = bbh(task)
        assert len(examples) == len({example["input"] for example in examples}) == 3
        assert all(list(example) == ["input", "target"] for example in examples)


def test_boolean_targets_are_right():
    for example in bbh("boolean_expressions"):
        expression = example["input"].removesuffix(" is")
        assert set(expression.split()) <= {"True", "False", "and", "or", "not", "(", ")"}
        assert str(eval(expression)) == example["target"]


def test_navigate_targets_are_right():
    assert not returns_to_start("Take 1 step. Turn left. Take 1 step.")
    for example in bbh("navigate"):
        assert example["input"].endswith("\nOptions:\n- Yes\n- No")
        assert ("Yes" if returns_to_start(example["input"]) else "No") == example["target"]


def test_date_targets_are_right():
    # 28 March + 70 days = 6 June; 29 February 2016 (leap year) + 2 days = 2 March; 31 - 7 = 24 December
    dates = ("06/06/2011", "03/02/2016", "12/24/1997")
    for example, date in zip(bbh("date_understanding"), dates, strict=True):
        options = re.findall(r"^(\([A-F]\)) (\d\d/\d\d/\d{4})$", example["input"], flags=re.MULTILINE)
        assert [letter for letter, _ in options] == [f"({letter})" for letter in "ABCDEF"]
        assert len({option for _, option in options}) == 6
        assert dict(options)[example["target"]] == date


def test_object_counting_targets_are_right():
    # 1 wrench + 2 hammers + 1 screwdriver + 2 saws; 4 tulips + 1 rose + 2 daisies + 3 lilies;
    # 2 scarves + 1 hat + 4 gloves + 1 coat
    assert [example["target"] for example in bbh("object_counting")] == ["6", "10", "8"]


def test_mt_bench_questions():
    questions = read_lines("mt_bench/question.jsonl")
    assert [q["question_id"] for q in questions] == list(range(1001, 1013))
    assert {q["category"] for q in questions} == CATEGORIES
    for q in questions:
        assert len(q["turns"]) == 2 and all(turn.strip() for turn in q["turns"])
        assert ("reference" in q) or q["category"] not in WITH_REFERENCE
        assert len(q.get("reference", ["", ""])) == 2


def test_mt_bench_references_are_those_of_the_questions():
    questions = {q["question_id"]: q for q in read_lines("mt_bench/question.jsonl")}
    answers = read_lines("mt_bench/reference_answer/mini.jsonl")
    needed = {i for i, q in questions.items() if q["category"] in WITH_REFERENCE}
    assert {answer["question_id"] for answer in answers} == needed and len(answers) == 6
    for answer in answers:
        assert list(answer) == ["question_id", "answer_id", "model_id", "choices", "tstamp"]
        assert answer["choices"] == [{"index": 0, "turns": questions[answer["question_id"]]["reference"]}]
    assert len({answer["answer_id"] for answer in answers}) == 6


def test_judge_prompts_have_fastchat_names_and_fields():
    prompts = read_lines("mt_bench/judge_prompts.jsonl")
    assert {p["name"] for p in prompts} == set(PLACEHOLDERS) and len(prompts) == 8
    for p in prompts:
        assert list(p) == [
            "name",
            "type",
            "system_prompt",
            "prompt_template",
            "description",
            "category",
            "output_format",
        ]
        assert all(value.strip() for value in p.values())
    assert Counter(p["type"] for p in prompts) == {"single": 4, "pairwise": 4}


@pytest.mark.parametrize("name", PLACEHOLDERS)
def test_judge_prompts_can_be_filled(name):
    prompt = next(p for p in read_lines("mt_bench/judge_prompts.jsonl") if p["name"] == name)
    parsed = string.Formatter().parse(prompt["prompt_template"])
    fields = {field for _, field, _, _ in parsed if field is not None}
    assert fields == PLACEHOLDERS[name]
    filled = prompt["prompt_template"].format(**{field: f"<{field}>" for field in fields})
    assert all(f"<{field}>" in filled for field in fields)
    asked = prompt["system_prompt"] + filled
    if prompt["type"] == "single":
        assert prompt["output_format"] == "[[rating]]" and "[[rating]]" in asked
    else:
        assert prompt["output_format"] == "[[A]]" and all(f"[[{verdict}]]" in asked for verdict in "ABC")


def test_pairs_and_probes_cover_their_categories():
    pairs, probes = read_lines("pairs/pairs.jsonl"), read_lines("probes/probes.jsonl")
    assert Counter(pair["category"] for pair in pairs) == {"helpful": 3, "honest": 3, "harmless": 3}
    assert all(set(pair) == {"prompt", "chosen", "rejected", "category"} for pair in pairs)
    assert len({pair["prompt"] for pair in pairs}) == 9 and len({probe["prompt"] for probe in probes}) == 13
    assert Counter(probe["expect"] for probe in probes) == {"comply": 9, "refuse": 4}


def test_readme_says_that_this_is_no_benchmark():
    first = (FOLDER / "README.md").read_text(encoding="utf-8").splitlines()[0]
    assert "smoke test" in first and "never a benchmark" in first
