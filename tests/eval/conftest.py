from typing import Any

import pytest

from eval.config import (
    BBHMode,
    BBHSettings,
    DrawSettings,
    EvalConfig,
    EvalJudgeSettings,
    HumanEvalSettings,
    IFBenchSettings,
    JudgeKind,
    MTBenchMode,
    MTBenchSettings,
    PairsSettings,
    PrincipleFollowingSettings,
    SafetyProbeSettings,
    TruthfulQAGenSettings,
    TruthfulQAJudgeSettings,
    TyDiQASettings,
)
from salmon.config.model import Dtype, LoraSettings, ModelConfig, Quantization


@pytest.fixture(scope="session")
def tiny_config() -> ModelConfig:
    return ModelConfig(
        name="tiny",
        path="random:tiny",
        revision=None,
        quantization=Quantization.none,
        dtype=Dtype.float32,
        context=8192,
        system_prompt="",
        lora=LoraSettings(r=4, alpha=8, dropout=0.0),
        device="cpu",
        gradient_checkpointing=False,
    )


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(tiny_config, tiny_cache):
    """A fresh shared base without adapters."""
    from salmon.models.loading import load_base

    return load_base(tiny_config, tiny_cache)


@pytest.fixture(scope="session")
def adapter(tiny_config, tiny_cache, tmp_path_factory):
    """Folder of an adapter that changes the model."""
    import torch

    from salmon.models.loading import load_base

    shared, folder = load_base(tiny_config, tiny_cache), tmp_path_factory.mktemp("made") / "adapter"
    shared.add_adapter("made", seed=1)
    generator = torch.Generator().manual_seed(0)
    for parameter in shared.parameters_of("made").values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    shared.save_adapter("made", folder)
    return folder


@pytest.fixture
def suite() -> EvalConfig:
    """The mini suite, made smaller still; tests replace what they are about."""
    endpoint: dict[str, Any] = dict(
        model=None,
        base_url=None,
        api_key_env="NO_SUCH_KEY",
        max_retries=0,
        timeout_s=5.0,
        concurrent_calls=8,
        calls_per_minute=None,
        price_prompt=None,
        price_completion=None,
    )
    judge = EvalJudgeSettings(**endpoint, kind=JudgeKind.local, repeats=1, temperature=0.7)
    return EvalConfig(
        name="test",
        tasks=["truthfulqa_mc1", "truthfulqa_mc2", "bbh", "mt_bench"],
        data_dir="mini",
        limit=2,
        draw=DrawSettings(truthfulqa_mc=None, bbh=None, mt_bench=None, seed=0),
        batch_size=4,
        chat_template=False,
        bbh=BBHSettings(mode=BBHMode.direct, tasks=["navigate", "object_counting"], max_new_tokens=4),
        truthfulqa_gen=TruthfulQAGenSettings(
            max_new_tokens=4,
            judge=TruthfulQAJudgeSettings(**endpoint, kind=JudgeKind.none, informative_model=None),
        ),
        humaneval=HumanEvalSettings(max_new_tokens=4, execute=False, timeout_s=5.0, memory_mib=256),
        tydiqa=TyDiQASettings(languages=None, max_new_tokens=4),
        mt_bench=MTBenchSettings(
            max_new_tokens=4,
            template="tokenizer",
            mode=MTBenchMode.single,
            baseline=None,
            references="mini",
            judge=judge,
        ),
        ifbench=IFBenchSettings(max_new_tokens=4),
        pairs=PairsSettings(files={}, banks=[]),
        probes=SafetyProbeSettings(files={}, max_new_tokens=4),
        principle_following=PrincipleFollowingSettings(
            trained="verifiable_11",
            paraphrased=None,
            untrained=[],
            unseen=None,
            pairs=None,
            real_pairs={},
            real_banks=[],
            parametric_items=None,
            sets=[],
            limit=None,
            real_limit=None,
            batch_size=8,
            bootstrap=20,
        ),
    )
