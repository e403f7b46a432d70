"""The plan's peaks beside what torch's allocator reports, on a model that is small but not trivial."""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

from salmon.config.schema import Config
from salmon.measure.phase_runs import PhaseRuns
from salmon.models.base import SharedModel
from salmon.models.chunked_head import ROWS, logprobs_and_entropies, token_logprobs
from salmon.models.loading import load_base
from salmon.plan import memory
from salmon.plan.command import compose_config
from salmon.plan.devices import this_device
from salmon.plan.planner import base_of, plan
from tests.plan.against_measured import allocated_peak

pytestmark = pytest.mark.slow

LENGTHS = (
    "+experiment=self_judged",
    "model=tiny",
    "prompts.max_tokens=64",
    "sft=laptop",
    "sft.source=self_align",
    "sft.num_prompts=8",
    "sft.sampling.max_new_tokens=2",
    "sft.max_prompt_tokens=96",
    "sft.max_response_tokens=96",
    "preferences.sampling.max_new_tokens=4",
    "preferences.judge.max_tokens=400",
    "reward.max_length=128",
    "ppo.sampling.max_new_tokens=16",
    "ppo.sampling.batch_size=4",
    "ppo.rollout_batch=4",
    "ppo.minibatch=2",
    "ppo.micro_batch_size=2",
    "model.context=4096",
    "model.lora.r=8",
    "best_of_n.n=2",
    "stages=[sft,preferences,reward,ppo,dpo,best_of_n]",
)
TRAINING = ("sft train", "reward train", "ppo train", "dpo train")


@pytest.fixture(scope="module")
def folder(load_tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Llama of 9.5 million parameters, 38 MB in fp32, with grouped keys."""
    path = tmp_path_factory.mktemp("base")
    LlamaForCausalLM(
        LlamaConfig(
            vocab_size=8000,
            hidden_size=384,
            intermediate_size=1024,
            num_hidden_layers=4,
            num_attention_heads=8,
            num_key_value_heads=4,
            max_position_embeddings=4096,
            tie_word_embeddings=True,
        )
    ).save_pretrained(path)
    load_tiny().tokenizer.save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def base_config(folder: Path) -> Config:
    return compose_config([*LENGTHS, f"model.path={folder}"])


def compared(cfg: Config, cache: Path, only: Sequence[str] = ()) -> dict[str, float]:
    """Planned over allocated bytes of each phase; both without the base and what a stage holds between phases."""
    shared: SharedModel = load_base(cfg.model, cache)
    base, work, phases = plan(cfg, this_device())
    planned = {f"{p.stage} {p.name}": p for p in phases}
    ratios = {}
    runs = PhaseRuns(cfg, shared, base, work)
    for name in only or planned:
        lasting = ("base weights", "adapters", "heads", "optimizer state", "gradients")
        expected = sum(size for item, size in planned[name].items.items() if item not in lasting)
        ratios[name] = expected / allocated_peak(runs.prepare(name))
    return ratios


def test_what_comes_and_goes_is_within_15_percent(base_config: Config, tmp_path: Path) -> None:
    """Without the base's weights, which would hide an error in the rest: activations, logits, cache and masks alone."""
    ratios = compared(base_config, tmp_path)
    assert len(ratios) == 15
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 < ratio < 1.15} == {}


def test_so_it_is_with_gradient_checkpointing_and_lower(base_config: Config, tmp_path: Path) -> None:
    cfg = replace(base_config, model=replace(base_config.model, gradient_checkpointing=True))
    ratios = compared(cfg, tmp_path, TRAINING)
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 < ratio < 1.15} == {}
    kept, recomputed = (
        {p.name: p.peak for p in plan(c, this_device())[2] if p.stage == "reward"}["train"] for c in (base_config, cfg)
    )
    assert recomputed < kept


@pytest.mark.parametrize("changes", [{}, {"layers": 2}])
def test_so_it_is_where_roles_read_in_one_pass(base_config: Config, tmp_path: Path, changes: dict[str, int]) -> None:
    """The value model of fewer layers reads alone."""
    cfg = replace(
        base_config, reward=replace(base_config.reward, **changes), ppo=replace(base_config.ppo, one_pass=True)
    )
    ratios = compared(cfg, tmp_path, ("ppo log-probs", "ppo train"))
    assert len(ratios) == 2
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 < ratio < 1.15} == {}


@pytest.mark.parametrize("kind", ["qwen3", "olmo2"])
def test_so_it_is_where_queries_and_keys_are_normed(
    kind: str, base_config: Config, folder: Path, tmp_path: Path
) -> None:
    """Training keeps them; attention is wider than the states here, as in Qwen3's small models."""
    llama = LlamaConfig.from_pretrained(folder)
    sizes = {
        key: getattr(llama, key) for key in ("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers")
    }
    heads = {"num_attention_heads": 8, "num_key_value_heads": 4, "tie_word_embeddings": True}
    wide = {"head_dim": 96} if kind == "qwen3" else {}
    made = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **sizes, **heads, **wide))
    shutil.copytree(folder, tmp_path / "base")
    made.save_pretrained(tmp_path / "base")
    cfg = replace(base_config, model=replace(base_config.model, path=str(tmp_path / "base"), context=2048))
    ratios = compared(cfg, tmp_path, TRAINING)
    assert {name: ratio for name, ratio in ratios.items() if not 0.85 < ratio < 1.15} == {}


@pytest.mark.parametrize(("rows", "dtype"), [(100, torch.float32), (700, torch.float32), (700, torch.bfloat16)])
def test_logits_are_planned_a_chunk_at_a_time(base_config: Config, rows: int, dtype: torch.dtype) -> None:
    shape = replace(base_of(base_config, this_device(), processes=1).shape, hidden=32, vocab=2000)
    head = torch.nn.Linear(shape.hidden, shape.vocab, bias=False, dtype=dtype).requires_grad_(False)
    states, chosen = torch.randn(rows, shape.hidden, dtype=dtype), torch.arange(rows)
    e = states.element_size()
    scored = allocated_peak(lambda: logprobs_and_entropies(head, states, chosen, 0.7))
    trained = allocated_peak(lambda: token_logprobs(head, states.requires_grad_(), chosen, 0.7).sum().backward())
    assert 0.85 < memory.scoring_logits(shape, e, rows) / scored < 1.15
    assert 0.85 < memory.training_logits(shape, e, rows) / trained < 1.15
    assert memory.LOGIT_ROWS == ROWS
