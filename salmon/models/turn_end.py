"""What closes an assistant's turn, found from the chat template itself.

A tokenizer does not say it: its EOS token may be that of the documents of pre-training, and a chat template may close
answers with a token that is named nowhere as a special one, or spell a marker that the tokenizer has no token for.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from salmon.errors import SalmonError

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}
Render = Callable[[Sequence[Message]], str]  # a conversation as the template writes it

# Texts that templates neither contain nor change (by trimming or another case).
QUESTION, ANSWER, NEXT = "4096713528", "7306521948", "2958140637"


@dataclass(frozen=True)
class TurnEnd:
    """How an answer ends."""

    ids: tuple[int, ...]  # the tokens that close it; white space that the template writes before the end included
    spelled: str = ""  # the closing text, where it is no token of its own but spelled by several


def find_turn_end(tokenizer: Any, render: Render) -> TurnEnd:
    """What the template closes an answer with, else the tokenizer's EOS token.

    Args:
        tokenizer: with an EOS token, or None for it.
        render: writes a conversation by the tokenizer's template.

    Raises:
        SalmonError: the template closes answers with nothing to stop at, and there is no EOS token.
    """
    end = after_the_last_answer(tokenizer, render) or between_turns(tokenizer, render)
    if end is not None:
        return end
    if tokenizer.eos_token_id is None:
        raise SalmonError(
            "nothing ends an answer: the chat template closes it with no token, and the tokenizer names no eos_token. "
            "Name one in tokenizer_config.json"
        )
    return TurnEnd((tokenizer.eos_token_id,))


def after_the_last_answer(tokenizer: Any, render: Render) -> TurnEnd | None:
    """The closing of a conversation that ends with an answer."""
    closing = _after(ANSWER, render, [_message("user", QUESTION), _message("assistant", ANSWER)])
    ids = _encode(tokenizer, closing)
    place = _first_token_of_its_own(tokenizer, ids)
    if place is not None:
        return TurnEnd(tuple(ids[: place + 1]))
    # One ordinary token, such as "]", may be a part of any answer, and is no end; nor is what cannot be written.
    spelled = closing.strip()
    letters = _encode(tokenizer, spelled)
    if len(letters) < 2 or tokenizer.unk_token_id in letters:
        return None
    return TurnEnd(tuple(_encode(tokenizer, closing.rstrip())), spelled)


def between_turns(tokenizer: Any, render: Render) -> TurnEnd | None:
    """The closing of an answer that another question follows: some templates leave the last answer open."""
    turns = [_message("user", QUESTION), _message("assistant", ANSWER), _message("user", NEXT)]
    before, _, _ = _rendered(render, turns).partition(QUESTION)
    closing, found, _ = _after(ANSWER, render, turns).partition(NEXT)
    if not found:
        return None
    # What also stands before the first question belongs to the questions.
    ids, header = _encode(tokenizer, closing), _encode(tokenizer, before)
    while ids and header and ids[-1] == header[-1]:
        ids.pop()
        header.pop()
    place = _first_token_of_its_own(tokenizer, ids)
    return None if place is None else TurnEnd(tuple(ids[: place + 1]))


def _first_token_of_its_own(tokenizer: Any, ids: Sequence[int]) -> int | None:
    """Where the first token stands that ordinary text has none of: a special one, or one that was added."""
    added = {token for token, entry in tokenizer.added_tokens_decoder.items() if entry.content.strip()}
    # A start token ends nothing, and the unknown token stands for any text.
    no_end = {tokenizer.bos_token_id, tokenizer.unk_token_id} - {tokenizer.eos_token_id}
    own = {*added, *tokenizer.all_special_ids} - no_end
    return next((place for place, token in enumerate(ids) if token in own), None)


def _after(mark: str, render: Render, messages: Sequence[Message]) -> str:
    """What follows a text, if it is there."""
    _, found, rest = _rendered(render, messages).rpartition(mark)
    return rest if found else ""


def _rendered(render: Render, messages: Sequence[Message]) -> str:
    """The conversation; nothing where the template refuses one of this form."""
    try:
        return render(messages)
    except SalmonError:
        return ""


def _encode(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


def _message(role: str, content: str) -> Message:
    return {"role": role, "content": content}
