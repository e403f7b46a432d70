"""LLMBar (Zeng et al. 2024, arXiv 2310.07641): ``{input, output_1, output_2, label}``, label 1 or 2 is the better one.

The benchmark has five sets: one natural, and four adversarial ones whose worse output looks better. Its files bring no
guideline, so a row gets ``FOLLOW``. In two case studies the input itself states one requirement that stands above all
else; there the guideline is that requirement, in words about the response.
"""

import re
from collections.abc import Iterator, Mapping

from eval.pairs.ranked.rows import Ranked
from eval.user_files import texts
from salmon.errors import SalmonError
from salmon.runtime.jsonl import Record

KEYS = frozenset({"output_1", "output_2"})
FOLLOW = "The response does exactly what the instruction asks for."
CONSTRAINT = re.compile(r"Your first priority is to always generate a response (.+)\.")
BASE = re.compile(r'Assuming that all numbers are in (base-\d+) where the digits are "(\w+)"')
SET = re.compile(r"(?:^|_)LLMBar_(Natural|Adversarial)")
CASE_STUDY = re.compile(r"(?:^|_)CaseStudy_")


def read_llmbar(where: str, record: Record, category: str) -> Iterator[Ranked]:
    prompt, *responses = texts(where, record, ("input", "output_1", "output_2"), blank=True)
    label = record.get("label")
    if isinstance(label, bool) or label not in (1, 2):
        raise SalmonError(f"{where}: label must be 1 or 2, not {label!r}. Correct the line")
    ranks = (0, 1) if label == 1 else (1, 0)
    yield Ranked(prompt, tuple(responses), ranks, category, guideline_of(prompt))


def guideline_of(instruction: str) -> str:
    """What the response is asked to be."""
    if constraint := CONSTRAINT.match(instruction):
        return f"The response is one {constraint[1]}."
    if base := BASE.search(instruction):
        return f'The response calculates in {base[1]}, where the digits are "{base[2]}".'
    return FOLLOW


def llmbar_sections(categories: Mapping[str, int]) -> dict[str, dict[str, float]]:
    """By section that has rows: the weight of each of its sets, which all count the same.

    Args:
        categories: rows in each.
    """
    kinds = {name: found[1] for name in categories if (found := SET.search(name))}
    sections = {
        "llmbar": list(kinds),
        "llmbar_adversarial": [name for name, kind in kinds.items() if kind == "Adversarial"],
        "llmbar_case_studies": [name for name in categories if CASE_STUDY.search(name)],
    }
    return {name: dict.fromkeys(sets, 1 / len(sets)) for name, sets in sections.items() if sets}
