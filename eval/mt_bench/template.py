"""How a conversation becomes a prompt: by the tokenizer's chat template, or by one of FastChat's conversations.

FastChat chooses its conversation by the model's name; here it is named. Its own system message belongs to it, so
``model.system_prompt`` is used with the tokenizer's template only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from eval.generation.greedy import before_stop
from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat, Message
from salmon.models.fitting import fit_conversation
from salmon.sampling.token_loop import Generation, generate, generate_after

TOKENIZER = "tokenizer"
ROOM = "model.context less eval.mt_bench.max_new_tokens"


@dataclass(frozen=True)
class Sampling:
    temperature: float
    max_new_tokens: int


@dataclass(frozen=True)
class FastChatTemplate:
    """A conversation of ``fastchat.conversation``."""

    name: str
    stops: tuple[str, ...]  # texts that end an answer
    stop_ids: frozenset[int]  # tokens of the model's own tokenizer that end it

    def prompt_ids(self, chat: ChatFormat, messages: Sequence[Message]) -> list[int]:
        """Tokens of the conversation up to where the next answer starts."""
        from fastchat.conversation import get_conv_template

        conversation = get_conv_template(self.name)
        for message in messages:
            conversation.append_message(conversation.roles[message["role"] == "assistant"], message["content"])
        conversation.append_message(conversation.roles[1], None)
        return chat.with_start_token(chat.encode(conversation.get_prompt()))

    def answer(self, chat: ChatFormat, ids: Sequence[int]) -> str:
        """The text of generated tokens up to the first stop."""
        kept = next((ids[:i] for i, token in enumerate(ids) if token in self.stop_ids), ids)
        return before_stop(chat.decode(kept), self.stops).strip()


def make_template(name: str) -> FastChatTemplate | None:
    """The template of a name; None for the tokenizer's own.

    Raises:
        SalmonError: FastChat has no such conversation.
    """
    if name == TOKENIZER:
        return None
    from fastchat.conversation import conv_templates

    if name not in conv_templates:
        known = ", ".join(sorted(conv_templates))
        raise SalmonError(f"eval.mt_bench.template={name}: it must be {TOKENIZER}, or one of FastChat's: {known}")
    chosen = conv_templates[name]
    stops = [chosen.stop_str] if isinstance(chosen.stop_str, str) else chosen.stop_str or []
    return FastChatTemplate(name, tuple(stops), frozenset(chosen.stop_token_ids or ()))


def answer_all(
    shared: SharedModel,
    template: FastChatTemplate | None,
    conversations: Sequence[Sequence[Message]],
    keys: Sequence[tuple],
    sampling: Sampling,
) -> tuple[list[str], list[bool]]:
    """The next answer of each conversation by the active adapter, and whether its prompt was cut.

    Raises:
        SalmonError: the model's context has no room for any prompt.
    """
    chat, room = shared.chat, shared.context - sampling.max_new_tokens
    if room < 1:
        raise SalmonError(
            f"eval.mt_bench.max_new_tokens={sampling.max_new_tokens} leaves no room for a prompt in "
            f"model.context={shared.context}"
        )
    render = None if template is None else partial(template.prompt_ids, chat)
    fitted = [fit_conversation(chat, conversation, room, ROOM, render) for conversation in conversations]
    generations = _generate(shared, template, [ids for ids, _ in fitted], keys, sampling)
    texts = [
        chat.decode(made.ids).strip() if template is None else template.answer(chat, made.ids) for made in generations
    ]
    return texts, [cut for _, cut in fitted]


def _generate(
    shared: SharedModel,
    template: FastChatTemplate | None,
    prompts: list[list[int]],
    keys: Sequence[tuple],
    sampling: Sampling,
) -> list[Generation]:
    how = {"temperature": sampling.temperature, "top_p": 1.0, "max_new_tokens": sampling.max_new_tokens}
    if template is None or not template.stops:
        return generate(shared, prompts, keys, batch_size=len(prompts), **how)  # type: ignore[arg-type]
    return generate_after(shared, (), prompts, keys, stop_strings=template.stops, **how)  # type: ignore[arg-type]
