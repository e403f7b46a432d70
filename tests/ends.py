"""An end token that a random model does write, so that its answers differ in length."""

from dataclasses import replace

from salmon.models.base import SharedModel


def end_with(shared: SharedModel, token: str | int) -> None:
    """Make a token the only one that ends answers."""
    word = token if isinstance(token, str) else shared.tokenizer.convert_ids_to_tokens(token)
    shared.tokenizer.eos_token = word
    shared.chat = replace(shared.chat, model_end_ids=frozenset())
    assert shared.chat.end_ids == {shared.tokenizer.convert_tokens_to_ids(word)}
