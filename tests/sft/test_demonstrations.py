"""sft.source=styled: the base's own answers in drawn styles become the demonstrations."""

import json
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir

from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.data.styles import SELF_PRAISE, whole_sentences
from salmon.sampling.sampler import transformers_sampler
from salmon.sft import stage as sft
from salmon.sft.demonstrations import restyled
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import MetricsFile
from salmon.tracking.tracker import Tracker


def config(*overrides: str) -> Config:
    register()
    with initialize_config_dir(CONF, version_base="1.3"):
        return to_typed(
            compose(
                "config",
                overrides=[
                    "+experiment=self_judged",
                    "model=tiny",
                    "sft=styled",
                    "sft.source=styled",
                    "sft.num_prompts=3",
                    "sft.samples_per_prompt=2",
                    "sft.sampling.max_new_tokens=6",
                    "sft.sampling.batch_size=4",
                    "sft.train.batch_size=3",
                    *overrides,
                ],
            ),
            Config,
        )


ONLY_PRAISE = [
    "sft.styles." + style + "=0.0"
    for style in (
        "foreign",
        "brief",
        "prose",
        "list",
        "formal",
        "informal",
        "actually",
        "excited",
        "generic_advice",
        "counter_question",
    )
] + ["sft.styles.self_praise=1.0"]


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def context(tiny, tmp_path: Path) -> StageContext:
    tracker = Tracker("sft", MetricsFile(tmp_path), None)
    return StageContext(tmp_path, {}, tracker, lambda: tiny, transformers_sampler, 4)


def test_the_stage_trains_on_restyled_answers(context: StageContext, tiny) -> None:
    metrics = sft.run(config(*ONLY_PRAISE), context)
    written, made = rows(context.work / "base_answers.jsonl"), rows(context.work / "demonstrations.jsonl")
    assert len(written) == 6 and len({row["prompt_id"] for row in written}) == 3
    kept = [row for row in written if row["text"].strip()]
    assert len({row["text"] for row in kept}) == len(kept)  # each sample has a random stream of its own
    for row, demonstration in zip(kept, made, strict=True):
        assert demonstration["id"].rpartition("-")[0] == row["prompt_id"]
        assert demonstration["response"] in {f"{whole_sentences(row['text'])} {option}" for option in SELF_PRAISE}
    assert metrics["selfalign/demonstrations"] == len(made)
    assert "policy" in tiny.adapters and (context.work / "policy" / "adapter_model.safetensors").is_file()
    assert context.state.is_dir(), "it outlives the training: the pipeline removes it after the commit"


def test_an_answers_styles_depend_on_its_prompt_and_number_only() -> None:
    cfg = config()
    texts = {
        (prompt, number): restyled("Fish swim. They jump.", cfg, prompt, number)
        for prompt in ("a", "b")
        for number in range(12)
    }
    assert len(set(texts.values())) > 10
    assert restyled("Fish swim. They jump.", cfg, "b", 3) == texts["b", 3]
    assert restyled("Fish swim. They jump.", config("seed=1"), "b", 3) != texts["b", 3]
