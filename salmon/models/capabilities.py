"""What a job needs of its base, and what a base's config says about lengths."""

import re
from dataclasses import dataclass
from typing import Any

from salmon.models.base import SharedModel
from salmon.models.decoder import blocks_of, decoder_of
from salmon.models.layer_control import too_few_layers

# An attention layer that looks back so many tokens only, by the names that configs have for it.
WINDOW = re.compile(r"(^|_)window(_size)?$|^attention_chunk_size$")
LIMITED = ("sliding", "chunked", "local")  # layer types with a window
CONTEXT = ("max_position_embeddings", "n_positions", "max_seq_len", "seq_length", "max_sequence_length", "n_ctx")


@dataclass(frozen=True)
class Needs:
    """What a job asks of its base."""

    sampling: bool = False  # by the token loop here: ``rollout=hf``, self-made demonstrations and pairs, evaluations
    layers: int | None = None  # ``reward.layers``


def problems_of(shared: SharedModel, needs: Needs) -> list[str]:
    """One sentence for each thing that a job needs and its base cannot do."""
    found = []
    if needs.sampling and not shared.can.cache:
        found.append(no_cache(shared))
    if needs.layers is not None:
        if not shared.can.cut:
            found.append(shared.cannot_cut(needs.layers))
        elif needs.layers > (number := len(blocks_of(decoder_of(shared.model))[1])):
            found.append(too_few_layers(needs.layers, number))
    return found


def no_cache(shared: SharedModel) -> str:
    """Why a base cannot sample here."""
    return (
        f"model.path={shared.path}: {type(shared.model).__name__} cannot sample here: going on from its cache does not "
        "give what it computes without one. Use rollout=vllm, or another base"
    )


def longest_context(config: Any) -> int | None:
    """How many tokens a model was made for; None where its config sets no limit (ALiBi, state spaces)."""
    text = config.get_text_config(decoder=True)
    found = (getattr(text, name, None) for name in CONTEXT)
    return next((value for value in found if isinstance(value, int)), None)


def attention_window(config: Any) -> int | None:
    """How many tokens back the shortest attention layer sees; None where all see everything."""
    text = config.get_text_config(decoder=True)
    kinds = getattr(text, "layer_types", None) or getattr(text, "attention_layers", None)
    if kinds and not any(kind in name for name in kinds for kind in LIMITED):
        return None
    lengths = {name: value for name, value in text.to_dict().items() if type(value) is int and value > 0}
    return min((value for name, value in lengths.items() if WINDOW.search(name)), default=None)
