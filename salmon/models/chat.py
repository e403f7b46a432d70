"""How a conversation becomes tokens, for any tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from salmon.errors import SalmonError
from salmon.models.turn_end import ANSWER, QUESTION, Message, TurnEnd, find_turn_end

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
    model_end_ids: frozenset[int] = frozenset()  # end tokens that the model's own configuration names
    vocabulary: int | None = None  # tokens that have an embedding; None: all

    def __post_init__(self) -> None:
        if not self.tokenizer.chat_template:
            self.tokenizer.chat_template = PLAIN_TEMPLATE

    def prompt_ids(self, messages: Sequence[Message], reply_prefix: str = "") -> list[int]:
        """Tokens of the conversation up to where the assistant's answer starts.

        Args:
            messages: the turns so far, without the run's system prompt.
            reply_prefix: text that the answer is made to begin with.
        """
        prompt = self.render(messages, add_generation_prompt=True) + self.missing_header
        return self.with_start_token(self.encode(prompt + reply_prefix))

    def user_ids(self, prompt: str) -> list[int]:
        """Tokens of a single user turn, ready for the answer."""
        return self.prompt_ids([{"role": "user", "content": prompt}])

    def answer_ids(self, text: str, limit: int | None = None, finished: bool = True) -> list[int]:
        """Tokens of an answer, closed as the template closes it if it is whole: a cut one must not teach to stop.

        Args:
            limit: tokens; a longer answer, its closing included, is cut there. None: none.
            finished: whether the text is a whole answer, not one that was cut when it was written.
        """
        ids = self.encode(text)
        whole = [*ids, *self.closing.ids] if finished else ids
        return whole if limit is None or len(whole) <= limit else ids[:limit]

    def encode(self, text: str) -> list[int]:
        """Tokens of plain text, without special tokens of the tokenizer's own."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        if self.vocabulary is not None and max(ids, default=0) >= self.vocabulary:
            # The text spells a special token that has no embedding, such as one for padding only.
            ids = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def with_start_token(self, ids: list[int]) -> list[int]:
        """``ids`` with the tokenizer's start token before them, where it uses one and it is not there yet."""
        return ids if ids[: len(self.start_ids)] == self.start_ids else [*self.start_ids, *ids]

    @cached_property
    def start_ids(self) -> list[int]:
        """The token that the tokenizer puts before every sequence, or nothing."""
        first = self.tokenizer("a")["input_ids"][:1]
        return first if first == [self.tokenizer.bos_token_id] else []

    def decode(self, ids: Sequence[int]) -> str:
        """Text of tokens without special tokens, and without what closes an answer."""
        if ids and ids[-1] in self.end_ids:
            ids = ids[:-1]
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text.removesuffix(self.closing.spelled)

    @cached_property
    def closing(self) -> TurnEnd:
        """What the template closes an answer with."""
        return find_turn_end(self.tokenizer, self.render)

    @property
    def end_id(self) -> int:
        """The last token of an answer."""
        return self.closing.ids[-1]

    @cached_property
    def end_ids(self) -> frozenset[int]:
        """Single tokens that end a generated answer."""
        eos = self.tokenizer.eos_token_id
        named = self.model_end_ids | ({eos} if eos is not None else set())
        return frozenset(named if self.closing.spelled else {*named, self.end_id})

    def ends(self, ids: Sequence[int]) -> bool:
        """Whether a generated answer has ended with the last of its tokens."""
        if ids and ids[-1] in self.end_ids:
            return True
        spelled = self.closing.spelled
        if not spelled:
            return False
        # By text: the model may join the closing's first letters with the answer's last ones.
        tail = ids[-len(spelled.encode()) :]
        return str(self.tokenizer.decode(list(tail), skip_special_tokens=True)).endswith(spelled)

    @cached_property
    def missing_header(self) -> str:
        """What opens the assistant's turn, where the template does not write it although it is asked to."""
        question = [{"role": "user", "content": QUESTION}]
        asked = self.render(question, add_generation_prompt=True)
        if asked != self.render(question):
            return ""
        try:
            answered = self.render([*question, {"role": "assistant", "content": ANSWER}])
        except SalmonError:
            return ""
        header, found, _ = answered.removeprefix(asked).partition(ANSWER)
        return header if found and answered.startswith(asked) and header.strip() else ""

    def render(self, messages: Sequence[Message], add_generation_prompt: bool = False) -> str:
        """A conversation after the run's system prompt, as the template writes it.

        Raises:
            SalmonError: the template refuses it, or fails.
        """
        system = [{"role": "system", "content": self.system_prompt}] if self.system_prompt else []
        try:
            # Templates of models that can think aloud know the last one, the others ignore it: what is judged, rewarded
            # and trained on is the answer.
            text: str = self.tokenizer.apply_chat_template(
                [*system, *messages],
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                enable_thinking=False,
            )
        except Exception as error:  # a template is a program of others: it may raise anything
            roles = ", ".join(message["role"] for message in [*system, *messages])
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise SalmonError(f"the chat template fails on a conversation of {roles}: {reason}") from error
        return text
