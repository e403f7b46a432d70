"""The shape of a decoder: what memory and FLOPs follow from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.plan.published import KNOWN
from salmon.runtime.foreign import read_json

# Gated MLP, two RMSNorms a layer, rotary positions; no other parameters but those that ModelShape names.
LLAMA_LIKE = ("llama", "mistral", "qwen2", "qwen3", "olmo2")
ASK = "Give a folder with its config.json: model.path=FOLDER (config.json alone will do for a plan)"


@dataclass(frozen=True)
class Linear:
    """One linear map of a layer."""

    inputs: int
    outputs: int
    bias: bool = False

    @property
    def weights(self) -> int:
        return self.inputs * self.outputs


@dataclass(frozen=True)
class ModelShape:
    """A Llama-like decoder."""

    vocab: int
    hidden: int
    intermediate: int
    layers: int
    heads: int
    kv_heads: int
    head_dim: int
    tied: bool  # the language-model head is the embedding matrix
    qkv_bias: bool = False
    qk_norm: int = 0  # weights of a layer's norms of queries and keys; 0: it has none

    @property
    def linears(self) -> tuple[Linear, ...]:
        """The seven linear maps of a layer: q, k, v, o, gate, up, down."""
        queries, keys = self.heads * self.head_dim, self.kv_heads * self.head_dim
        return (
            Linear(self.hidden, queries, self.qkv_bias),
            Linear(self.hidden, keys, self.qkv_bias),
            Linear(self.hidden, keys, self.qkv_bias),
            Linear(queries, self.hidden),
            Linear(self.hidden, self.intermediate),
            Linear(self.hidden, self.intermediate),
            Linear(self.intermediate, self.hidden),
        )

    @property
    def linear_weights(self) -> int:
        """Weights of a layer that quantisation packs."""
        return sum(linear.weights for linear in self.linears)

    @property
    def embeddings(self) -> int:
        """Weights of the embedding and, unless it is the same matrix, of the language-model head."""
        return self.vocab * self.hidden * (1 if self.tied else 2)

    @property
    def small(self) -> int:
        """Weights of norms and biases: two norms of the hidden size a layer and a last one, and those of attention."""
        biases = sum(linear.outputs for linear in self.linears if linear.bias)
        return self.layers * (2 * self.hidden + self.qk_norm + biases) + self.hidden

    @property
    def parameters(self) -> int:
        return self.layers * self.linear_weights + self.embeddings + self.small

    def adapter_parameters(self, rank: int, layers: int | None = None, first_layer: int = 0) -> int:
        """LoRA's A [r, in] and B [out, r] on every linear map of the first ``layers`` layers (None: all), from
        ``first_layer`` on."""
        each = sum(rank * (linear.inputs + linear.outputs) for linear in self.linears)
        return each * (self.depth(layers) - first_layer)

    def depth(self, layers: int | None) -> int:
        """Layers that a pass through the first ``layers`` runs through (None: all).

        Raises:
            SalmonError: the base has fewer.
        """
        if layers is not None and layers > self.layers:
            raise SalmonError(
                f"reward.layers={layers}: this base has {self.layers} layers; lower it, or set it to null for all"
            )
        return self.layers if layers is None else layers


def shape_of(path: str, revision: str | None) -> ModelShape:
    """The shape of ``model.path``.

    Raises:
        SalmonError: it is unknown here, or no Llama-like decoder; says what to give.
    """
    return from_config(config_of(path, revision), path)


def config_of(path: str, revision: str | None) -> Mapping[str, Any]:
    """The config.json of ``model.path``: of the known ones, of a folder, or of the hub.

    Raises:
        SalmonError: it is not here; says what to give.
    """
    if path in KNOWN:
        return KNOWN[path]
    if path.startswith(("wheel:", "random:")):
        raise SalmonError(f"model.path={path}: unknown; known are {', '.join(KNOWN)}")
    if path.startswith(("/", "./", "../", "~")):
        file = Path(path).expanduser() / "config.json"
        try:
            return read_json(file)
        except SalmonError as error:
            raise SalmonError(f"the shape of model.path={path} is unknown: {error}. {ASK}") from error
    return _from_hub(path, revision)


def from_config(config: Mapping[str, Any], path: str) -> ModelShape:
    """The shape that a config.json describes; ``path`` is for messages.

    Raises:
        SalmonError: a key is missing, or the architecture is another one.
    """
    kind = config.get("model_type")
    if kind not in LLAMA_LIKE:
        raise SalmonError(
            f"model.path={path} has model_type={kind!r}; the plan's formulas are for {', '.join(LLAMA_LIKE)} only"
        )
    try:
        hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
        kv_heads = int(config.get("num_key_value_heads") or heads)
        head_dim = int(config.get("head_dim") or hidden // heads)
        return ModelShape(
            vocab=int(config["vocab_size"]),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=kv_heads,
            head_dim=head_dim,
            tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=kind == "qwen2",
            # Qwen3 shares one norm between the heads; OLMo-2 norms all heads together.
            qk_norm={"qwen3": 2 * head_dim, "olmo2": (heads + kv_heads) * head_dim}.get(kind, 0),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise SalmonError(
            f"the shape of model.path={path} is unknown: its config has no usable {error}. {ASK}"
        ) from error


def _from_hub(path: str, revision: str | None) -> dict[str, Any]:
    from transformers import AutoConfig  # seconds, and only for a hub id that is not in the table

    try:
        return AutoConfig.from_pretrained(path, revision=revision).to_dict()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SalmonError(
            f"the shape of model.path={path} is unknown: {reason}. Known without a hub: {', '.join(KNOWN)}. {ASK}"
        ) from error
