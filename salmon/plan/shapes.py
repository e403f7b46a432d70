"""The shape of a decoder: what memory and FLOPs follow from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_json

LLAMA_LIKE = ("llama", "mistral", "qwen2")  # gated MLP, RMSNorm, rotary positions, no other parameters
ASK = "Give a folder with its config.json: model.path=FOLDER (config.json alone will do for a plan)"

_LLAMA_2 = {"model_type": "llama", "vocab_size": 32000, "tie_word_embeddings": False}
# config.json of bases that this machine need not have: facts of the models' own files.
KNOWN: dict[str, dict[str, Any]] = {
    "meta-llama/Llama-2-7b-hf": _LLAMA_2
    | {
        "hidden_size": 4096,
        "intermediate_size": 11008,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 32,
    },
    "meta-llama/Llama-2-13b-hf": _LLAMA_2
    | {
        "hidden_size": 5120,
        "intermediate_size": 13824,
        "num_hidden_layers": 40,
        "num_attention_heads": 40,
        "num_key_value_heads": 40,
    },
    "meta-llama/Llama-2-70b-hf": _LLAMA_2
    | {
        "hidden_size": 8192,
        "intermediate_size": 28672,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
    },
    "wheel:smollm2-135m-instruct": {
        "model_type": "llama",
        "vocab_size": 49152,
        "hidden_size": 576,
        "intermediate_size": 1536,
        "num_hidden_layers": 30,
        "num_attention_heads": 9,
        "num_key_value_heads": 3,
        "tie_word_embeddings": True,
    },
    "random:tiny": {
        "model_type": "llama",
        "vocab_size": 259,
        "hidden_size": 128,
        "intermediate_size": 256,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "tie_word_embeddings": True,
    },
}


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
        """Weights of norms and biases: two norms a layer and a last one."""
        biases = sum(linear.outputs for linear in self.linears if linear.bias)
        return self.layers * (2 * self.hidden + biases) + self.hidden

    @property
    def parameters(self) -> int:
        return self.layers * self.linear_weights + self.embeddings + self.small

    def adapter_parameters(self, rank: int, layers: int | None = None) -> int:
        """LoRA's A [r, in] and B [out, r] on every linear map of the first ``layers`` layers (None: all)."""
        each = sum(rank * (linear.inputs + linear.outputs) for linear in self.linears)
        return each * self.depth(layers)

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
    """The shape of ``model.path``: of the known ones, of a folder's config.json, or of the hub's.

    Raises:
        SalmonError: it is unknown here, or no Llama-like decoder; says what to give.
    """
    if path in KNOWN:
        return from_config(KNOWN[path], path)
    if path.startswith(("wheel:", "random:")):
        raise SalmonError(f"model.path={path}: unknown; known are {', '.join(KNOWN)}")
    if path.startswith(("/", "./", "../", "~")):
        file = Path(path).expanduser() / "config.json"
        try:
            config = read_json(file)
        except SalmonError as error:
            raise SalmonError(f"the shape of model.path={path} is unknown: {error}. {ASK}") from error
    else:
        config = _from_hub(path, revision)
    return from_config(config, path)


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
        return ModelShape(
            vocab=int(config["vocab_size"]),
            hidden=hidden,
            intermediate=int(config["intermediate_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=heads,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_dim=int(config.get("head_dim") or hidden // heads),
            tied=bool(config.get("tie_word_embeddings", False)),
            qkv_bias=kind == "qwen2",
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
