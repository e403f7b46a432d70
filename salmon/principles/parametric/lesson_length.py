"""How long a lesson on parametric principles is at most."""

from salmon.config.reward import LessonSettings, ParametricSettings


def most_pairs(parametric: ParametricSettings, lesson: LessonSettings) -> int:
    """Pairs that a lesson trains on where no accuracy ends it: ``times`` as many as it says if none ever does."""
    return lesson.pairs * (parametric.times if lesson.stop_at_accuracy == 1 else 1)
