from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import pytest
from omegaconf import MISSING

from salmon.config.setting import setting
from salmon.runtime.fingerprint import fingerprint, semantic


class Colour(Enum):
    red = "crimson"


@dataclass
class Inner:
    rate: float = 0.5
    batch: int = setting(cosmetic=True)


@dataclass
class Outer:
    inner: Inner = field(default_factory=lambda: Inner(batch=4))
    colour: Colour = Colour.red
    names: list[str] = field(default_factory=lambda: ["b", "a"])
    boosts: dict[str, float] = field(default_factory=lambda: {"x": 1.0})
    several: list[Inner] = field(default_factory=lambda: [Inner(batch=1)])
    limit: int | None = None


def test_semantic_gives_plain_values_without_cosmetic_ones_at_every_depth() -> None:
    assert semantic(Outer()) == {
        "inner": {"rate": 0.5},
        "colour": "crimson",
        "names": ["b", "a"],
        "boosts": {"x": 1.0},
        "several": [{"rate": 0.5}],
        "limit": None,
    }


def test_a_missing_setting_and_a_strange_type_are_named() -> None:
    with pytest.raises(ValueError, match="config.inner.rate is missing"):
        semantic(Outer(inner=Inner(rate=MISSING, batch=4)))
    with pytest.raises(TypeError, match=r"config\.names\[0\]: set"):
        semantic(Outer(names=[set()]))  # type: ignore[list-item]
    with pytest.raises(TypeError, match="config.boosts: keys"):
        semantic(Outer(boosts={1: 1.0}))  # type: ignore[dict-item]


def test_the_fingerprint_of_a_given_identity_never_changes() -> None:
    # printf '{"config":{"a":1},"stage":"sft","upstream":{},"version":1}' | sha256sum | cut -c1-16
    assert fingerprint("sft", 1, {"a": 1}, {}) == "a55225a600b41621"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_number_that_equals_nothing_identifies_nothing(value: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        fingerprint("sft", 1, {"rate": value}, {})


BASE: dict[str, Any] = {
    "stage": "ppo",
    "version": 1,
    "config": {"a": 1, "b": [1, 2]},
    "upstream": {"sft": "0" * 16},
}


def test_order_of_keys_is_irrelevant() -> None:
    assert fingerprint(**BASE | {"config": {"b": [1, 2], "a": 1}}) == fingerprint(**BASE)


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "sft"},
        {"version": 2},
        {"config": {"a": 2, "b": [1, 2]}},
        {"config": {"a": 1, "b": [2, 1]}},
        {"config": {"a": 1}},
        {"config": {"a": "1", "b": [1, 2]}},
        {"upstream": {"sft": "1" * 16}},
        {"upstream": {"reward": "0" * 16}},
        {"upstream": {}},
    ],
)
def test_whatever_shapes_the_result_changes_the_fingerprint(change: dict[str, Any]) -> None:
    assert fingerprint(**BASE | change) != fingerprint(**BASE)


def test_cosmetic_settings_do_not_change_it_and_others_do() -> None:
    def of(config: Outer) -> str:
        return fingerprint("sft", 1, semantic(config), {})

    assert of(Outer(inner=Inner(batch=64))) == of(Outer())
    assert of(Outer(inner=Inner(rate=0.6, batch=4))) != of(Outer())
