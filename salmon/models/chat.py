"""How a conversation becomes tokens, for any tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}

# For tokenizers without a chat template (base models): plain headings, answers end with EOS.
PLAIN_TEMPLATE = (
    "{% for m in messages %}### {{ m['role'].capitalize() }}\n{{ m['content'] }}"
    "{% if m['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\n\n' }}{% endfor %}"
    "{% if add_generation_prompt %}### Assistant\n{% endif %}"
)


@dataclass(frozen=True)
class ChatFormat:
    """The tokenizer's chat template (or a plain one) with the run's system prompt."""

    tokenizer: Any
    system_prompt: str

    def __post_init__(self) -> None:
        if self.tokenizer.chat_template is None:
            self.tokenizer.chat_template = PLAIN_TEMPLATE

    def prompt_ids(self, messages: Sequence[Message], reply_prefix: str = "") -> list[int]:
        """Tokens of the conversation up to where the assistant's answer starts.

        Args:
            messages: the turns so far, without the run's system prompt.
            reply_prefix: text that the answer is made to begin with.
        """
        return self.with_start_token(self.encode(self._render(messages, add_generation_prompt=True) + reply_prefix))

    def user_ids(self, prompt: str) -> list[int]:
        """Tokens of a single user turn, ready for the answer."""
        return self.prompt_ids([{"role": "user", "content": prompt}])

    def answer_ids(self, text: str) -> list[int]:
        """Tokens of an answer with the end token that the template closes it with."""
        return [*self.encode(text), self.end_id]

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, without special tokens of the tokenizer's own."""
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def with_start_token(self, ids: list[int]) -> list[int]:
        """``ids`` with the tokenizer's start token before them, where it uses one and it is not there yet."""
        return ids if ids[: len(self.start_ids)] == self.start_ids else [*self.start_ids, *ids]

    @cached_property
    def start_ids(self) -> list[int]:
        """The token that the tokenizer puts before every sequence, or nothing."""
        first = self.tokenizer("a")["input_ids"][:1]
        return first if first == [self.tokenizer.bos_token_id] else []

    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens without special tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=True)

    @cached_property
    def end_id(self) -> int:
        """The token that ends an answer: what the template writes after one, else EOS."""
        rendered = self._render([{"role": "user", "content": "U"}, {"role": "assistant", "content": "ANSWER"}])
        closing = self.encode(rendered.rpartition("ANSWER")[2])
        return closing[0] if closing and closing[0] in self.tokenizer.all_special_ids else self.tokenizer.eos_token_id

    @property
    def end_ids(self) -> frozenset[int]:
        """Tokens that end a generated answer."""
        return frozenset({self.end_id, self.tokenizer.eos_token_id})

    def _render(self, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        return self.tokenizer.apply_chat_template(
            [*system, *messages], tokenize=False, add_generation_prompt=add_generation_prompt
        )
