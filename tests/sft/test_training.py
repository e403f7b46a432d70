"""Demonstrations as tokens: which end is cut, and what an answer ends with."""

from dataclasses import replace

from salmon.config.sft import SFTConfig
from salmon.data.rows import Demonstration
from salmon.models.base import SharedModel
from salmon.sft.training import SFTExample, encode_demonstration

ROW = Demonstration("d1", "Which fish swim upriver?", "Salmon do.")


def limits(prompt: int, response: int) -> SFTConfig:
    return SFTConfig(max_prompt_tokens=prompt, max_response_tokens=response)


def test_a_whole_answer_ends_with_the_end_token(tiny: SharedModel) -> None:
    example = encode_demonstration(tiny.chat, ROW, limits(500, 500))
    assert example == SFTExample(tiny.chat.user_ids(ROW.prompt), tiny.chat.answer_ids(ROW.response))
    assert example.answer_ids[-1] == tiny.chat.end_id


def test_prompts_lose_their_texts_start_and_answers_their_end(tiny: SharedModel) -> None:
    whole = encode_demonstration(tiny.chat, ROW, limits(500, 500))
    cut = encode_demonstration(tiny.chat, ROW, limits(len(whole.prompt_ids) - 12, 3))
    assert cut.prompt_ids == tiny.chat.user_ids(ROW.prompt[12:])
    assert cut.answer_ids == whole.answer_ids[:3]
    assert tiny.chat.end_id not in cut.answer_ids


def test_an_answer_that_was_cut_where_it_was_written_has_no_end_token(tiny: SharedModel) -> None:
    cut = encode_demonstration(tiny.chat, replace(ROW, finished=False), limits(500, 500))
    assert cut.answer_ids == tiny.chat.encode(ROW.response)
