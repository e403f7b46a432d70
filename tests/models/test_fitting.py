"""A conversation that is too long keeps the template's own text; what was said loses its start."""

import pytest

from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.models.fitting import fit_conversation

LONG = "".join(f"Sentence number {n}. " for n in range(40)).strip()


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.fixture(params=["", "Be brief."], ids=["plain", "system"])
def chat(request, load_tiny) -> ChatFormat:
    return load_tiny(system_prompt=request.param).chat


def test_what_fits_is_as_it_was(chat: ChatFormat) -> None:
    whole = chat.user_ids(LONG)
    assert fit_conversation(chat, user(LONG), len(whole), "x") == (whole, False)


@pytest.mark.parametrize("limit", [80, 200, 500])
def test_the_headers_stay_and_the_texts_end_stays(chat: ChatFormat, limit: int) -> None:
    ids, cut = fit_conversation(chat, user(LONG), limit, "x")
    empty, short = chat.user_ids(""), chat.user_ids(LONG[-20:])
    head = next(n for n, (a, b) in enumerate(zip(empty, short, strict=False)) if a != b)
    tail = len(empty) - head
    assert cut and limit - 4 < len(ids) <= limit
    assert ids[:head] == empty[:head] and ids[-tail:] == empty[-tail:]
    assert LONG.endswith(chat.decode(ids[head:-tail]))


@pytest.mark.parametrize("text", ["各地的茶が" * 60, "é🙂" * 60, "ก็" * 90])
def test_it_is_not_cut_inside_of_a_character(chat: ChatFormat, text: str) -> None:
    for limit in range(100, 112):
        ids, _ = fit_conversation(chat, user(text), limit, "x")
        assert len(ids) <= limit and "\ufffd" not in chat.tokenizer.decode(ids)


def test_of_several_turns_the_first_loses_its_start_first(chat: ChatFormat) -> None:
    said = [*user("A" * 100), {"role": "assistant", "content": "B" * 100}, *user("C" * 100)]
    whole = chat.prompt_ids(said)
    for dropped in (50, 150, 250):
        ids, _ = fit_conversation(chat, said, len(whole) - dropped, "x")
        text = chat.tokenizer.decode(ids)
        left = [text.count(letter * 5) and max(map(len, _runs(text, letter))) for letter in "ABC"]
        assert left == [max(0, 100 - dropped), min(100, max(0, 200 - dropped)), min(100, max(0, 300 - dropped))]


def _runs(text: str, letter: str) -> list[str]:
    return "".join(c if c == letter else " " for c in text).split()


def test_a_template_that_fills_the_limit_is_refused(chat: ChatFormat) -> None:
    with pytest.raises(
        SalmonError, match="sft.max_prompt_tokens=8 leaves no room for what is asked: the chat template"
    ):
        fit_conversation(chat, user(LONG), 8, "sft.max_prompt_tokens")
