"""Sampling through an unpacked base: the same answers; where there is no room, auto goes on and true refuses."""

import logging
from collections.abc import Callable

import pytest

from salmon.config.sampling import SamplingSettings
from salmon.errors import SalmonError
from salmon.models import dequantized
from salmon.models.base import SharedModel
from salmon.pipeline.job import response_sampler
from salmon.pipeline.preflight import preflight
from salmon.plan.command import compose_config
from salmon.sampling.sampler import MIN_STEPS, DequantizingSampler, MergingSampler, Sampler, transformers_sampler
from salmon.sampling.token_loop import Generation

SAMPLING = SamplingSettings(temperature=0.7, top_p=1.0, max_new_tokens=MIN_STEPS, batch_size=2)
KEYS = [(0,), (1,)]


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[SharedModel]:
    made: list[SharedModel] = []
    make = dequantized.dequantized_copy
    monkeypatch.setattr(dequantized, "dequantized_copy", lambda shared: made.append(shared) or make(shared))
    return made


def sampled(sampler: Sampler, shared: SharedModel) -> list[Generation]:
    prompts = [shared.chat.user_ids(text) for text in ("Name a fish.", "Hi")]
    return sampler(shared, "policy", prompts, KEYS, SAMPLING)


@pytest.mark.parametrize("planned", [None, lambda: True])
def test_the_same_answers(nf4_policy: SharedModel, copies: list, planned: Callable[[], bool] | None) -> None:
    plain, copied = sampled(transformers_sampler, nf4_policy), sampled(DequantizingSampler(planned), nf4_policy)
    assert len(copies) == 1
    assert [g.ids for g in copied] == [g.ids for g in plain]
    for one, two in zip(copied, plain, strict=True):
        assert one.logprobs == pytest.approx(two.logprobs, abs=1e-4)


def test_what_the_plan_leaves_out_is_not_copied_and_asked_once(
    nf4_policy: SharedModel, copies: list, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[bool] = []
    sampler = DequantizingSampler(lambda: bool(asked.append(True)))
    with caplog.at_level(logging.INFO, "salmon"):
        assert sampled(sampler, nf4_policy) == sampled(sampler, nf4_policy) == sampled(transformers_sampler, nf4_policy)
    assert (asked, copies) == ([True], [])
    (said,) = [r.getMessage() for r in caplog.records if "dequantize" in r.getMessage()]
    assert said == "rollout.dequantize: not made, by salmon plan it does not fit"


def test_without_room_auto_goes_on_and_true_refuses(
    nf4_policy: SharedModel, copies: list, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dequantized, "free_memory", lambda device: 0)
    assert sampled(DequantizingSampler(lambda: True), nf4_policy) == sampled(transformers_sampler, nf4_policy)
    with pytest.raises(SalmonError, match=r"rollout.dequantize=true: the copy would take .* GiB.*=auto or false"):
        sampled(DequantizingSampler(None), nf4_policy)
    assert copies == []


@pytest.mark.parametrize("stage", ["sft", "preferences", "ppo"])
def test_what_must_be_copied_and_cannot_is_told_before_the_first_stage(
    nf4_policy: SharedModel, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    nf4_policy.clear()
    words = ["model=tiny", "model.quantization=nf4", "sft.source=styled", "rollout.dequantize=true"]
    preflight(compose_config(words), [stage], lambda: nf4_policy)
    monkeypatch.setattr(dequantized, "free_memory", lambda device: 0)
    with pytest.raises(SalmonError, match=r"rollout.dequantize=true: the copy would take"):
        preflight(compose_config(words), [stage], lambda: nf4_policy)
    preflight(compose_config([*words, "rollout.dequantize=auto"]), [stage], lambda: nf4_policy)


@pytest.mark.parametrize(
    ("overrides", "kind"),
    [
        (("model.quantization=nf4",), DequantizingSampler),
        (("model.quantization=nf4", "rollout.dequantize=true"), DequantizingSampler),
        (("model.quantization=nf4", "rollout.dequantize=false"), MergingSampler),
        (("rollout.dequantize=true",), MergingSampler),
    ],
)
def test_the_settings_decide(overrides: tuple[str, ...], kind: type) -> None:
    with response_sampler(compose_config(["model=tiny", *overrides])) as sampler:
        assert isinstance(sampler, kind)
