"""Answers to single questions: those of the model, kept after every batch, prompts cut where they are too long."""

import pytest

from eval.generation.chat_answers import require_room_for_answers, write_chat_answers
from salmon.errors import SalmonError
from salmon.sampling.token_loop import generate

QUESTIONS = [{"prompt": text, "mark": place} for place, text in enumerate(("Why?", "Who are you?", "Sing!", "When?"))]


def test_answers_go_on_where_they_were_and_are_those_of_the_model(tiny, tmp_path):
    path = tmp_path / "answers.jsonl"
    whole = write_chat_answers(tiny, QUESTIONS, path, "eval.probes", 5, batch_size=2)
    prompts = [tiny.chat.user_ids(question["prompt"]) for question in QUESTIONS]
    alone = generate(tiny, prompts, [(0,)] * 4, temperature=0.0, top_p=1.0, max_new_tokens=5, batch_size=1)
    assert [row["answer"] for row in whole] == [tiny.chat.decode(answer.ids) for answer in alone]
    assert [row["mark"] for row in whole] == [0, 1, 2, 3] and not any(row["cut"] for row in whole)
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:1]) + lines[1][:10])  # killed in the middle of a line
    assert write_chat_answers(tiny, QUESTIONS, path, "eval.probes", 5, batch_size=1) == whole


def test_a_prompt_that_does_not_fit_is_cut_and_counted(load_tiny, tmp_path):
    shared = load_tiny(context=64)
    (row,) = write_chat_answers(shared, [{"prompt": "word " * 40}], tmp_path / "a.jsonl", "eval.probes", 5, 2)
    assert row["cut"]
    require_room_for_answers(shared, "eval.probes", 63)
    with pytest.raises(SalmonError, match="eval.probes.max_new_tokens=64 leaves no room for a prompt in the context"):
        require_room_for_answers(shared, "eval.probes", 64)
