"""Before the first stage, the base is tried for all stages that will be made, and all that fails is told together."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from salmon.errors import SalmonError
from salmon.models.base import SharedModel
from salmon.models.chat import ChatFormat
from salmon.pipeline.pipeline import Execution, Pipeline
from salmon.pipeline.preflight import preflight
from salmon.pipeline.registry import STAGES
from salmon.sampling.sampler import transformers_sampler
from tests.models import made_tokenizers as made
from tests.models.made_tokenizers import byte_tokenizer
from tests.tiny_run import tiny_config

JUDGE = "preferences.judge.kind=self"
TRAINING = ["sft", "preferences", "reward", "ppo", "dpo", "best_of_n"]
Try = Callable[..., None]


@pytest.fixture
def attempt(tiny: SharedModel, tmp_path: Path) -> Try:
    """Tries the tiny base, or one that a change was made to, for some stages."""

    def run(
        *overrides: str, stages: Sequence[str] = TRAINING, change: Callable[[SharedModel], None] = lambda shared: None
    ) -> None:
        change(tiny)
        preflight(tiny_config(tmp_path, *overrides)[0], stages, lambda: tiny)
        assert tiny.adapters == []

    return run


@pytest.fixture
def refused(attempt: Try) -> Callable[..., str]:
    def message(*overrides: str, **others: Any) -> str:
        with pytest.raises(SalmonError, match="this job cannot run as it is") as caught:
            attempt(*overrides, **others)
        return str(caught.value)

    return message


def with_template(template: str, *tokens: str) -> Callable[[SharedModel], None]:
    def change(shared: SharedModel) -> None:
        shared.tokenizer.chat_template = template
        shared.chat = ChatFormat(shared.tokenizer, "")

    return change


def without_cache(shared: SharedModel) -> None:
    shared.can = replace(shared.can, cache=False)


# --- what works --------------------------------------------------------------------------------


def test_the_tiny_job_passes_and_every_stage_has_checks(attempt: Try) -> None:
    attempt(stages=list(STAGES))
    assert all(spec.checks for spec in STAGES.values())


def test_nothing_is_loaded_for_nothing(tmp_path: Path) -> None:
    preflight(tiny_config(tmp_path)[0], [], lambda: pytest.fail("no base is needed"))


# --- what each stage asks ------------------------------------------------------------------------


@pytest.mark.slow
def test_a_base_that_cannot_sample(refused) -> None:
    for stage in ("best_of_n", "eval"):
        assert "cannot sample here" in refused(stages=[stage], change=without_cache)


@pytest.mark.slow
def test_a_base_that_cannot_be_cut(attempt: Try, refused) -> None:
    def uncut(shared: SharedModel) -> None:
        shared.can = replace(shared.can, cut=False)

    attempt("reward.layers=1", stages=["reward"])
    assert "reward.layers=3: this base has 2 layers" in refused("reward.layers=3", stages=["reward"])
    assert "reward.layers=1" in refused("reward.layers=1", stages=["reward"], change=uncut)
    attempt("reward.layers=1", stages=["sft", "dpo"], change=uncut)  # which need no reward model


def test_a_base_whose_adapters_get_no_gradient(refused) -> None:
    def frozen(shared: SharedModel) -> None:
        shared.model.get_decoder().register_forward_hook(
            lambda module, args, output: setattr(output, "last_hidden_state", output.last_hidden_state.detach())
        )

    assert refused(stages=["sft", "reward"], change=frozen).endswith("no gradient reaches the adapter's weights")


def test_a_base_that_raises_anything(refused) -> None:
    def broken(shared: SharedModel) -> None:
        def fail(module: Any, args: Any) -> None:
            raise IndexError("index 7 is out of bounds")

        shared.model.get_decoder().register_forward_pre_hook(fail)

    message = refused(change=broken)
    assert "training an adapter fails: index 7 is out of bounds" in message and "sampling fails" in message


def test_lengths_that_leave_no_room(refused) -> None:
    assert "model.context=200" in refused(
        "prompts.max_tokens=150", "preferences.sampling.max_new_tokens=40", stages=["preferences"], change=short
    )
    assert "ppo.sampling.max_new_tokens=8" in refused("prompts.max_tokens=180", stages=["ppo"], change=short)
    assert "preferences.judge.max_tokens=100" in refused(
        JUDGE, "preferences.judge.max_tokens=100", stages=["preferences"]
    )
    assert "reward.max_length=60" in refused("reward.max_length=60", stages=["reward"])
    assert "ppo.reward_input.max_length=60" in refused("ppo.reward_input.max_length=60", stages=["ppo"])
    judged = ("ppo.reward_source=judge", "ppo.reward_input.max_length=60")
    assert "the judge's own text takes" in refused(*judged, stages=["ppo"])


def short(shared: SharedModel) -> None:
    shared.context = 200


def test_a_template_without_a_second_turn(attempt: Try, refused) -> None:
    once = "[{{ messages[0]['content'] }}]{{ raise_exception('one turn only') if messages | length > 1 }}"
    assert "one turn only" in refused("eval.tasks=[mt_bench]", stages=["eval"], change=with_template(once))
    attempt("eval.tasks=[bbh]", stages=["eval"])


def test_adapters_to_start_from_are_tried(refused, tmp_path: Path) -> None:
    message = refused(f"sft.start={tmp_path}", f"reward.start={tmp_path}", stages=["sft", "reward"])
    assert "no adapter" in message or "adapter_config.json" in message


def test_vllm_and_a_closing_of_several_tokens(refused) -> None:
    def spelled(shared: SharedModel) -> None:
        shared.chat = ChatFormat(byte_tokenizer(made.SPELLED), "")

    assert "closes answers with '</assistant>'" in refused("rollout=vllm", stages=["ppo"], change=spelled)


def test_all_is_told_together(refused) -> None:
    settings = ("preferences.judge.max_tokens=100", "reward.layers=3", "ppo.reward_input.max_length=60")
    message = refused(JUDGE, *settings, change=without_cache)
    assert all(message.count(part) == 1 for part in ("cannot sample", *settings))


# --- in the pipeline -----------------------------------------------------------------------------


def pipeline(folder: Path, load: Callable[[], SharedModel], *overrides: str) -> list[Execution]:
    cfg, resolved = tiny_config(folder, *overrides)
    return Pipeline(cfg, resolved, load, transformers_sampler, partial(preflight, cfg)).run(lambda label: None)


def test_it_comes_before_the_first_stage(load_tiny, tmp_path: Path) -> None:
    with pytest.raises(SalmonError, match="reward.layers=3"):
        pipeline(tmp_path, load_tiny, "reward.layers=3")
    assert not list((tmp_path / "store").rglob("manifest.json"))


@pytest.mark.slow
def test_it_changes_nothing_and_a_job_that_makes_nothing_loads_nothing(
    tiny_cache: Path, load_tiny, tmp_path: Path
) -> None:
    tried = pipeline(tmp_path / "one", load_tiny, "stages=[sft,preferences]")
    untried = run_plainly(tmp_path / "two", load_tiny, "stages=[sft,preferences]")
    for one, two in zip(tried, untried, strict=True):
        for file in sorted(two.artifact.path.rglob("*")):
            if file.suffix in (".safetensors", ".jsonl") and file.name != "metrics.jsonl":
                assert (one.artifact.path / file.relative_to(two.artifact.path)).read_bytes() == file.read_bytes()
    again = pipeline(tmp_path / "one", lambda: pytest.fail("the base was loaded"), "stages=[sft,preferences]")
    assert all(execution.reused for execution in again)


def run_plainly(folder: Path, load: Callable[[], SharedModel], *overrides: str) -> list[Execution]:
    cfg, resolved = tiny_config(folder, *overrides)
    return Pipeline(cfg, resolved, load, transformers_sampler).run(lambda label: None)
