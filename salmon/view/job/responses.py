"""What the policies answered, side by side: score, principles, what the checks say and the words that they counted."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from salmon.principles.verifiers import verify
from salmon.view.job.headlines import shown_number
from salmon.view.job.marked import marked
from salmon.view.job.policies import Policy, policies_of, principle_names
from salmon.view.job.record import JobRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"
OPEN = 3  # prompts that are not folded away


@dataclass(frozen=True)
class ResponseCard:
    """One policy's response to one prompt."""

    title: str
    principles: str
    score: str  # of the reward, under the principles shown; empty where there is none
    text: Markup  # with the counted words marked
    verdicts: Sequence[tuple[str, str]]  # principle, what its check says: 0 to 1


def response_sections(job: JobRecord) -> Iterator[PageSection]:
    """Raises ``SalmonError`` where a table of responses is damaged."""
    policies = policies_of(job)
    if not policies:
        return
    prompts = list(policies[0].responses)
    cards = [(prompt, _cards(prompt, policies)) for prompt in prompts]
    table = _check_table(policies)
    texts = _texts(policies, [card for _, answered in cards for card in answered])
    html = fragment(TEMPLATES, "responses.html", shown=cards[:OPEN], folded=cards[OPEN:], checks=table, texts=texts)
    yield PageSection("Responses to held-out prompts", html)


def _cards(prompt: str, policies: Sequence[Policy]) -> list[ResponseCard]:
    answered = [(policy, row) for policy in policies if (row := policy.responses.get(prompt)) is not None]
    shown = [policy.principles.get(name) for policy, row in answered for name in principle_names(row.get("principles"))]
    checks = {principle.name: principle.check for principle in shown if principle and principle.check}
    return [
        ResponseCard(
            policy.title,
            str(row.get("principles") or ""),
            "" if row.get("score") is None else shown_number(float(row["score"])),
            marked(str(row.get("response", "")), checks),
            [(name, f"{verify(check, prompt, str(row.get('response', ''))):.2f}") for name, check in checks.items()],
        )
        for policy, row in answered
    ]


def _texts(policies: Sequence[Policy], cards: Sequence[ResponseCard]) -> PageTable:
    """The texts of the principles that any card shows."""
    names = dict.fromkeys(name for card in cards for name in principle_names(card.principles))
    known = {name: principle for policy in reversed(policies) for name, principle in policy.principles.items()}
    rows = [[name, known[name].definition] for name in names if name in known]
    return PageTable("Texts of the principles shown", ("principle", "text"), rows)


def _check_table(policies: Sequence[Policy]) -> PageTable:
    """Means over all held-out prompts, of which the cards show some."""
    measured = [policy.measured for policy in policies]
    names = list(dict.fromkeys(name for values in measured for name in values))
    rows = [[name, *(shown_number(values[name]) if name in values else "" for values in measured)] for name in names]
    header = ["principle", *(policy.title for policy in policies)]
    caption = "What the checks say on all held-out prompts: 1 follows the principle, 0 does not"
    return PageTable(caption, header, rows, frozenset(range(1, len(header))))
