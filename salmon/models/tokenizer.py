"""The base's tokenizer, and whether its tokens are those of the weights."""

from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedModel

from salmon.config.model import ModelConfig
from salmon.errors import SalmonError
from salmon.models.hub_access import access_problem
from salmon.models.library_errors import refusing

# Any of these holds a vocabulary.
VOCABULARIES = ("tokenizer.json", "*.model", "vocab.*", "*.tiktoken", "tekken.json")

NOT_ONE_MODEL = (
    "tokenizer and weights are not those of one model, or the embeddings were not enlarged when tokens were added"
)


def load_tokenizer(folder: str, model: ModelConfig) -> Any:
    """Load it.

    Raises:
        SalmonError: there is none, or the installed packages cannot read it.
    """
    here = Path(folder)
    if here.is_dir() and not any(found for pattern in VOCABULARIES for found in here.glob(pattern)):
        raise SalmonError(
            "there is no tokenizer (tokenizer.json and tokenizer_config.json): copy the model's own there"
        )
    newest = f"tokenizers {version('tokenizers')} and transformers {version('transformers')}"
    with refusing(
        "its tokenizer cannot be read",
        f"Here are {newest}: if the files are whole, they may need newer ones (pip install -U tokenizers transformers)",
        partial(access_problem, repository=folder, revision=model.revision),
    ):
        return AutoTokenizer.from_pretrained(folder, revision=model.revision)


def embedded_tokens(model: PreTrainedModel) -> int:
    """How many tokens have an embedding; there may be more than the tokenizer knows."""
    weight: Any = model.get_input_embeddings().weight  # [V, D]
    return int(weight.shape[0])


def end_tokens(tokenizer: Any, configured: int | list[int] | None, vocabulary: int) -> frozenset[int]:
    """The end tokens that a model's own configuration names.

    Args:
        tokenizer: the model's.
        configured: ``eos_token_id`` of the configuration.
        vocabulary: tokens that have an embedding.

    Returns:
        Those that are tokens of their own: configurations that nobody adapted name any number.
    """
    ids = configured if isinstance(configured, list) else [configured]
    own = {*tokenizer.added_tokens_decoder, *tokenizer.all_special_ids}
    return frozenset(token for token in ids if token is not None and token in own and token < vocabulary)


def require_embeddings(tokenizer: Any, vocabulary: int) -> None:
    """Refuse a tokenizer of another model; special tokens that no text makes may be without an embedding.

    Args:
        tokenizer: the model's.
        vocabulary: tokens that have an embedding.

    Raises:
        SalmonError: tokens have no embedding.
    """
    beyond = sorted(
        (token, text)
        for text, token in tokenizer.get_vocab().items()
        if token >= vocabulary and token not in tokenizer.all_special_ids
    )
    if beyond:
        raise SalmonError(
            f"{len(beyond)} tokens of the tokenizer have no embedding (the weights have {vocabulary}), e.g. "
            f"{beyond[0][1]!r}: {NOT_ONE_MODEL}"
        )
