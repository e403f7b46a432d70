"""Does each arm's policy move what its principles ask for?"""

from collections.abc import Mapping, Sequence
from typing import Any

from salmon.runtime.tables import markdown_table
from sweeps.arms import Arm, ArmMetric, group_by_arm
from sweeps.collect import SweepJob
from sweeps.curves import KL, LENGTH, SCORE
from sweeps.figures import CurvePanel
from sweeps.reports.document import Document, jobs_of, numbers_of
from sweeps.reports.samples import samples_section
from sweeps.seeds import seed_notes
from sweeps.settings import ReportSettings
from sweeps.statistics import apart, difference_by_seed, direction, share_a_seed
from sweeps.tables import LEGEND, MISSING, change_cell, interval, jobs_section

Table = Mapping[str, Mapping[str, ArmMetric]]  # arm -> metric -> curves


def check(principle: str) -> str:
    return f"held_out/check/{principle}"


def controllability(jobs: Sequence[SweepJob], settings: ReportSettings) -> Document:
    arms = group_by_arm(jobs, settings)
    asked = [name for arm in arms for name in arm.asked]
    checks = list(dict.fromkeys([*settings.checks, *asked]))
    metrics = [*(check(name) for name in checks), LENGTH, KL, SCORE, *settings.quality]
    table: Table = {arm.name: {metric: arm.measure(metric) for metric in metrics} for arm in arms}
    verdicts = [_verdict(arm, name, table, _control(arms)) for arm in arms for name in arm.asked]
    lengths = _lengths(arms, table)
    sections = [
        jobs_section(jobs),
        *seed_notes(jobs, {arm.name: [str(seed) for seed in arm.finished] for arm in arms}),
        markdown_table(
            [
                "arm",
                "seeds",
                *(f"check {name}" for name in checks),
                "length (tokens)",
                "KL (nats/response)",
                "score under its own principles",
                *settings.quality,
            ],
            [_row(arm, metrics, table[arm.name]) for arm in arms],
        ),
        f"{LEGEND} Held-out prompts. Checks are in 0..1; the arm's own is bold.",
        "## Did each arm move its own check?",
        _verdict_table(verdicts, _control(arms)),
        lengths["text"],
    ]
    panels = [CurvePanel(f"response length{_asks(arms, None)}", "tokens", _curves(table, LENGTH))]
    panels += [
        CurvePanel(
            f"check {name}{_asks(arms, name)}", "mean of the check (0..1)", _curves(table, check(name)), share=True
        )
        for name in checks
    ]
    return Document(
        "Controllability: one reward model, policies that differ in the principles only",
        sections,
        [samples_section(arms, settings.samples)],
        {
            "jobs": jobs_of(jobs),
            "arms": {arm.name: numbers_of(arm, list(table[arm.name].values())) for arm in arms},
            "verdicts": verdicts,
            "lengths": lengths,
        },
        panels,
    )


def _row(arm: Arm, metrics: Sequence[str], measured: Mapping[str, ArmMetric]) -> list[str]:
    seeds, own = len(arm.finished), {check(name) for name in arm.asked}
    cells = [(metric, change_cell(measured[metric], 1 if metric == LENGTH else 3, seeds)) for metric in metrics]
    return [
        arm.name,
        arm.seeds,
        *(f"**{cell}**" if metric in own and cell != MISSING else cell for metric, cell in cells),
    ]


def _control(arms: Sequence[Arm]) -> Arm | None:
    """The first arm that asks for nothing."""
    return next((arm for arm in arms if not arm.asked), None)


def _name(control: Arm | None) -> str:
    return control.name if control else "a control (there is none)"


def _verdict(arm: Arm, principle: str, table: Table, control: Arm | None) -> dict[str, Any]:
    own = table[arm.name][check(principle)]
    base = table[control.name][check(principle)].ends if control else {}
    beyond = difference_by_seed(own.ends, base)
    return {
        "arm": arm.name,
        "asked": principle,
        "change": own.change,
        "beyond_control": beyond,
        "paired": share_a_seed(own.ends, base),
        "moved": direction(own.change),
    }


def _verdict_table(verdicts: Sequence[Mapping[str, Any]], control: Arm | None) -> str:
    if not verdicts:
        return "No arm asks for a principle by name (principles.include)."
    legend = (
        "`yes`: the interval of the change lies above 0; `no`: below 0; `unclear`: it holds 0, or there is one "
        "seed. Beyond the control: end minus the control's end with the same seed; unpaired: the two share no seed, "
        "so it is the difference of the means."
    )
    return (
        markdown_table(
            ["arm", "asked", "change", f"end, beyond {_name(control)}", "moved as asked"],
            [
                [
                    v["arm"],
                    v["asked"],
                    interval(v["change"], 3, sign=True),
                    _beyond(v),
                    v["moved"],
                ]
                for v in verdicts
            ],
        )
        + f"\n\n{legend}"
    )


def _beyond(verdict: Mapping[str, Any]) -> str:
    beyond = verdict["beyond_control"]
    unpaired = beyond.mean is not None and not verdict["paired"]
    return interval(beyond, 3, sign=True) + (", unpaired" if unpaired else "")


def _lengths(arms: Sequence[Arm], table: Table) -> dict[str, Any]:
    """Whether the arms of Concise and Comprehensive end apart in length, by more than both intervals together."""
    by_asked = {arm.asked: arm for arm in arms}
    short, long = by_asked.get(("Concise",)), by_asked.get(("Comprehensive",))
    if short is None or long is None:
        return {"text": "Lengths: no two arms ask for Concise and for Comprehensive alone.", "apart": None}
    low, high = table[short.name][LENGTH].end, table[long.name][LENGTH].end
    answer = apart(low, high)
    words = {True: "yes", False: "no", None: "cannot be said: it takes two seeds of each"}[answer]
    return {
        "text": f"Lengths at the end: {short.name} {interval(low, 1)}, {long.name} {interval(high, 1)} tokens. Is "
        f"{long.name} longer by more than both intervals together? **{words}**.",
        "apart": answer,
        "concise": low,
        "comprehensive": high,
    }


def _curves(table: Table, metric: str) -> dict[str, Any]:
    return {arm: measured[metric].curves for arm, measured in table.items()}


def _asks(arms: Sequence[Arm], principle: str | None) -> str:
    asking = [arm.name for arm in arms if principle in arm.asked]
    return f" (asked by {', '.join(asking)})" if asking else ""
