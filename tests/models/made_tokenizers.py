"""Small tokenizers of several kinds, and the chat templates of families of models in their essentials."""

from collections.abc import Sequence
from typing import Any

from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from salmon.models.weights import byte_level

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
PHI = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% else %}{{ eos_token }}{% endif %}"
)
ZEPHYR = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
LLAMA_2 = (
    "{% for m in messages %}{% if m['role'] == 'user' %}{{ bos_token }}[INST] {{ m['content'] | trim }} [/INST]"
    "{% else %} {{ m['content'] | trim }} {{ eos_token }}{% endif %}{% endfor %}"
)
MISTRAL = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}"
    "{% if m['role'] == 'user' %}[INST] {{ m['content'] }} [/INST]"
    "{% elif m['role'] == 'assistant' %}{{ m['content'] }}{{ eos_token }}{% endif %}{% endfor %}"
)
LLAMA_3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m['role'] }}<|end_header_id|>\n\n"
    "{{ m['content'] | trim }}<|eot_id|>{% endfor %}"
    "{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
GEMMA = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
    "<start_of_turn>{{ 'model' if m['role'] == 'assistant' else m['role'] }}\n"
    "{{ m['content'] | trim }}<end_of_turn>\n{% endfor %}"
    "{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
)
OPEN_AT_THE_END = (  # closes an answer only where a question follows
    "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% if not loop.last %}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CLOSES_NOTHING = (
    "{% for m in messages %}<|{{ m['role'] }}|>\n{{ m['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
BRACKETS = "{% for m in messages %}[{{ m['content'] }}]{% endfor %}"
UPPER = "{% for m in messages %}{{ m['content'] | upper }}<|end|>{% endfor %}"
BLANK_LINE = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\n\n  <|end|>{% endfor %}"
SPELLED = (
    "{% for m in messages %}<{{ m['role'] }}>{{ m['content'] }}</{{ m['role'] }}>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


def byte_tokenizer(*dress: Any, **more: Any) -> PreTrainedTokenizerFast:
    """One token a byte, as that of ``random:tiny``, and some of their own; arguments as for ``dressed``."""
    return dressed(byte_level(), *dress, **more)


def word_tokenizer(*dress: Any, **more: Any) -> PreTrainedTokenizerFast:
    """Whole words of a short list; every other word is the unknown token. Arguments as for ``dressed``."""
    words = ["<pad>", "<s>", "</s>", "<unk>", "user", "assistant", "system", "[", "]", "Hello", "Hi", "END"]
    made = Tokenizer(models.WordLevel({word: index for index, word in enumerate(words)}, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return dressed(made, *dress, **more, unk_token="<unk>")


def dressed(
    made: Tokenizer,
    template: str | None = None,
    added: Sequence[str] = (),
    special: Sequence[str] = (),
    eos: str | None = "</s>",
    pad: str | None = "<pad>",
    **names: str,
) -> PreTrainedTokenizerFast:
    """As transformers' tokenizer.

    Args:
        added: tokens that no list names as special.
        special: tokens that are named so.
        names: of further special tokens.
    """
    made.add_tokens([AddedToken(token, special=False) for token in added])
    made.add_special_tokens([AddedToken(token, special=True) for token in special])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=made,
        bos_token="<s>",
        eos_token=eos,
        pad_token=pad,
        clean_up_tokenization_spaces=False,
        **names,
    )
    tokenizer.chat_template = template
    return tokenizer
