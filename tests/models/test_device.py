"""Device and dtype: what ``auto`` means, and what a card cannot do is said."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from salmon.config.model import Dtype, Quantization
from salmon.errors import SalmonError
from salmon.models import loading
from salmon.models.device import pick_device, pick_dtype
from salmon.models.loading import load_base

CUDA = torch.device("cuda")


@pytest.fixture(params=["Tesla T4", "NVIDIA A100-SXM4-80GB"])
def card(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A GPU of this name, as torch reports it; the T4 emulates bf16."""
    major = 7 if request.param == "Tesla T4" else 8
    for name, replacement in (
        ("is_available", lambda: True),
        ("current_device", lambda: 0),
        ("device_count", lambda: 2),
        ("device", lambda device: nullcontext()),
        ("get_device_name", lambda device: request.param),
        ("_check_bf16_tensor_supported", lambda device: True),
        ("get_device_properties", lambda device: SimpleNamespace(major=major)),
    ):
        monkeypatch.setattr(torch.cuda, name, replacement)
    return request.param


def test_the_cpu() -> None:
    cpu = torch.device("cpu")
    assert pick_dtype(Dtype.auto, cpu) is torch.float32
    assert pick_dtype(Dtype.bfloat16, cpu) is torch.bfloat16
    assert pick_device("cpu") == cpu
    if not torch.cuda.is_available():
        assert pick_device("auto") == cpu
        with pytest.raises(SalmonError, match="model.device=cuda:1"):
            pick_device("cuda:1")


@pytest.mark.parametrize("name", ["gpu0", "mps", "meta", "cuda:", "cuda:x", "cuda:-1", "CPU", "cpu:0 ", "", "npu"])
def test_a_device_that_is_none_is_named_with_those_that_there_are(name: str) -> None:
    with pytest.raises(SalmonError, match=f"^model.device={name}: known are auto, cpu, cuda, and cuda:N"):
        pick_device(name)


def test_a_gpu_that_is_not_there_is_named(card: str) -> None:
    assert pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(SalmonError, match="model.device=cuda:2: 2 CUDA devices are visible"):
        pick_device("cuda:2")


def test_auto_is_bf16_where_the_card_computes_in_it(card: str, caplog: pytest.LogCaptureFixture) -> None:
    assert pick_device("auto") == CUDA
    assert pick_dtype(Dtype.auto, CUDA) is (torch.float32 if card == "Tesla T4" else torch.bfloat16)
    said = [message for message in caplog.messages if "does not compute in bfloat16" in message]
    assert [message.partition(" does")[0] for message in said] == (["Tesla T4"] if card == "Tesla T4" else [])
    assert pick_dtype(Dtype.float32, CUDA) is torch.float32


@pytest.mark.parametrize("quantization", Quantization)
def test_bf16_on_a_card_without_it_is_refused_before_anything_is_loaded(
    card: str, quantization: Quantization, tiny_config, tiny_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NF4's products compute in the same dtype."""

    class Loaded(BaseException):
        pass

    def load(*_: object, **given: object) -> None:
        raise Loaded(given["dtype"], getattr(given["quantization_config"], "bnb_4bit_compute_dtype", None))

    monkeypatch.setattr(loading, "checked_tokenizer", lambda *_: None)
    monkeypatch.setattr(loading.AutoModelForCausalLM, "from_pretrained", load)
    model = replace(tiny_config, device="auto", dtype=Dtype.bfloat16, quantization=quantization)
    with pytest.raises((SalmonError, Loaded)) as stopped:
        load_base(model, tiny_cache)
    if card == "Tesla T4":
        assert "model.dtype=bfloat16, but Tesla T4 does not compute in it" in str(stopped.value)
        assert "use model.dtype=float32, or another GPU" in str(stopped.value)
    else:
        compute = torch.bfloat16 if quantization is Quantization.nf4 else None
        assert stopped.value.args == (torch.bfloat16, compute)
