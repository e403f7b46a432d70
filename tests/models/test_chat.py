"""Conversations as tokens: templates, the start token and the end token."""

import pytest
from tokenizers.processors import TemplateProcessing

from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat

USER = [{"role": "user", "content": "Hi"}]
CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.fixture
def chat(tiny: SharedModel) -> ChatFormat:
    return tiny.chat


def test_the_plain_template(chat: ChatFormat) -> None:
    assert bytes_of(chat, chat.user_ids("Hi")) == "### User\nHi\n\n### Assistant\n"
    turns = [*USER, {"role": "assistant", "content": "Hello"}, {"role": "user", "content": "Why?"}]
    assert bytes_of(chat, chat.prompt_ids(turns)) == (
        "### User\nHi\n\n### Assistant\nHello</s>\n\n### User\nWhy?\n\n### Assistant\n"
    )


def bytes_of(chat: ChatFormat, ids: list[int]) -> str:
    return chat.tokenizer.decode(ids, skip_special_tokens=False)


def test_the_system_prompt_comes_first(tiny: SharedModel) -> None:
    chat = ChatFormat(tiny.tokenizer, "Be kind.")
    assert bytes_of(chat, chat.user_ids("Hi")) == "### System\nBe kind.\n\n### User\nHi\n\n### Assistant\n"


def test_the_reply_prefix_is_the_beginning_of_the_answer(chat: ChatFormat) -> None:
    assert chat.prompt_ids(USER, "Well, (") == chat.prompt_ids(USER) + chat.encode("Well, (")


def test_an_answer_ends_with_the_end_token(chat: ChatFormat) -> None:
    assert chat.end_id == chat.tokenizer.eos_token_id == 2
    assert chat.answer_ids("Hello") == [*chat.encode("Hello"), 2]
    assert len(chat.encode("Hello")) == 5  # bytes, nothing added
    assert chat.end_ids == {2}


def test_the_answer_continues_the_prompt_as_the_template_would_write_it(chat: ChatFormat) -> None:
    whole = chat.render([*USER, {"role": "assistant", "content": "Hello"}])
    assert bytes_of(chat, chat.prompt_ids(USER) + chat.answer_ids("Hello")) == whole.rstrip("\n")


def test_the_template_decides_what_ends_an_answer(tiny: SharedModel) -> None:
    tokenizer = tiny.tokenizer
    tokenizer.add_special_tokens({"additional_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    tokenizer.chat_template = CHATML
    chat = ChatFormat(tokenizer, "")
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert chat.end_id == end != tokenizer.eos_token_id
    assert chat.answer_ids("Hello")[-1] == end
    assert chat.end_ids == {end, tokenizer.eos_token_id}


def test_a_template_that_closes_with_plain_text_falls_back_to_eos(tiny: SharedModel) -> None:
    tiny.tokenizer.chat_template = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}"
    assert ChatFormat(tiny.tokenizer, "").end_id == tiny.tokenizer.eos_token_id


# --- the start token ---------------------------------------------------------------------------


@pytest.fixture
def starting(tiny: SharedModel) -> ChatFormat:
    """A tokenizer that puts ``<s>`` before every sequence, as Llama's does."""
    tiny.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    assert tiny.tokenizer("a")["input_ids"] == [1, *tiny.tokenizer("a", add_special_tokens=False)["input_ids"]]
    return ChatFormat(tiny.tokenizer, "")


def test_a_tokenizer_without_start_token_gets_none(chat: ChatFormat) -> None:
    assert chat.start_ids == []
    assert chat.with_start_token([5, 6]) == [5, 6]


def test_a_whole_sequence_starts_once(starting: ChatFormat) -> None:
    assert starting.start_ids == [1]
    assert starting.with_start_token([5, 6]) == [1, 5, 6]
    assert starting.with_start_token([1, 5, 6]) == [1, 5, 6]
    prompt = starting.user_ids("Hi")
    assert prompt[0] == 1 and prompt.count(1) == 1
    assert starting.encode("Hi")[0] != 1
    assert 1 not in starting.answer_ids("Hi")


def test_a_template_that_writes_the_start_token_itself_does_not_double_it(starting: ChatFormat) -> None:
    starting.tokenizer.chat_template = "{{ bos_token }}{% for m in messages %}{{ m['content'] }}{% endfor %}"
    assert ChatFormat(starting.tokenizer, "").user_ids("Hi") == [1, *starting.encode("Hi")]


@pytest.mark.parametrize("text", ["Grüße, 世界 🐟", " leading and trailing ", "line\n\nbreaks\t"])
def test_decode_undoes_encode(chat: ChatFormat, text: str) -> None:
    assert chat.decode(chat.encode(text)) == text
    assert chat.decode(chat.answer_ids(text)) == text  # without the end token
