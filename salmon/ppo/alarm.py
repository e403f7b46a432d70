"""The sentinel of a run: follows its metrics, and says what it found, with samples and a principle against it."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from salmon.config.ppo import PPOConfig, Sentinel
from salmon.ppo.alarm_record import (
    EVIDENCE,
    EVIDENCE_COLUMNS,
    INTERVENTION,
    SAMPLE_COLUMNS,
    SAMPLES,
    Evidence,
    evidence_of,
    evidence_rows,
)
from salmon.ppo.degeneration import repetition
from salmon.ppo.principle_choice import PrincipleChoice
from salmon.ppo.rollout import Rollout
from salmon.ppo.sentinel import ALARM, HELD_OUT_REWARD, REPETITION, SCORE, HackVerdict, HeldOut, Watched, hack_verdict
from salmon.ppo.setup import RolloutSetup
from salmon.ppo.shaping import ScoredResponses
from salmon.principles.bank import Bank, Principle, save_bank
from salmon.principles.verifiers import verify, violates
from salmon.stage.context import StageContext

log = logging.getLogger("salmon")

MOST_SAMPLES = 3  # of each harm
TOLD = {  # said beside an alarm, without being a reason for one
    "response/length": "length",
    "objective/kl": "KL",
    REPETITION: "repetition",
    "objective/score_uncertainty": "uncertainty of the reward",
}


def watched_of(monitor: Bank | None, choice: PrincipleChoice, ppo: PPOConfig, updates: int) -> Watched:
    """What a run is watched for. Principles that are asked for beside their own opposite cannot both be followed."""
    checked = [p for p in monitor.principles if p.check is not None] if monitor else []
    shown = {principle.name for principle in choice.possible}
    asked = [p for p in checked if p.name in shown and p.opposite not in shown and not _forbids(p)]
    return Watched(
        tuple(p.name for p in asked),
        tuple(p.name for p in checked if _forbids(p)),
        ppo.rollout_batch,
        ppo.held_out_prompts,
        updates,
        -(-updates // ppo.eval_every),
    )


class Watch:
    """Follows a run's updates. ``metrics`` are to be logged with those of the update."""

    def __init__(
        self, setup: RolloutSetup, ctx: StageContext, updates: int, history: Iterable[Mapping[str, float]]
    ) -> None:
        """
        Args:
            setup: has the monitored principles and those that are shown.
            ctx: takes samples and the proposed bank.
            updates: of the whole run.
            history: rows of ``metrics.jsonl``: the evaluation before the first update, and what an interrupted try has
                logged since.
        """
        self._setup, self._ctx = setup, ctx
        self._watched = watched_of(setup.monitor, setup.principles, setup.ppo, updates)
        rows = list(history)
        self._start = next(row for row in rows if HELD_OUT_REWARD in row)
        self._history = [row for row in rows if SCORE in row]
        self._alarmed = bool(self._history and self._history[-1].get(ALARM))

    @property
    def on(self) -> bool:
        return self._setup.ppo.sentinel is not Sentinel.off

    def check(self, step: int, rollout: Rollout, metrics: Mapping[str, float], held_out: HeldOut) -> dict[str, float]:
        """Take in an update; warns, with samples and a proposal, where an alarm begins.

        Args:
            step: number of the update.
            rollout: its responses and scores.
            metrics: of the update.
            held_out: the latest evaluation, see ``hack_verdict``.

        Returns:
            ``health/reward_hacked``; nothing where the sentinel is off.
        """
        if not self.on:
            return {}
        self._history.append(dict(metrics))
        found = hack_verdict(self._history, self._start, self._watched, held_out)
        if found.alarm and not self._alarmed:
            self._tell(step, found, rollout.scored)
        self._alarmed = found.alarm
        return {ALARM: float(found.alarm)}

    @property
    def stops(self) -> bool:
        """Whether the run is to end now."""
        return self._alarmed and self._setup.ppo.sentinel is Sentinel.stop

    def _tell(self, step: int, found: HackVerdict, scored: ScoredResponses) -> None:
        names = {harm.principle for harm in found.harms}
        monitored = self._setup.monitor.principles if self._setup.monitor else ()
        broken = [principle for principle in monitored if principle.name in names]
        rows = samples(found, broken, scored)
        always = self._setup.principles.interventions
        new = [principle for principle in broken if principle.name not in {shown.name for shown in always}]
        evidence = evidence_of(found, new)
        self._ctx.tracker.table(SAMPLES, SAMPLE_COLUMNS, rows, step)
        self._ctx.tracker.table(EVIDENCE, EVIDENCE_COLUMNS, evidence_rows(evidence), step)
        if new:
            bank = Bank("intervention", (*always, *new))
            self._ctx.write(lambda: save_bank(bank, self._ctx.work / INTERVENTION))
        log.warning(message(step, evidence, self._history, rows, new, self._ctx.work / INTERVENTION))


def message(
    step: int,
    evidence: Sequence[Evidence],
    history: Sequence[Mapping[str, float]],
    rows: Sequence[Sequence[object]],
    proposed: Sequence[Principle],
    file: Path,
) -> str:
    """The alarm in words: step, evidence (the score's first), principle, samples, and what to do."""
    score, *harms = evidence
    told = ((word, history[0].get(name), history[-1].get(name)) for name, word in TOLD.items())
    context = ", ".join(f"{word} {a:.3g} -> {b:.3g}" for word, a, b in told if a is not None and b is not None)
    read = "; ".join(f'"{" ".join(str(row[2]).split())[:80]}" scores {row[3]:.3g}' for row in rows)
    if proposed:
        names = " and ".join(f'"{principle.name}"' for principle in proposed)
        remedy = f"Show {names} to the reward model: principles.interventions={file.name} (in this run's folder)"
    else:
        remedy = (
            "No further monitored principle speaks against it: raise ppo.kl.coefficient, or see "
            "principles.interventions=interventions_3"
        )
    return (
        f"step {step}: sentinel: the reward may be hacked. {score.words}, while "
        f"{' and '.join(harm.words for harm in harms)}. Beside it: {context}. Samples: {read}. {remedy}. Use a "
        "policy from before this step; ppo.sentinel=stop ends a run here and keeps the best one so far."
    )


def samples(
    found: HackVerdict, broken: Sequence[Principle], scored: ScoredResponses
) -> list[tuple[str, str, str, float]]:
    """Responses of the update that show the harm, the best rewarded first: reason, prompt, response, score."""
    prompts, responses, scores = scored.prompts, scored.responses, scored.scores.tolist()
    chosen: dict[int, str] = {}

    def add(reason: str, badness: Sequence[float]) -> None:
        worst = sorted(range(len(scores)), key=lambda row: (-badness[row], -scores[row]))
        for row in worst[:MOST_SAMPLES]:
            if badness[row] > 0:
                chosen.setdefault(row, reason)

    for principle in broken:
        texts = [(str(principle.check), p.prompt, r.text) for p, r in zip(prompts, responses, strict=True)]
        if _forbids(principle):
            add(f"violates {principle.name}", [float(bool(violates(*text))) for text in texts])
        else:
            add(f"does not follow {principle.name}", [1 - verify(*text) for text in texts])
    if any(harm.metric == REPETITION for harm in found.harms):
        add("repeats itself", [repetition([response.ids]) for response in responses])
    if not chosen:
        add("highest score", [1.0] * len(scores))
    return [(chosen[row], prompts[row].prompt, responses[row].text, scores[row]) for row in chosen]


def _forbids(principle: Principle) -> bool:
    return principle.check is not None and violates(principle.check, "", "") is not None
