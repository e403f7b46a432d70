"""``config.json`` of bases that this machine need not have: facts of the models' own files, by ``model.path``.

Only what decides shape and lengths is listed, so that a plan needs neither network nor licence.
"""

from typing import Any

PublishedConfig = dict[str, Any]  # keys as in config.json


def _config(
    model_type: str,
    vocab: int,
    hidden: int,
    intermediate: int,
    layers: int,
    heads: int,
    kv_heads: int,
    longest: int,
    rope_theta: float,
    tied: bool = False,
    **others: Any,
) -> PublishedConfig:
    return {
        "model_type": model_type,
        "vocab_size": vocab,
        "hidden_size": hidden,
        "intermediate_size": intermediate,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": longest,
        "rope_theta": rope_theta,
        "tie_word_embeddings": tied,
        **others,
    }


_LLAMA_3_1: PublishedConfig = {  # long rotary periods are stretched, short ones are not
    "rope_scaling": {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
}
_QWEN_3: PublishedConfig = {"head_dim": 128}  # not hidden_size / num_attention_heads

KNOWN: dict[str, PublishedConfig] = {
    "meta-llama/Llama-2-7b-hf": _config("llama", 32000, 4096, 11008, 32, 32, 32, 4096, 1e4),
    "meta-llama/Llama-2-13b-hf": _config("llama", 32000, 5120, 13824, 40, 40, 40, 4096, 1e4),
    "meta-llama/Llama-2-70b-hf": _config("llama", 32000, 8192, 28672, 80, 64, 8, 4096, 1e4),
    "meta-llama/Llama-3.1-8B": _config("llama", 128256, 4096, 14336, 32, 32, 8, 131072, 5e5, **_LLAMA_3_1),
    "meta-llama/Llama-3.1-70B": _config("llama", 128256, 8192, 28672, 80, 64, 8, 131072, 5e5, **_LLAMA_3_1),
    "allenai/OLMo-2-1124-7B": _config("olmo2", 100352, 4096, 11008, 32, 32, 32, 4096, 5e5),
    "allenai/OLMo-2-1124-13B": _config("olmo2", 100352, 5120, 13824, 40, 40, 40, 4096, 5e5),
    "allenai/OLMo-2-0325-32B": _config("olmo2", 100352, 5120, 27648, 64, 40, 8, 4096, 5e5),
    "Qwen/Qwen3-0.6B-Base": _config("qwen3", 151936, 1024, 3072, 28, 16, 8, 32768, 1e6, tied=True, **_QWEN_3),
    "Qwen/Qwen3-8B-Base": _config("qwen3", 151936, 4096, 12288, 36, 32, 8, 32768, 1e6, **_QWEN_3),
    "Qwen/Qwen3-14B-Base": _config("qwen3", 151936, 5120, 17408, 40, 40, 8, 32768, 1e6, **_QWEN_3),
    "Qwen/Qwen3-32B": _config("qwen3", 151936, 5120, 25600, 64, 64, 8, 40960, 1e6, **_QWEN_3),
    "HuggingFaceTB/SmolLM2-360M-Instruct": _config("llama", 49152, 960, 2560, 32, 15, 5, 8192, 1e5, tied=True),
    "HuggingFaceTB/SmolLM2-1.7B-Instruct": _config("llama", 49152, 2048, 8192, 24, 32, 32, 8192, 1.3e5, tied=True),
    "wheel:smollm2-135m-instruct": _config("llama", 49152, 576, 1536, 30, 9, 3, 8192, 1e5, tied=True),
    "random:tiny": _config("llama", 259, 128, 256, 2, 4, 2, 8192, 1e4, tied=True),
}
