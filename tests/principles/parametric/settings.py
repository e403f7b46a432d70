"""Settings of parametric principles, without the composed ones."""

from typing import Any

from salmon.config.reward import EditSettings, LessonSettings, ParametricSettings
from salmon.principles.parametric.family import Family

HELD_OUT_FAMILIES = ("closing_question", "exclamation")


def parametric(**changes: Any) -> ParametricSettings:
    """Everything bundled, of which two families and 0.15 of all texts are held out; one lesson."""
    given = {
        "answers": None,
        "families": [],
        "split_seed": 0,
        "held_out": 0.15,
        "held_out_families": list(HELD_OUT_FAMILIES),
        "principles": None,
        "contraries": True,
        "review": 0.4,
        "times": 1,
        "lessons": [lesson()],
    }
    return ParametricSettings(**(given | changes))


def edits(**changes: Any) -> EditSettings:
    """Edits of which some are of each kind."""
    given = {"crossed": 0.5, "two_answers": 0.4, "shortened": 0.5, "clearest_of": 1}
    return EditSettings(**(given | changes))


def lesson(**changes: Any) -> LessonSettings:
    """A lesson in which everything occurs."""
    given = {
        "families": [],
        "words": 0.4,
        "frames": None,
        "sentences": 0.5,
        "said_twice": 0.0,
        "quoted": 0.0,
        "absence": True,
        "wordings": 1.3,
        "together": 0.35,
        "indifferent": 0.0,
        "unedited": 0.3,
        "edits": edits(),
        "answer_tokens": 4000,
        "pairs": 20,
        "stop_at_accuracy": 1.0,
    }
    return LessonSettings(**(given | changes))


def never_edited(name: str) -> Family:
    """A family with a single text of each kind, whose edit changes nothing."""
    return Family(
        name=name,
        measure=lambda prompt, response, parameter: 0.0,
        edit=lambda prompt, answer, parameter, rng: (answer, answer),
        topics=("tea",),
        absence=("coffee",),
        wanted=("Serve tea.",),
        unwanted=("Serve coffee.",),
    )
