"""What the page says, as HTML in which every text is escaped, whoever wrote it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.play.obedience import Obedience, warning
from salmon.play.principles import AskedPrinciple, Written, asked
from salmon.play.ranking import Ranking
from salmon.play.training_texts import Standing, TrainingTexts
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Known:
    """What is known of the reward model beside its scores."""

    name: str  # of its artifact
    reads_principles: bool
    texts: TrainingTexts
    obedience: Obedience | None

    @property
    def warning(self) -> str | None:
        """What holds for scores under words that it was not trained on."""
        return warning(self.obedience, self.reads_principles)


@dataclass(frozen=True)
class Line:
    """A principle as the page shows it."""

    asked: AskedPrinciple
    standing: Standing


def lines_of(written: Sequence[Written], known: Known) -> list[Line]:
    """What is asked for, with what the reward model knows of it; blank lines are left out."""
    found = [asked(one) for one in written if one.text.strip()]
    return [Line(one, known.texts.standing(one.text)) for one in found]


def ranking_html(ranking: Ranking, lines: Sequence[Line], known: Known) -> str:
    """The answers in their order, with bars."""
    unread = not known.reads_principles or any(line.standing is not Standing.trained for line in lines)
    return _html(
        "ranking.html",
        ranking=ranking,
        lines=list(zip(lines, ranking.agreements, strict=True)),
        warning=known.warning if unread else None,
        policies=list(ranking.mean_by_policy),
    )


def about_html(known: Known, policies: Sequence[str]) -> str:
    """Which models these are, and which principles the reward model was trained on."""
    trained = known.texts.trained
    return _html(
        "about.html",
        known=known,
        policies=policies,
        judged=sorted(known.texts.judged.values()),
        families=sorted(trained.families) if trained else [],
        frames=[*trained.frames_for, *trained.frames_against] if trained else [],
    )


def message_html(text: str) -> str:
    """One message instead of a ranking."""
    return _html("message.html", text=text)


def _html(template: str, **values: Any) -> str:
    return str(fragment(TEMPLATES, template, **values))
