"""What a person gave a job is read, all of it, before the first stage starts."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from eval.sources import BUNDLED
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.errors import SalmonError, check_all
from salmon.pipeline.pipeline import Pipeline
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.spec import StageSpec

FILES = {
    "bad.jsonl": '{"prompt": "Why?"}\n{"prompt": 3}\n',
    "two.jsonl": '{"prompt": "Why is the sky blue?"}\n{"prompt": "Why is the grass green?"}\n',
    "demonstrations.jsonl": '{"prompt": "Why?"}\n',
    "pairs.jsonl": '{"prompt": "Why?", "chosen": "So."}\n',
    "probes.jsonl": '{"prompt": "Why?", "expect": "perhaps"}\n',
    "family.py": "FAMILY = 1\n",
    "unchecked.yaml": "principles:\n- {name: Kind, definition: The response is kind.}\n",
    "answers.jsonl": '{"question_id": 1, "choices": []}\n',
}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"sft.source": "self_align", "prompts.sft": "bad.jsonl"}, "bad.jsonl, line 2"),
    ({"sft.source": "demonstrations", "sft.demonstrations": "demonstrations.jsonl"}, "demonstrations.jsonl, line 1"),
    ({"sft.start": "no_adapter"}, "no_adapter: there is no adapter"),
    ({"principles.exemplars": "nothing"}, 'exemplars: nothing bundled is named "nothing"'),
    ({"prompts.preferences": "bad.jsonl"}, "bad.jsonl, line 2"),
    (
        {"prompts.preferences": "two.jsonl", "preferences.num_prompts": 3, "preferences.held_out_fraction": 0},
        "preferences.num_prompts=3 asks for",
    ),
    ({"principles.reward": "verifiabel_11"}, "did you mean"),
    (
        {"preferences.judge.kind": "verifier", "principles.reward": "unchecked.yaml", "principles.reward_exclude": []},
        '"Kind" of the bank unchecked has no check',
    ),
    ({"preferences.aggregation.planted_bias": "Kind"}, "planted_bias=Kind"),
    (
        {"preferences.judge.kind": "server", "preferences.judge.server.model": "m"},
        "holds no key .* preferences.judge.server.base_url",
    ),
    ({"reward.pretrain.data": "pairs.jsonl"}, "pairs.jsonl, line 1"),
    ({"reward.pretrain.data": "parametric", "reward.parametric.answers": "pairs.jsonl"}, "pairs.jsonl, line 1"),
    (
        {"reward.pretrain.data": "parametric", "reward.parametric.families": ["./family.py"]},
        "family.py has no tuple FAMILIES",
    ),
    (
        {"reward.pretrain.data": "parametric", "reward.parametric.held_out_families": ["lenght"]},
        'no family "lenght" .did you mean "length"',
    ),
    ({"reward.probe.every": 2, "reward.probe.reworded": "verifiable_paraphrased"}, "nothing bundled is named"),
    ({"prompts.ppo": "bad.jsonl"}, "bad.jsonl, line 2"),
    ({"principles.monitor": "verifiabel_11"}, "did you mean"),
    ({"principles.monitor": "honest_8"}, "principles.monitor=honest_8: none of its principles has a check"),
    ({"principles.interventions": "nothing.yaml"}, "there is no file"),
    ({"eval.tasks": ["bbh"], "eval.bbh.tasks": ["navigat"]}, "eval.bbh.tasks: unknown navigat"),
    ({"eval.tasks": ["bbh"], "eval.data_dir": "./nowhere"}, "eval.data_dir=./nowhere: no folder"),
    ({"eval.tasks": ["probes"], "eval.probes.files": {"x": "probes.jsonl"}}, "probes.jsonl, line 1: expect must be"),
    ({"eval.tasks": ["pairs"], "eval.pairs.files": {"x": "pairs.jsonl"}}, "pairs.jsonl, line 1"),
    ({"eval.tasks": ["pairs"], "eval.pairs.banks": ["honest"]}, "nothing bundled is named"),
    ({"eval.tasks": ["mt_bench"], "eval.mt_bench.references": "./none.jsonl"}, "eval.mt_bench.references=./none.jsonl"),
    (
        {"eval.tasks": ["principle_following"], "eval.principle_following.trained": "unchecked.yaml"},
        "principle_following.trained=unchecked.yaml: no principle of this bank has a `check`",
    ),
    (
        {"eval.tasks": ["principle_following"], "eval.principle_following.pairs": "pairs.jsonl"},
        "pairs.jsonl, line 1",
    ),
]
DAMAGED = {  # a file of the bundled set -> the task that reads it
    "truthfulqa/mc_task.json": "truthfulqa_mc1",
    "bbh/navigate.json": "bbh",
    "humaneval/HumanEval.jsonl": "humaneval",
    "tydiqa/train.jsonl": "tydiqa_goldp",
    "mt_bench/question.jsonl": "mt_bench",
    "mt_bench/judge_prompts.jsonl": "mt_bench",
    "ifbench/IFBench_test.jsonl": "ifbench",
}


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a job with some settings changed; what it says before any stage runs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.setattr(StageSpec, "run", property(lambda spec: pytest.fail(f"{spec.name} runs")))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        composed = compose(
            "config",
            overrides=["+experiment=self_judged", "model=tiny", "tracking=disabled", f"paths.store={tmp_path}/store"],
        )

    def message(changes: dict[str, Any]) -> str:
        config = composed.copy()
        for key, value in changes.items():
            OmegaConf.update(config, key, value, merge=False)
        cfg: Config = to_typed(config, Config)
        with pytest.raises(SalmonError) as caught:
            Pipeline(cfg, {}, lambda: pytest.fail("the base is loaded"), transformers_sampler).run(lambda label: None)
        return str(caught.value)

    return message


@pytest.mark.parametrize(("changes", "said"), WRONG, ids=[" ".join(map(str, changes)) for changes, _ in WRONG])
def test_a_later_stages_file_is_refused_before_the_first_stage(refused: Any, changes: dict, said: str) -> None:
    assert re.search(said, refused(changes)), refused(changes)


@pytest.mark.parametrize("file", DAMAGED)
def test_a_damaged_benchmark_is_refused_before_the_first_stage(refused: Any, tmp_path: Path, file: str) -> None:
    shutil.copytree(BUNDLED, tmp_path / "data")
    (tmp_path / "data" / file).write_text(json.dumps({"rows": "none"}))
    assert file.rpartition("/")[2] in refused({"eval.tasks": [DAMAGED[file]], "eval.data_dir": "./data"})


def test_all_problems_are_said_together(refused: Any) -> None:
    said = refused({"prompts.preferences": "bad.jsonl", "reward.pretrain.data": "pairs.jsonl"})
    assert "2 problems" in said and "bad.jsonl, line 2" in said and "pairs.jsonl, line 1" in said


def test_a_problem_of_several_stages_is_said_once() -> None:
    def bad() -> None:
        raise SalmonError("it is bad")

    with pytest.raises(SalmonError, match="^it is bad$"):
        check_all([bad, lambda: None, bad])
    check_all([lambda: None])
