"""Whether a chat template can write what a run asks it to."""

from dataclasses import replace

from salmon.errors import SalmonError
from salmon.models.chat import ChatFormat
from salmon.models.tokenizer import NOT_ONE_MODEL
from salmon.models.turn_end import QUESTION

SYSTEM = "1357902468"  # as the others, a text that no template changes


def check_chat(chat: ChatFormat) -> None:
    """Refuse a template that cannot write a prompt, or an answer that nothing ends.

    Args:
        chat: tokenizer, template and system prompt of the run.

    Raises:
        SalmonError: the template fails, or leaves out the user's text or the system prompt; nothing ends an answer;
            a token that the template writes has no embedding.
    """
    question = [{"role": "user", "content": QUESTION}]
    plain = replace(chat, system_prompt="")
    if QUESTION not in plain.render(question, add_generation_prompt=True):
        raise SalmonError("the chat template leaves out what the user says, where that is a plain text")
    if chat.system_prompt:
        try:
            written = replace(chat, system_prompt=SYSTEM).render(question, add_generation_prompt=True)
        except SalmonError as error:
            raise SalmonError(f"model.system_prompt is set, and {error}. Set model.system_prompt=''") from error
        if SYSTEM not in written or QUESTION not in written:
            raise SalmonError(
                "model.system_prompt is set, and the chat template leaves it out: set model.system_prompt=''"
            )
    vocabulary = len(chat.tokenizer) if chat.vocabulary is None else chat.vocabulary
    prompt = chat.render(question, add_generation_prompt=True) + chat.missing_header
    written_ids = [*chat.tokenizer(prompt, add_special_tokens=False)["input_ids"], *chat.start_ids, *chat.closing.ids]
    beyond = sorted({token for token in written_ids if token >= vocabulary})
    if beyond:
        token = chat.tokenizer.convert_ids_to_tokens(beyond[0])
        raise SalmonError(
            f"the chat template writes {token!r}, which has no embedding (the weights have {vocabulary}): "
            f"{NOT_ONE_MODEL}"
        )


def described(chat: ChatFormat) -> str:
    """How answers end, for the log."""
    tokenizer = chat.tokenizer
    closing = chat.closing.spelled or tokenizer.convert_ids_to_tokens(chat.end_id)
    others = sorted(tokenizer.convert_ids_to_tokens(list(chat.end_ids - {chat.end_id})))
    return repr(closing) + "".join(f" or {token!r}" for token in others)
