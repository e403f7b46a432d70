"""Random models of many architectures, each of a few thousand parameters, with the features that set it apart."""

from dataclasses import replace
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from salmon.config.model import ModelConfig
from salmon.models.base import SharedModel
from salmon.models.loading import as_shared
from salmon.plan.published import KNOWN, PublishedConfig

WINDOW = 16  # tokens, where a layer sees a window
SPREAD = 0.2  # of weights: attention, caps and scales then show in every number
VOCAB = 259  # that of ``random:tiny``
SIZES = {
    "vocab_size": VOCAB,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 8,
    "max_position_embeddings": 128,
    "initializer_range": SPREAD,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
OLD = {key: SIZES[key] for key in ("vocab_size", "initializer_range", "pad_token_id", "bos_token_id", "eos_token_id")}
GPT = {**OLD, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128}
ALTERNATING = {"sliding_window": WINDOW, "layer_types": ["sliding_attention", "full_attention"]}
EXPERTS = {"num_experts": 4, "num_local_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32}

# By ``model_type``: what its config is given besides the sizes.
MODERN: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {"sliding_window": WINDOW},
    "qwen2": {"use_sliding_window": True, "max_window_layers": 1, "sliding_window": WINDOW},
    "qwen3": {},
    "gemma": {},
    "gemma2": {
        **ALTERNATING,
        "final_logit_softcapping": 3.0,
        "attn_logit_softcapping": 5.0,
        "query_pre_attn_scalar": 8,
    },
    "gemma3_text": {**ALTERNATING, "query_pre_attn_scalar": 8},
    "phi": {},
    "phi3": {"sliding_window": WINDOW},
    "olmo2": {},
    "gpt_neox": {"tie_word_embeddings": True, "use_parallel_residual": True},
    "cohere": {"logit_scale": 0.3},
    "cohere2": {**ALTERNATING, "logit_scale": 0.3},
    "granite": {"logits_scaling": 3.0, "embedding_multiplier": 2.0, "residual_multiplier": 0.5},
    "stablelm": {"use_parallel_residual": True},
    "starcoder2": {"sliding_window": WINDOW},
    "smollm3": {},
    "glm4": {},
    "nemotron": {},
    "exaone4": ALTERNATING,
    "mixtral": EXPERTS,
    "qwen2_moe": {**EXPERTS, "shared_expert_intermediate_size": 32, "decoder_sparse_step": 1},
    "qwen3_moe": {**EXPERTS, "decoder_sparse_step": 1, "mlp_only_layers": []},
    "olmoe": EXPERTS,
    "gpt_oss": {**EXPERTS, **ALTERNATING},
    "llama4_text": {**EXPERTS, "attention_chunk_size": WINDOW, "intermediate_size_mlp": 64, "moe_layers": [1]},
    "jamba": {"num_experts": 2, "attn_layer_period": 2, "attn_layer_offset": 1, "use_mamba_kernels": False},
    "recurrent_gemma": {"lru_width": 32, "attention_window_size": WINDOW, "block_types": ["recurrent", "attention"]},
    "falcon_h1": {"mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_head": 8, "mamba_d_state": 8},
    "qwen3_next": {
        **EXPERTS,
        "layer_types": ["linear_attention", "full_attention"],
        "shared_expert_intermediate_size": 32,
    },
    "deepseek_v3": {
        **EXPERTS,
        "n_routed_experts": 4,
        "n_group": 2,
        "topk_group": 1,
        "first_k_dense_replace": 1,
        "num_key_value_heads": 4,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 8,
        "qk_nope_head_dim": 8,
        "v_head_dim": 8,
        "head_dim": 8,
    },
    "ernie4_5_moe": {**EXPERTS, "moe_num_experts": 4, "moe_k": 2, "moe_num_shared_experts": 1},
    "mamba": {"state_size": 8},
    "mamba2": {"state_size": 8, "num_heads": 8, "expand": 2, "n_groups": 1},
}
CLASSIC: dict[str, dict[str, Any]] = {
    "gpt2": GPT,
    "gpt_bigcode": GPT,
    "gptj": {**GPT, "rotary_dim": 4},
    "codegen": {**GPT, "rotary_dim": 4},
    "gpt_neo": {
        **OLD,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": WINDOW,
        "max_position_embeddings": 128,
    },
    "opt": {
        **OLD,
        "hidden_size": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "word_embed_proj_dim": 16,
        "max_position_embeddings": 128,
    },
    "bloom": {**OLD, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "mpt": {**OLD, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128},
    "falcon": {**OLD, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "alibi": False},
}
# Refused.
OTHERS: dict[str, dict[str, Any]] = {"bert": {}}
ARCHITECTURES = MODERN | CLASSIC
# Of the bases that conf/model names: those whose layers differ in more than their sizes.
OPEN = (
    "allenai/OLMo-2-1124-7B",
    "allenai/OLMo-2-0325-32B",
    "Qwen/Qwen3-0.6B-Base",
    "Qwen/Qwen3-8B-Base",
    "meta-llama/Llama-3.1-8B",
    "HuggingFaceTB/SmolLM2-360M-Instruct",
    "HuggingFaceTB/SmolLM2-1.7B-Instruct",
)
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")  # names for their number
PER_LAYER = ("layer_types", "block_types")


def config_of(name: str, layers: int = 2) -> PreTrainedConfig:
    """Of an architecture, or of a known base in small, with its first layers."""
    if name in KNOWN:
        return AutoConfig.for_model(**shrunk(KNOWN[name]) | {"num_hidden_layers": layers})
    given = dict(CLASSIC[name] if name in CLASSIC else SIZES | (MODERN | OTHERS)[name])
    for key in LAYERS:
        if key in given:
            given[key] = layers
    for key in PER_LAYER:
        if key in given:
            given[key] = given[key][:layers]
    if "attention_types" in given:
        given["attention_types"] = [[[kind], 1] for kind in given["attention_types"][0][0][:layers]]
    return AutoConfig.for_model(name, **given)


def shrunk(published: PublishedConfig) -> dict[str, Any]:
    """A base's config in small: its tied matrices, norms, rotary scaling and grouped heads stay as they are."""
    heads, keys = published["num_attention_heads"], published["num_key_value_heads"]
    few = 4 if heads == keys else 2
    small = SIZES | {"num_key_value_heads": few, "num_attention_heads": heads // keys * few}
    width = small["num_attention_heads"] * small["head_dim"]
    wide = heads * published.get("head_dim", 0) > published["hidden_size"]  # attention is wider than the layers' states
    small["hidden_size"] = width // 2 if wide else width
    if "rope_scaling" in published:
        small["rope_scaling"] = published["rope_scaling"] | {"original_max_position_embeddings": WINDOW}
    return published | small


def random_model(
    name: str, model: ModelConfig, tokenizer: Any, layers: int = 2, context: int = 4 * WINDOW
) -> SharedModel:
    """A base of this architecture.

    Raises:
        SalmonError: as for ``as_shared``.
    """
    base = random_base(name, layers)
    return as_shared(base, tokenizer, replace(model, path=f"random:{name}", context=context), {})


def random_base(name: str, layers: int = 2) -> PreTrainedModel:
    """A model of this architecture, whose norms and biases are random as well."""
    torch.manual_seed(0)
    base = AutoModelForCausalLM.from_config(config_of(name, layers))
    with torch.no_grad():
        for parameter in base.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape))
    return base.eval()
