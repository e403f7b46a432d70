"""What training did to a policy, as the terminal shows it, from made-up tables."""

import json
from pathlib import Path

from salmon.pipeline.effect import effect_lines
from salmon.pipeline.pipeline import Execution
from salmon.runtime.store import Store

CHECKS = {
    "held_out/check/Concise_start": 0.625,
    "held_out/check/Concise_last": 0.75,
    "held_out/check/Concise_gain": 0.125,
    "held_out/check/Concise_gain_low": 0.03125,
    "held_out/check/Concise_gain_high": 0.25,
    "held_out/check/Formal_start": 0.5,
    "held_out/check/Formal_last": 0.9,
    "held_out/check/Formal_gain": 0.4,
    "held_out/check/Formal_gain_low": 0.3,
    "held_out/check/Formal_gain_high": 0.5,
}


def ppo(folder: Path, steps: dict[int, list[tuple[str, str]]], shown: str = "Concise", **metrics: float) -> Execution:
    """An execution whose tables have (prompt, response) at each of the steps."""
    store = Store(folder)
    tables = store.work_dir("ppo", "abc") / "tables"
    tables.mkdir()
    for step, answered in steps.items():
        rows = [{"prompt": p, "principles": shown, "response": r, "score": 1.0} for p, r in answered]
        (tables / f"responses_{step}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Execution("ppo", store.commit("ppo", "abc", {"metrics": CHECKS | metrics}), reused=False)


def test_the_check_of_the_rewarded_principle_and_three_samples(tmp_path: Path) -> None:
    before = [(f"Prompt {n}?", f"long\nanswer {n}") for n in range(5)]
    run = ppo(tmp_path, {0: before, 9: [(p, "other") for p, _ in before], 10: [(p, "short") for p, _ in before]})
    [block] = effect_lines([run])
    head, moved, *samples = block.split("\n")
    assert head == (
        "Concise, by its own check, on held-out prompts: 0.62 before, 0.75 after; "
        "+0.12 [+0.03, +0.25] (95 %): more than chance"
    )
    assert moved == ("  more than chance: Concise moved by +0.12 [+0.03, +0.25]; Formal moved by +0.40 [+0.30, +0.50]")
    assert samples[:3] == ["  Prompt 0?", "    before: long answer 0", "    after:  short"] and len(samples) == 9


def test_a_change_within_its_interval_is_called_so(tmp_path: Path) -> None:
    run = ppo(tmp_path, {0: [("P", "a")], 2: [("P", "b")]}, **{"held_out/check/Concise_gain_low": -0.01})
    assert effect_lines([run])[0].split("\n")[0].endswith("[-0.01, +0.25] (95 %): may be chance")


def test_what_a_model_wrote_cannot_steer_the_terminal(tmp_path: Path) -> None:
    run = ppo(tmp_path, {0: [("P", "\x1b[2Jgone " + "x" * 500)], 2: [("P", "\x07")]})
    [block] = effect_lines([run])
    assert "\x1b" not in block and "\x07" not in block and max(map(len, block.split("\n"))) < 130


def test_nothing_is_said_without_a_check_or_without_a_beginning(tmp_path: Path) -> None:
    answered = [("P", "a")]
    for name, steps, shown in (("a", {0: answered, 1: answered}, "Honest"), ("b", {5: answered}, "Concise")):
        assert effect_lines([ppo(tmp_path / name, steps, shown)]) == []
    store = Store(tmp_path / "c")
    store.work_dir("sft", "abc")
    assert effect_lines([Execution("sft", store.commit("sft", "abc", {"metrics": {}}), reused=False)]) == []
