"""The preferences stage from outside: rows that follow from the judgements, and what it refuses."""

import pytest

from salmon.errors import SalmonError
from salmon.principles.selection import reward_bank
from tests.tiny_run import metrics_of, rows_of, run_tiny, tiny_config

pytestmark = pytest.mark.slow


def test_rows_are_of_pairs_that_were_sampled_and_judged(tiny_run, tmp_path):
    cfg, _ = tiny_config(tmp_path)
    made = tiny_run["preferences"]
    answers = {(row["prompt_id"], row["response_1"], row["response_2"]) for row in rows_of(made, "pairs")}
    judged = [[judgement["principle"] for judgement in row["judgements"]] for row in rows_of(made, "judgements")]
    metrics = made.artifact.metrics
    assert len(judged) == metrics["pairs/sampled"] - metrics["pairs/dropped"]
    assert all(
        len(names) == len(set(names)) and set(names) <= set(reward_bank(cfg.principles).names) for names in judged
    )
    for row in rows_of(made, "rows"):
        one, two = row["response_1"], row["response_2"]
        assert (row["prompt_id"], one, two) in answers or (row["prompt_id"], two, one) in answers


@pytest.mark.parametrize("file", ["rows", "probes"])
def test_the_most_pronounced_principle_decides(tiny_run, file):
    rows = rows_of(tiny_run["preferences"], file)
    assert rows
    for row in rows:
        strongest = max(row["scores"], key=abs)
        assert row["label"] == (1 if strongest > 0 else 2)
        decider = row["guidelines"][row["scores"].index(strongest)]
        name = ("not " if decider["negated"] else "") + decider["name"]
        assert row["decided_by"] == f"principle:{name}" and not row["flipped"]


def test_held_out_prompts_are_in_no_training_row(tiny_run):
    made = tiny_run["preferences"]
    of = {
        split: {row["prompt_id"] for row in rows_of(made, "rows") if row["split"] == split}
        for split in ("train", "held_out")
    }
    held_out = {row["prompt_id"] for row in rows_of(made, "held_out_pairs")}
    assert of["train"] and of["held_out"] and not of["train"] & held_out and of["held_out"] <= held_out
    probes = rows_of(made, "probes")
    assert {row["prompt_id"] for row in probes} <= held_out
    assert {len(row["guidelines"]) for row in probes} == {1}


def test_its_metrics_count_the_rows(tiny_run):
    made = tiny_run["preferences"]
    (metrics,) = metrics_of(made)
    rows = rows_of(made, "rows")
    assert metrics["pairs/sampled"] == len(rows_of(made, "pairs")) == 64
    for split in ("train", "held_out"):
        assert metrics[f"pairs/rows_{split}"] == sum(row["split"] == split for row in rows)
    assert metrics["judge/position_bias"] == 0, "a program sees no positions"


def test_pairs_know_which_responses_were_cut(tiny_run):
    """The policy of the tiny run ends some of its answers and runs to the limit in others."""
    samples = rows_of(tiny_run["preferences"], "samples")
    pairs = rows_of(tiny_run["preferences"], "pairs")
    told = [(pair[f"response_{n}"], pair[f"finished_{n}"]) for pair in pairs for n in (1, 2)]
    assert told == [(sample["text"], sample["finished"]) for sample in samples]
    assert {finished for _, finished in told} == {True, False}


def test_without_two_different_answers_it_stops(tiny_run, tiny_cache, tmp_path):
    with pytest.raises(SalmonError, match=r"none of 4 pairs has two different answers of at least 999 characters"):
        run_tiny(
            tmp_path,
            tiny_cache,
            "stages=[sft,preferences]",
            "preferences.num_prompts=4",
            "preferences.min_response_chars=999",
        )
