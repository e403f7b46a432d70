"""The answers of a checkpoint, turn by turn, at FastChat's temperatures."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.generation.cached_answers import cached_answers
from eval.mt_bench import TASK
from eval.mt_bench.template import TOKENIZER, Sampling, answer_all, make_template
from salmon.models.base import SharedModel

TEMPERATURE = {
    "writing": 0.7,
    "roleplay": 0.7,
    "extraction": 0.0,
    "math": 0.0,
    "coding": 0.0,
    "reasoning": 0.0,
    "stem": 0.1,
    "humanities": 0.1,
}  # FastChat's, by category
OTHER_TEMPERATURE = 0.7  # FastChat's for a category that is not in its table


@dataclass(frozen=True)
class ConversationSettings:
    max_new_tokens: int  # per turn
    batch_size: int
    seed: int
    template: str = TOKENIZER


def write_conversations(
    shared: SharedModel,
    questions: Sequence[dict[str, Any]],
    path: Path,
    model_id: str,
    settings: ConversationSettings,
) -> list[dict[str, Any]]:
    """Answer every question that ``path`` does not have yet, with the active adapter; FastChat's rows.

    An interrupted run continues after its last whole batch. A prompt that leaves no room for the answer loses the
    beginning of what was said; the row then says ``"cut": true``.
    """

    def answer(batch: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return _answer_batch(shared, batch, model_id, _temperature(batch[0]), settings)

    temperatures = sorted({_temperature(question) for question in questions})
    groups = [[q for q in questions if _temperature(q) == temperature] for temperature in temperatures]
    rows = cached_answers(
        groups,
        path,
        "question_id",
        lambda question: question["question_id"],
        answer,
        settings.batch_size,
        "answered questions",
    )
    by_question = {row["question_id"]: row for row in rows}
    return [by_question[question["question_id"]] for question in questions]


def _answer_batch(
    shared: SharedModel,
    batch: Sequence[dict[str, Any]],
    model_id: str,
    temperature: float,
    settings: ConversationSettings,
) -> list[dict[str, Any]]:
    template = make_template(settings.template)
    sampling = Sampling(temperature, settings.max_new_tokens)
    conversations: list[list[dict[str, str]]] = [[] for _ in batch]
    cut = [False] * len(batch)
    for turn in range(max(len(question["turns"]) for question in batch)):
        asked = [i for i, question in enumerate(batch) if turn < len(question["turns"])]
        for i in asked:
            conversations[i].append({"role": "user", "content": batch[i]["turns"][turn]})
        keys = [(settings.seed, TASK, batch[i]["question_id"], turn) for i in asked]
        texts, shortened = answer_all(shared, template, [conversations[i] for i in asked], keys, sampling)
        for i, text, short in zip(asked, texts, shortened, strict=True):
            conversations[i].append({"role": "assistant", "content": text})
            cut[i] = cut[i] or short
    return [
        {
            "question_id": question["question_id"],
            "answer_id": hashlib.sha256(f"{model_id} {settings.seed} {question['question_id']}".encode()).hexdigest()[
                :22
            ],
            "model_id": model_id,
            "choices": [{"index": 0, "turns": [m["content"] for m in conversation if m["role"] == "assistant"]}],
            "cut": was_cut,
        }
        for question, conversation, was_cut in zip(batch, conversations, cut, strict=True)
    ]


def _temperature(question: dict[str, Any]) -> float:
    return TEMPERATURE.get(question["category"], OTHER_TEMPERATURE)
