"""The bundled prompts: counts, mix of types in every prefix, lengths, uniqueness."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "salmon" / "data" / "bundled"
SHARE = {"general": 0.60, "reasoning": 0.25, "red_teaming": 0.15}
# Topics of the Self-Align exemplars: an answer that needs one of these words would be dropped as leakage.
EXEMPLAR_WORDS = ("otter", "beaver", "ferry", "reading room", "medal table", "2034", "mull", "骆景樵")
# How the German, French and Spanish prompts begin.
OTHER_OPENINGS = ("Ein ", "Erkläre", "Schreibe", "Donne", "Quelle", "Un ", "Escribe", "¿")


def is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u4e00-\u9fff]", text))


def is_english(text: str) -> bool:
    return not is_chinese(text) and not text.startswith(OTHER_OPENINGS)


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / "prompts.jsonl").read_text(encoding="utf-8").splitlines()]


def test_ids_fields_and_uniqueness(rows):
    assert [row["id"] for row in rows] == [f"p{i:03d}" for i in range(1, 241)]
    assert all(list(row) == ["id", "prompt", "type"] for row in rows)
    assert len({row["prompt"].casefold() for row in rows}) == 240


def test_type_counts(rows):
    assert Counter(row["type"] for row in rows) == {"general": 144, "reasoning": 60, "red_teaming": 36}


def test_every_block_of_twenty_has_the_same_mix(rows):
    for start in range(0, 240, 20):
        block = rows[start : start + 20]
        assert Counter(row["type"] for row in block) == {"general": 12, "reasoning": 5, "red_teaming": 3}
        assert sum(not is_english(row["prompt"]) for row in block) == 1


def test_every_prefix_is_a_mixed_sample(rows):
    for length in range(1, 241):
        counts = Counter(row["type"] for row in rows[:length])
        for kind, share in SHARE.items():
            assert abs(counts[kind] - share * length) <= 2, (length, kind)


def test_sorting_by_type_would_break_the_prefix_rule(rows):
    counts = Counter(row["type"] for row in sorted(rows, key=lambda row: row["type"])[:40])
    assert abs(counts["reasoning"] - SHARE["reasoning"] * 40) > 2


def test_lengths(rows):
    for row in rows:
        text = row["prompt"]
        assert text == text.strip() and "\n" not in text
        assert 8 <= len(text if is_chinese(text) else text.split()) <= 40, text


def test_languages(rows):
    foreign = [row["prompt"] for row in rows if not is_english(row["prompt"])]
    assert len(foreign) == 12  # 5 % of 240
    assert sum(is_chinese(text) for text in foreign) == 3


def test_no_prompt_touches_an_exemplar(rows):
    for row in rows:
        for word in EXEMPLAR_WORDS:
            assert not re.search(rf"\b{word}", row["prompt"].lower()), (row["id"], word)


def test_readme_states_origin_and_licence():
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert "written for this project" in text and "Apache-2.0" in text
