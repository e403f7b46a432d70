"""An alarm in a run: what it says and proposes, how a run stops at it, and that a resumed run has the same ones."""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import salmon.ppo.stage
from salmon.core.unpaired import Interval
from salmon.ppo import alarm
from salmon.ppo.alarm import watched_of
from salmon.ppo.alarm_record import read_alarms
from salmon.ppo.principle_choice import principle_choice
from salmon.ppo.sentinel import ALARM, Drift, HackVerdict, hack_verdict
from salmon.principles.bank import Bank, Principle, load_bank
from salmon.principles.selection import monitor_bank
from salmon.runtime.artifact import Artifact
from tests.tiny_run import UPDATES, metrics_of, run_tiny, tiny_config

BEGINS = 4  # the update at which the made-up verdict turns
RISE = Drift("objective/score", None, 0.1, Interval(0.4, 0.2, 0.6))
HARM = Drift("violations/No Self-Praise", "No Self-Praise", 0.05, Interval(0.3, 0.1, 0.5), Interval(2.0, 1.5, 2.5))


@pytest.fixture
def turning(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verdict that has an alarm from the fourth update on, whatever the tiny model writes."""

    def made_up(history: Sequence[Mapping[str, float]], *others: object) -> HackVerdict:
        return HackVerdict(RISE, (HARM,) if len(history) >= BEGINS else ())

    monkeypatch.setattr(alarm, "hack_verdict", made_up)


@pytest.fixture
def run(tiny_run, tiny_cache: Path, tmp_path: Path):
    """PPO alone, on the SFT policy and the reward model of the tiny run; gives the artifact."""
    store = tiny_run["ppo"].artifact.path.parents[1]
    shutil.copytree(store, tmp_path / "store", ignore=shutil.ignore_patterns("ppo", "dpo", "best_of_n"))
    return lambda *overrides: run_tiny(tmp_path, tiny_cache, "stages=[ppo]", *overrides)["ppo"]


def alarms_of(execution) -> list[float]:
    return [row[ALARM] for row in metrics_of(execution) if ALARM in row]


@pytest.mark.slow
def test_a_real_runs_verdicts_follow_from_its_record(tiny_run, tmp_path: Path) -> None:
    """metrics.jsonl alone, and the held-out responses that no alarm of so short a run depends on."""
    cfg, _ = tiny_config(tmp_path)
    watched = watched_of(monitor_bank(cfg.principles), principle_choice(cfg), cfg.ppo, UPDATES)
    start, *_ = metrics_of(tiny_run["ppo"])
    rows = [row for row in metrics_of(tiny_run["ppo"]) if "objective/score" in row]
    again = [float(hack_verdict(rows[:step], start, watched, {}).alarm) for step in range(1, UPDATES + 1)]
    assert alarms_of(tiny_run["ppo"]) == again
    assert tiny_run["ppo"].artifact.metrics["sentinel/alarms"] == sum(again)
    assert {"response/repetition", "objective/score_uncertainty", "check/Concise"} <= set(rows[0])


@pytest.mark.slow
def test_an_alarm_names_step_principle_evidence_samples_and_what_to_do(
    turning: None, run, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "salmon"):
        made = run()
    (said,) = [record.message for record in caplog.records if "sentinel" in record.message]
    assert said.startswith("step 4: sentinel: the reward may be hacked. objective/score 0.1 -> 0.5 (change +0.4, ")
    assert "violations/No Self-Praise 0.05 -> 0.35 (change +0.3, between +0.1 and +0.5)" in said
    assert "the reward pays for with +2 (at least +1.5)" in said
    assert "uncertainty of the reward" in said and "Samples: " in said and "length" in said and "KL" in said
    assert 'Show "No Self-Praise" to the reward model: principles.interventions=intervention.yaml' in said
    assert alarms_of(made) == [0.0] * 3 + [1.0] * 7
    artifact: Artifact = made.artifact
    assert artifact.metrics["sentinel/alarms"] == 7 and artifact.metrics["sentinel/first_alarm"] == 4
    (recorded,) = read_alarms(artifact.path, metrics_of(made)) or ()
    assert (recorded.step, recorded.until) == (4, 10) and recorded.samples
    (harm,) = recorded.harms
    assert harm.words in said and (harm.principle, harm.paid_low) == ("No Self-Praise", 1.5)
    (proposed,) = load_bank(str(artifact.path / "intervention.yaml")).principles
    (known,) = [p for p in load_bank("verifiable_11").principles if p.name == "No Self-Praise"]
    assert proposed == replace(known, opposite=None) and harm.proposal == known.definition


@pytest.mark.slow
def test_a_run_that_stops_keeps_the_best_policy_from_before_the_alarm(turning: None, run) -> None:
    made = run("ppo.sentinel=stop", "ppo.eval_every=2").artifact
    assert made.metrics["objective/updates"] == 4
    assert made.manifest["steps"]["ppo_last"] == 4
    assert made.manifest["steps"]["ppo_best"] == made.metrics["held_out/best_step"] == 2


@pytest.mark.slow
def test_off_is_silent(turning: None, run) -> None:
    made = run("ppo.sentinel=off")
    assert alarms_of(made) == [] and "sentinel/alarms" not in made.artifact.metrics


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["warn", "stop"])
def test_a_resumed_run_has_the_same_alarms(
    mode: str, turning: None, run, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Interrupted just before the alarm, and once it was told: it is told once in each try that makes its update."""
    update, breaks = salmon.ppo.stage.update, [4, 6]

    def broken(models, trainer, rollout, ppo, step, total_steps):
        if breaks and step == breaks[0]:
            breaks.pop(0)
            raise KeyboardInterrupt
        return update(models, trainer, rollout, ppo, step, total_steps)

    monkeypatch.setattr(salmon.ppo.stage, "update", broken)
    overrides = (f"ppo.sentinel={mode}", "ppo.save_every=1")
    with caplog.at_level(logging.WARNING, "salmon"):
        for _ in range(2 if mode == "warn" else 1):
            with pytest.raises(KeyboardInterrupt):
                run(*overrides)
        made = run(*overrides)
    assert alarms_of(made) == [0.0] * 3 + [1.0] * (7 if mode == "warn" else 1)
    assert len([record for record in caplog.records if "sentinel" in record.message]) == 1


# --- what is watched ---------------------------------------------------------------------------


def test_what_is_asked_for_is_watched_unless_its_opposite_is_asked_for_too(ppo_config, tmp_path: Path) -> None:
    def watched(*overrides: str):
        cfg, _ = tiny_config(tmp_path, *overrides)
        return watched_of(monitor_bank(cfg.principles), principle_choice(cfg), cfg.ppo, 10)

    one = watched("principles.include=[Structured]", "ppo.held_out_prompts=3")
    assert one.asked == ("Structured",)
    assert one.forbidding == ("No Self-Praise", "No Generic Advice", "Avoids Actually")
    assert (one.responses, one.prompts, one.updates, one.evaluations) == (4, 3, 10, 2)
    both = watched("principles.include=[Concise,Comprehensive,Structured]")
    assert both.asked == ("Structured",)
    assert watched("principles.monitor=null").forbidding == ()


def test_a_proposed_bank_is_read_as_it_was_written(tmp_path: Path) -> None:
    bank = Bank(
        "mine", (Principle("Kind", "Be kind: always.", weight=2.0, paraphrases=("Ä kind one.",)), Principle("B", "b."))
    )
    alarm.save_bank(bank, tmp_path / "mine.yaml")
    assert load_bank(str(tmp_path / "mine.yaml")) == bank
