"""A conversation that is too long for its place, cut inside of what was said: the template's own text stays whole.

Cutting the tokens of a rendered conversation would take its beginning away, the header that tells who speaks: the model
would read half a sentence of nobody. So the texts are cut, from the start of the first one on, and rendered again.
"""

from collections.abc import Callable, Sequence

from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.models.turn_end import Message

Render = Callable[[Sequence[Message]], list[int]]  # a conversation as tokens


def fit_conversation(
    chat: ChatFormat, messages: Sequence[Message], limit: int, setting: str, render: Render | None = None
) -> tuple[list[int], bool]:
    """Tokens of a conversation up to where the answer starts, ``limit`` of them at most.

    Args:
        chat: the tokenizer, and its template unless another is given.
        messages: the turns so far.
        limit: in tokens.
        setting: what sets the limit, for the message.
        render: another template; None: ``chat.prompt_ids``.

    Returns:
        The tokens, and whether something was cut.

    Raises:
        SalmonError: the template alone fills the limit.
    """
    render = render or chat.prompt_ids
    ids, dropped = render(messages), 0
    if len(ids) <= limit:
        return ids, False
    texts = [chat.encode(message["content"]) for message in messages]
    while len(ids) > limit:  # tokens of a shortened text may join in other ways, so once is not always enough
        dropped += len(ids) - limit
        if dropped >= sum(map(len, texts)):
            raise SalmonError(
                f"{setting}={limit} leaves no room for what is asked: the chat template and model.system_prompt alone "
                f"take {len(render([{**message, 'content': ''} for message in messages]))} tokens. Raise it, or "
                "shorten model.system_prompt"
            )
        ids = render(_without_start(chat, messages, texts, dropped))
    return ids, True


def _without_start(
    chat: ChatFormat, messages: Sequence[Message], texts: Sequence[Sequence[int]], dropped: int
) -> list[Message]:
    """The conversation without the first ``dropped`` tokens of what was said."""
    kept = []
    for message, ids in zip(messages, texts, strict=True):
        cut = min(dropped, len(ids))
        dropped -= cut
        content = chat.decode(ids[cut:]).lstrip("\ufffd") if cut else message["content"]  # a cut inside of a character
        kept.append({**message, "content": content})
    return kept
