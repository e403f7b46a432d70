"""What training did to a policy, for the terminal: the checks of its principles, and answers before and after."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from salmon.config.texts import shown
from salmon.pipeline.pipeline import Execution
from salmon.runtime.jsonl import Record
from salmon.view.job.policies import principle_names, read_responses, response_steps
from salmon.view.job.reached import CHECK, check_changes, moved_checks

SAMPLES = 3
WIDTH = 100  # characters of a text, in the middle of which the rest is left out


def effect_lines(executions: Iterable[Execution]) -> list[str]:
    """A block for each trained policy whose principles have checks: what they say, and samples.

    Raises:
        SalmonError: a table of responses is damaged.
    """
    blocks = []
    for execution in executions:
        folder, metrics = execution.artifact.path, execution.artifact.metrics
        steps = response_steps(folder)
        if len(steps) < 2 or steps[0]:  # nothing was kept of the policy before training, or at its end
            continue
        before, after = (read_responses(folder, step) for step in (0, steps[-1]))
        if said := list(_checks(before, metrics)):
            blocks.append("\n".join([*said, *_moved(metrics), *_samples(before, after)]))
    return blocks


def _checks(responses: Iterable[Record], metrics: Mapping[str, float | None]) -> Iterator[str]:
    """What the checks say of the principles that responses were scored under."""
    changes = {change.principle: change for change in check_changes(metrics)}
    for name in dict.fromkeys(name for row in responses for name in principle_names(row.get("principles"))):
        start, last = (metrics.get(f"{CHECK}{name}{end}") for end in ("_start", "_last"))
        if name in changes and start is not None and last is not None:
            verdict = "more than chance" if changes[name].beyond_chance else "may be chance"
            yield (
                f"{name}, by its own check, on held-out prompts: {start:.2f} before, {last:.2f} after; "
                f"{changes[name].words} (95 %): {verdict}"
            )


def _moved(metrics: Mapping[str, float | None]) -> Iterator[str]:
    if moved := moved_checks(metrics):
        yield f"  more than chance: {'; '.join(moved)}"


def _samples(before: Sequence[Record], after: Sequence[Record]) -> Iterator[str]:
    answers = {row.get("prompt"): row.get("response") for row in after}
    for row in [row for row in before if row.get("prompt") in answers][:SAMPLES]:
        yield f"  {_line(row.get('prompt'))}"
        yield f"    before: {_line(row.get('response'))}"
        yield f"    after:  {_line(answers[row.get('prompt')])}"


def _line(text: object) -> str:
    return shown(" ".join(str(text).split()), WIDTH)
