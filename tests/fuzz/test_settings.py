"""Overrides, settings and variables of the environment as people mistype them: a config, or one message in seconds."""

import copy
import time
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eval.network import require_hub
from eval.results import Unavailable
from salmon.config.overrides import check_words
from salmon.config.register import CONF, register
from salmon.config.run import SweepStage, TrackingConfig, WandbMode
from salmon.config.schema import Config
from salmon.config.typed import problems, to_typed
from salmon.distributed.gpu_slots import visible_gpus
from salmon.distributed.launch import started_rank
from salmon.errors import SalmonError
from salmon.tracking.wandb_environment import check_environment
from tests.fuzz.strange import NUMBERS, TEXTS

SECONDS = 10.0  # of the processor
ODD_WORDS = ["null", "true", "nan", "-inf", "1e999", "-1", "0", "", "''", "[]", "{}", "[[a]]", "{a: [b]}", "???"]
ODD_WORDS += ["9" * 5000, "[" * 500, "[" * 30 + "]" * 30, "${seed}", "${nope}", "${oc.env:NOPE}", "a,b", "1,2", "a=b"]
ODD_WORDS += [
    "x" * 5000,
    "\udcff",
    "paper",
    "laptop",
    "1.5",
    "'a\nb'",
    "\\",
    "[null]",
    "{1: 2}",
    "1000000000000000000000",
]


def keys(node: Any, path: str = "") -> Iterator[str]:
    """Every setting, and every group of settings."""
    for f in fields(node):
        yield f"{path}{f.name}"
        if is_dataclass(value := getattr(node, f.name)):
            yield from keys(value, f"{path}{f.name}.")


@pytest.fixture(scope="module")
def typed() -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(compose("config"), Config)


def compose_as_told(words: list[str]) -> None:
    """What the command does before its first stage; Hydra words some refusals itself, without a traceback."""
    began = time.process_time()
    try:
        check_words(words)
        to_typed(compose("config", overrides=words), Config)
    except (SalmonError, HydraException) as error:
        str(error).encode("utf-8", "backslashreplace")
    assert time.process_time() - began < SECONDS


def try_overrides(typed: Config, cases: int) -> None:
    names = st.sampled_from([*keys(typed), "scale", "experiment", "sweeps", "typo"])
    words = st.builds(
        "{}{}={}".format, st.sampled_from(["", "", "", "+", "++", "~"]), names, st.sampled_from(ODD_WORDS)
    )

    @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    @given(st.lists(words, min_size=1, max_size=2))
    def case(given_words: list[str]) -> None:
        compose_as_told(given_words)

    with initialize_config_dir(CONF, version_base="1.3"):
        case()


def try_values(typed: Config, cases: int) -> None:
    """Values of the right type that a config can hold, in every setting: the checks never fail themselves."""
    text = st.lists(TEXTS, max_size=2) | st.dictionaries(TEXTS, NUMBERS, max_size=2) | TEXTS

    @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(sorted(keys(typed))), NUMBERS, text)
    def case(key: str, number: float, other: Any) -> None:
        config = copy.deepcopy(typed)
        *groups, name = key.split(".")
        node: Any = config
        for group in groups:
            node = getattr(node, group)
        value = getattr(node, name)
        if is_dataclass(value) or isinstance(value, bool):
            return
        if isinstance(value, list) and any(is_dataclass(item) for item in value):
            return  # Hydra refuses other items
        if isinstance(value, int | float):
            setattr(node, name, type(value)(number) if abs(number) < 1e300 else number)
        elif isinstance(value, type(other)):
            setattr(node, name, other)
        began = time.process_time()
        for problem in problems(config):
            problem.encode()
            assert len(problem) < 2000
        assert time.process_time() - began < SECONDS

    case()


def try_environment(monkeypatch: pytest.MonkeyPatch, cases: int) -> None:
    tracking = TrackingConfig(WandbMode.offline, "p", None, [], 1, SweepStage.ppo)
    odd = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)
    value = odd | st.sampled_from(["", "0", "-1", "x" * 5000, "foo", "a/b", "1e9", "http://", "9" * 5000, "٣"])
    readers = {"WANDB_MODE": None, "WANDB_TAGS": None, "WANDB_CONSOLE": None, "WANDB_BASE_URL": None, "WANDB_X": None}
    names = st.sampled_from([*readers, "RANK", "WORLD_SIZE", "CUDA_VISIBLE_DEVICES", "HF_ENDPOINT"])

    @settings(max_examples=cases, suppress_health_check=list(HealthCheck))
    @given(names, value)
    def case(name: str, text: str) -> None:
        with monkeypatch.context() as patch:
            patch.delenv("HF_HUB_OFFLINE", raising=False)
            patch.setenv("WORLD_SIZE", "2")
            patch.setenv(name, text)
            try:
                check_environment(tracking, {name: text})
                assert started_rank() >= 0
                assert isinstance(visible_gpus(), list)
                if name == "HF_ENDPOINT" and not text.startswith("http"):
                    require_hub()
            except (SalmonError, Unavailable) as error:
                assert name in str(error) or name == "HF_ENDPOINT"

    case()


def test_a_few_overrides(typed: Config) -> None:
    try_overrides(typed, 2)


@pytest.mark.slow
def test_many_overrides(typed: Config) -> None:
    try_overrides(typed, 60)


def test_a_few_values(typed: Config) -> None:
    try_values(typed, 30)


@pytest.mark.slow
def test_many_values(typed: Config) -> None:
    try_values(typed, 400)


@pytest.mark.slow
@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    try_environment(monkeypatch, 80)
