"""Greedy answers of the active adapter to single questions, each written as a conversation of one turn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eval.generation.cached_answers import cached_answers
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.fitting import fit_conversation
from salmon.sampling.token_loop import generate


def require_room_for_answers(shared: SharedModel, setting: str, max_new_tokens: int) -> None:
    """
    Args:
        setting: the group of settings that has ``max_new_tokens``.

    Raises:
        SalmonError: answers of that length fill the context.
    """
    if max_new_tokens >= shared.context:
        raise SalmonError(
            f"{setting}.max_new_tokens={max_new_tokens} leaves no room for a prompt in the context of "
            f"{shared.context} tokens. Lower it"
        )


def write_chat_answers(
    shared: SharedModel,
    questions: Sequence[dict[str, Any]],
    path: Path,
    setting: str,
    max_new_tokens: int,
    batch_size: int,
) -> list[dict[str, Any]]:
    """The answer to every question; those that ``path`` has are not made again.

    An interrupted run continues after its last whole batch.

    Args:
        questions: each has a ``prompt``; what else it has goes into its row.
        setting: the group of settings that has ``max_new_tokens``, for messages.

    Returns:
        Each question with its ``number``, its ``answer``, whether that is ``finished``, and whether the prompt was
        ``cut`` because it was too long.
    """
    room, told = shared.context - max_new_tokens, f"model.context less {setting}.max_new_tokens"

    def answer(batch: Sequence[int]) -> list[dict[str, Any]]:
        asked = [[{"role": "user", "content": questions[number]["prompt"]}] for number in batch]
        fitted = [fit_conversation(shared.chat, messages, room, told) for messages in asked]
        answers = generate(
            shared,
            [ids for ids, _ in fitted],
            [(number,) for number in batch],
            temperature=0.0,
            top_p=1.0,
            max_new_tokens=max_new_tokens,
            batch_size=len(batch),
        )
        return [
            {
                "number": number,
                **questions[number],
                "answer": shared.chat.decode(answer.ids),
                "finished": answer.finished,
                "cut": cut,
            }
            for number, (_, cut), answer in zip(batch, fitted, answers, strict=True)
        ]

    numbers = range(len(questions))
    return cached_answers([numbers], path, "number", lambda number: number, answer, batch_size, "answers")
