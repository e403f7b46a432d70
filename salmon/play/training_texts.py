"""Which principles a reward model was trained on, as its artifact and that of its preferences record them."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from salmon.config.data import OnBadLine
from salmon.data.rows import PreferenceRow, read_jsonl
from salmon.play.found import upstream
from salmon.play.wordings import Wordings, normal
from salmon.runtime.artifact import Artifact
from salmon.runtime.foreign import read_json

log = logging.getLogger("salmon")

UNIVERSE = "universe.json"


class Standing(Enum):
    """What the reward model knows of a text."""

    trained = "trained on"
    held_out = "held out: of a trained family, in words kept for measuring"
    new = "new words"


@dataclass(frozen=True)
class TrainingTexts:
    """The texts of a reward model's training."""

    judged: Mapping[str, str]  # texts of judged rows, by their normal form
    trained: Wordings | None  # parametric principles of its lessons; None: it had none
    held_out: Wordings | None
    note: str = ""  # what could not be read

    def standing(self, text: str) -> Standing:
        """What the reward model knows of a text."""
        if normal(text) in self.judged or (self.trained and self.trained.read(text)):
            return Standing.trained
        return Standing.held_out if self.held_out and self.held_out.read(text) else Standing.new


def training_texts(artifact: Artifact) -> TrainingTexts:
    """Read the texts of a reward artifact's training.

    Raises:
        SalmonError: a file is damaged.
    """
    judged, note = _judged(artifact)
    if UNIVERSE not in artifact.manifest["files"]:
        return TrainingTexts(judged, None, None, note)
    record = read_json(artifact.path / UNIVERSE)
    parametric = artifact.manifest.get("config", {}).get("reward", {}).get("parametric", {})
    quotes = any(lesson.get("quoted") for lesson in parametric.get("lessons", ()))
    return TrainingTexts(judged, _wordings(record["trained"], quotes), _wordings(record["held_out"], quotes), note)


def _wordings(side: Mapping[str, Any], quotes: bool) -> Wordings:
    """Those of one side; whoever had no quote in its lessons has learned none."""
    words = frozenset(word.casefold() for word in side["words"])
    frames = (tuple(side["frames_for"]), tuple(side["frames_against"]))
    if not quotes:
        return Wordings(side["families"], *frames, words=words)
    return Wordings(side["families"], *frames, tuple(side["quotes_for"]), tuple(side["quotes_against"]), words)


def _judged(artifact: Artifact) -> tuple[dict[str, str], str]:
    """The texts of the rows that were trained on, and why they are not known where that is so."""
    training = artifact.manifest.get("config", {}).get("reward", {}).get("train", {})
    if not training.get("epochs"):
        return {}, ""
    preferences = upstream(artifact, "preferences")
    if preferences is None:
        return {}, "the preferences that it was trained on are not in the store, so their principles are not marked"
    rows, _ = read_jsonl(preferences.file("rows.jsonl"), PreferenceRow, OnBadLine.stop)
    texts = [guideline.text for row in rows if row.split == "train" for guideline in row.guidelines]
    return {normal(text): text for text in texts}, ""
