"""What ends an answer is found from the chat template, for templates and tokenizers of many kinds."""

from dataclasses import replace

import pytest

from salmon.config.sampling import SamplingSettings
from salmon.data.rows import Prompt
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.sampling.responses import sample_responses
from salmon.sampling.sampler import transformers_sampler
from tests.models import made_tokenizers as made
from tests.models.made_tokenizers import byte_tokenizer, word_tokenizer

USER = [{"role": "user", "content": "Hi"}]
TABLE = {
    # template, added tokens, special tokens, the EOS token, what ends an answer
    "ChatML, special": (made.CHATML, [], ["<|im_start|>", "<|im_end|>"], "</s>", "<|im_end|>"),
    "ChatML, only added": (made.CHATML, ["<|im_start|>", "<|im_end|>"], [], "</s>", "<|im_end|>"),
    "ChatML, its end is EOS": (made.CHATML, [], ["<|im_start|>", "<|im_end|>"], "<|im_end|>", "<|im_end|>"),
    "ChatML, only the end is a token": (made.CHATML, ["<|im_end|>"], [], "</s>", "<|im_end|>"),
    "Phi": (made.PHI, ["<|user|>", "<|assistant|>", "<|end|>"], [], "</s>", "<|end|>"),
    "Zephyr": (made.ZEPHYR, [], [], "</s>", "</s>"),
    "Zephyr, another EOS": (made.ZEPHYR, [], ["<|endoftext|>"], "<|endoftext|>", "<|endoftext|>"),
    "Llama 2": (made.LLAMA_2, [], [], "</s>", "</s>"),
    "Llama 2, headers added": (made.LLAMA_2, ["[INST]", "[/INST]"], [], "</s>", "</s>"),
    "Mistral": (made.MISTRAL, ["[INST]", "[/INST]"], [], "</s>", "</s>"),
    "Llama 3": (made.LLAMA_3, [], ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"], "</s>", "<|eot_id|>"),
    "Gemma": (made.GEMMA, ["<start_of_turn>", "<end_of_turn>"], [], "</s>", "<end_of_turn>"),
    "after white space": (made.BLANK_LINE, ["<|end|>"], [], "</s>", "<|end|>"),
    "white space is added, too": (made.BLANK_LINE, ["<|end|>", "\n\n", "  "], [], "</s>", "<|end|>"),
    "open at the end": (made.OPEN_AT_THE_END, ["<|user|>", "<|assistant|>", "<|end|>"], [], "</s>", "<|end|>"),
    "content in capitals": (made.UPPER, ["<|end|>"], [], "</s>", "<|end|>"),
    "closes nothing": (made.CLOSES_NOTHING, [], [], "</s>", "</s>"),
    "closes nothing, headers added": (made.CLOSES_NOTHING, ["<|user|>", "<|assistant|>"], [], "</s>", "</s>"),
    "closes with a letter": (made.BRACKETS, [], [], "</s>", "</s>"),
    "no template": (None, [], [], "</s>", "</s>"),
}


@pytest.mark.parametrize("make", [byte_tokenizer, word_tokenizer])
@pytest.mark.parametrize("name", TABLE)
def test_the_end_is_what_the_template_closes_an_answer_with(make, name: str) -> None:
    template, added, special, eos, end = TABLE[name]
    tokenizer = make(template, added, special, eos)
    chat = ChatFormat(tokenizer, "")
    expected = tokenizer.convert_tokens_to_ids(end)
    assert chat.end_id == expected
    assert chat.end_ids == {expected, tokenizer.eos_token_id} and not chat.closing.spelled
    # Supervised training teaches it, sampling stops at it, and the text is without it.
    ids = chat.answer_ids("Hello")
    assert ids[-1] == expected and chat.ends(ids) and not any(chat.ends(ids[:n]) for n in range(len(ids)))
    assert chat.decode(ids).strip() == "Hello"


@pytest.mark.parametrize("name", [name for name in TABLE if name not in ("open at the end", "content in capitals")])
def test_an_answer_is_closed_as_in_a_longer_conversation(name: str) -> None:
    template, added, special, eos, end = TABLE[name]
    chat = ChatFormat(byte_tokenizer(template, added, special, eos), "")
    if end != "</s>" or "eos_token" in (template or "eos_token"):
        whole = chat.encode(chat.render([*USER, {"role": "assistant", "content": "Hello"}]))
        ours = [*chat.prompt_ids(USER), *chat.answer_ids("Hello")]
        before_answer = chat.encode(" ") if "Llama 2" in name else []  # that it writes before every answer
        at = len(ours) - len(chat.answer_ids("Hello"))
        assert whole[: len(ours) + len(before_answer)] == [*ours[:at], *before_answer, *ours[at:]]


def test_an_end_token_of_the_models_own_configuration_counts_too() -> None:
    tokenizer = byte_tokenizer(
        made.LLAMA_3, [], ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>"]
    )
    eom = tokenizer.convert_tokens_to_ids("<|eom_id|>")
    chat = ChatFormat(tokenizer, "", frozenset({eom}))
    assert chat.end_ids == {eom, chat.end_id, tokenizer.eos_token_id}
    assert chat.ends([5, eom]) and chat.decode([*chat.encode("Hello"), eom]) == "Hello"


def test_the_start_token_is_no_end() -> None:
    template = "{% for m in messages %}{{ bos_token }}{{ m['content'] }}{% endfor %}"
    assert ChatFormat(byte_tokenizer(template), "").end_id == 2  # EOS


def test_nothing_that_ends_an_answer_is_refused() -> None:
    for template in (made.CLOSES_NOTHING, None):
        chat = ChatFormat(byte_tokenizer(template, eos=None), "")
        with pytest.raises(SalmonError, match=r"nothing ends an answer.*eos_token.*tokenizer_config\.json"):
            _ = chat.end_ids


def test_a_tokenizer_without_eos_ends_as_its_template_does() -> None:
    chat = ChatFormat(byte_tokenizer(made.CHATML, ["<|im_start|>", "<|im_end|>"], eos=None), "")
    assert chat.end_ids == {chat.tokenizer.convert_tokens_to_ids("<|im_end|>")}


# --- a closing of several tokens -----------------------------------------------------------------


@pytest.fixture
def spelled() -> ChatFormat:
    return ChatFormat(byte_tokenizer(made.SPELLED), "")


def test_a_spelled_closing_is_taught_stopped_at_and_left_out(spelled: ChatFormat) -> None:
    assert spelled.closing.spelled == "</assistant>"
    ids = spelled.answer_ids("Hello <b>")
    assert ids == spelled.encode("Hello <b></assistant>")
    assert spelled.ends(ids) and not any(spelled.ends(ids[:n]) for n in range(len(ids)))
    assert spelled.decode(ids) == "Hello <b>"
    assert spelled.end_ids == {2} and spelled.ends([*spelled.encode("Hello"), 2])  # EOS ends it, too
    assert spelled.decode(spelled.encode("Hello")) == "Hello"


def test_chatml_without_tokens_for_it_is_spelled() -> None:
    chat = ChatFormat(byte_tokenizer(made.CHATML), "")
    assert chat.closing.spelled == "<|im_end|>" and chat.ends(chat.encode("Yes.<|im_end|>"))


def test_what_a_tokenizer_cannot_write_is_no_closing() -> None:
    assert ChatFormat(word_tokenizer(made.CHATML), "").end_id == 2


# --- in use --------------------------------------------------------------------------------------


def test_sampling_stops_there_and_the_answer_counts_as_finished(tiny: SharedModel) -> None:
    """A part of what a random model writes is made the closing."""
    sampling = SamplingSettings(temperature=0.0, top_p=1.0, max_new_tokens=12, batch_size=2)
    prompts, keys = [Prompt("0", "Hi", "general")], [(0, "end")]
    free = sample_responses(transformers_sampler, tiny, None, prompts, sampling, keys)[0]
    assert len(free.ids) == 12 and not free.finished
    text = tiny.tokenizer.decode(free.ids[3:6])
    tiny.tokenizer.chat_template = tiny.tokenizer.chat_template.replace("{{ eos_token }}", text)
    tiny.chat = replace(tiny.chat)
    assert tiny.chat.closing.spelled == text.strip() and len(tiny.chat.closing.ids) > 1
    ended = sample_responses(transformers_sampler, tiny, None, prompts, sampling, keys)[0]
    assert ended.finished and ended.ids == free.ids[: len(ended.ids)] and len(ended.ids) <= 6
    assert not ended.text.endswith(text.strip())


def test_the_header_of_an_answer_is_written_where_the_template_forgets_it() -> None:
    forgetful = made.CHATML.partition("{% if add_generation_prompt")[0]
    tokens = ["<|im_start|>", "<|im_end|>"]
    prompts = [ChatFormat(byte_tokenizer(t, tokens), "").user_ids("Hi") for t in (forgetful, made.CHATML)]
    assert prompts[0] == prompts[1]
    for template in (made.CHATML, made.LLAMA_2, made.MISTRAL, made.GEMMA, made.LLAMA_3, made.PHI):
        assert ChatFormat(byte_tokenizer(template), "").missing_header == ""
