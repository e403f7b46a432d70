"""A base is frozen, and what cannot be loaded is named."""

from dataclasses import replace
from pathlib import Path

import pytest

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.loading import load_base


def test_the_base_is_frozen_and_in_evaluation_mode(tiny: SharedModel) -> None:
    tiny.add_adapter("policy", seed=0)
    assert not tiny.model.training
    assert not any(p.requires_grad for p in tiny.model.parameters())


def test_a_base_that_cannot_be_loaded_is_named(tiny_config, tiny_cache: Path, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match=f"model.path={tmp_path / 'nothing'}"):
        load_base(replace(tiny_config, path=str(tmp_path / "nothing")), tiny_cache)
    (tmp_path / "empty").mkdir()
    with pytest.raises(SalmonError, match=f"model.path={tmp_path / 'empty'}"):
        load_base(replace(tiny_config, path=str(tmp_path / "empty")), tiny_cache)


def test_torn_weights_are_named(tiny_config, tiny: SharedModel, tiny_cache: Path, tmp_path: Path) -> None:
    tiny.model.save_pretrained(tmp_path / "base")
    tiny.tokenizer.save_pretrained(tmp_path / "base")
    file = tmp_path / "base" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(SalmonError, match=f"model.path={tmp_path / 'base'}"):
        load_base(replace(tiny_config, path=str(tmp_path / "base")), tiny_cache)


def test_a_context_longer_than_the_model_allows_is_refused(tiny_config, tiny_cache: Path) -> None:
    with pytest.raises(SalmonError, match="model.context=8193.*8192"):
        load_base(replace(tiny_config, context=8193), tiny_cache)
