"""Responses of every arm to the same prompts."""

from collections.abc import Sequence

from sweeps.arms import Arm
from sweeps.curves import read_table

_LONGEST = 700  # characters shown of a response


def samples_section(arms: Sequence[Arm], count: int) -> str:
    """Held-out prompts that every arm answered, each by its first finished seed; before training, the first arm's."""
    shown = [
        (arm.name, read_table(path, "responses", last=True))
        for arm in arms
        for path in list(arm.artifacts("ppo").values())[:1]
    ]
    first = [path for arm in arms for path in list(arm.artifacts("ppo").values())[:1]][:1]
    shown = [("before training", read_table(path, "responses", last=False)) for path in first] + shown
    answers = [(name, {row["prompt"]: row["response"] for row in rows}) for name, rows in shown]
    prompts = [prompt for prompt in (answers[0][1] if answers else {}) if all(prompt in by for _, by in answers)]
    if not prompts:
        return "## Samples\n\nNo prompt has a response of every arm."
    parts = ["## Samples", "Held-out prompts; each arm's first finished seed after the last update."]
    for prompt in prompts[:count]:
        parts.append(f"### Prompt\n\n{_quote(prompt)}")
        parts += [f"**{name}** ({len(by[prompt].split())} words)\n\n{_quote(by[prompt])}" for name, by in answers]
    return "\n\n".join(parts)


def _quote(text: str) -> str:
    """As a block in which Markdown of the model's own is not rendered."""
    cut = text if len(text) <= _LONGEST else text[:_LONGEST] + " […]"
    return "\n".join("    " + line for line in cut.strip().split("\n")) if cut.strip() else "    (empty)"
