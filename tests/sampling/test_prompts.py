"""Which prompts a stage works on."""

import json
import logging
from pathlib import Path

import pytest

from salmon.config.data import OnBadLine, PromptsConfig
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.sampling.prompts import Wanted, select_prompts

TEXTS = [f"Question number {n:02d}" for n in range(12)]  # 18 bytes, so 18 tokens


@pytest.fixture
def source(tmp_path: Path) -> str:
    lines = [*TEXTS, "short", "x" * 60, TEXTS[3], " " + TEXTS[4] + " "]
    file = tmp_path / "prompts.jsonl"
    file.write_text("".join(json.dumps({"id": f"q{n}", "prompt": text}) + "\n" for n, text in enumerate(lines)))
    return str(file)


def limits(
    min_tokens: int = 10, max_tokens: int = 50, on_bad_line: OnBadLine = OnBadLine.stop, held_out: float = 0.0
) -> PromptsConfig:
    return PromptsConfig(min_tokens=min_tokens, max_tokens=max_tokens, held_out=held_out, on_bad_line=on_bad_line)


def select(
    shared: SharedModel,
    source: str,
    limit: int | None = None,
    seed: int = 0,
    stage: str = "ppo",
    prompts: PromptsConfig | None = None,
) -> list[Prompt]:
    return select_prompts(source, prompts or limits(), Wanted(stage, limit), shared.chat, seed).training


def test_clean_prompts_are_used_and_the_rest_is_counted(tiny: SharedModel, source: str, caplog) -> None:
    with caplog.at_level(logging.INFO, logger="salmon"):
        chosen = select(tiny, source)
    assert sorted(prompt.prompt for prompt in chosen) == TEXTS
    assert sorted(prompt.id for prompt in chosen) == sorted(f"q{n}" for n in range(12))
    assert "12" in caplog.text and "1 too short, 1 too long, 2 duplicates" in caplog.text


def test_limits_are_in_tokens_and_inclusive(tiny: SharedModel, source: str) -> None:
    assert len(select(tiny, source, prompts=limits(18, 18))) == 12
    assert [p.prompt for p in select(tiny, source, prompts=limits(19, 60))] == ["x" * 60]
    assert [p.prompt for p in select(tiny, source, prompts=limits(5, 17))] == ["short"]


def test_the_limit_takes_the_beginning_of_one_order(tiny: SharedModel, source: str) -> None:
    everything = select(tiny, source)
    assert [p.prompt for p in everything] != TEXTS
    assert select(tiny, source, limit=5) == everything[:5]
    assert select(tiny, source) == everything


def test_seed_and_stage_have_orders_of_their_own(tiny: SharedModel, source: str) -> None:
    orders = [
        [p.id for p in select(tiny, source, seed=seed, stage=stage)]
        for seed, stage in ((0, "ppo"), (1, "ppo"), (0, "sft"))
    ]
    assert orders[0] != orders[1] and orders[0] != orders[2]


def test_too_few_prompts_say_how_many_there_are(tiny: SharedModel, source: str) -> None:
    assert len(select(tiny, source, limit=12)) == 12
    with pytest.raises(
        SalmonError, match="ppo: ppo.num_prompts=13 asks for more than the 12 that may be trained on: .* 12 usable"
    ):
        select(tiny, source, limit=13)


@pytest.mark.parametrize("limit", [None, 1])
def test_no_prompt_left_is_an_error(tiny: SharedModel, source: str, limit: int | None) -> None:
    with pytest.raises(SalmonError, match="has 0 usable prompts of 16.*prompts.min_tokens"):
        select(tiny, source, limit=limit, prompts=limits(1000, 2000))


def test_bad_lines_follow_their_setting(tiny: SharedModel, tmp_path: Path) -> None:
    file = tmp_path / "prompts.jsonl"
    file.write_text(json.dumps({"prompt": TEXTS[0]}) + "\n{not JSON\n" + json.dumps({"prompt": TEXTS[1]}) + "\n")
    with pytest.raises(SalmonError, match="line 2"):
        select(tiny, str(file))
    assert len(select(tiny, str(file), prompts=limits(on_bad_line=OnBadLine.skip))) == 2


def test_both_sides_begin_with_their_first_prompts_in_one_order(tiny: SharedModel, source: str) -> None:
    """More prompts of one side leave the other as it is."""
    everything = select(tiny, source)
    few, many = (
        select_prompts(source, limits(held_out=0.5), Wanted("ppo", total, held_out, "x"), tiny.chat, seed=0)
        for total, held_out in ((3, 1), (5, 2))
    )
    assert (len(few.training), len(few.held_out), len(many.training), len(many.held_out)) == (2, 1, 3, 2)
    assert many.training[:2] == few.training and many.held_out[:1] == few.held_out
    order = [everything.index(prompt) for prompt in many.training]
    assert order == sorted(order) and not set(many.training) & set(many.held_out)
