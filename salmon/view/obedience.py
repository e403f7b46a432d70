"""How far a reward model obeys texts that it was never trained on, in a few lines: for the terminal and for pages."""

from collections.abc import Mapping

# Is the response preferred that follows a principle, the other one under its contrary, and does the preference turn?
FIGURES = ("accuracy_asserted", "accuracy_negated", "flip_rate")
TITLES = ("texts never trained on, in brackets 95 %", "asserted", "negated", "flip rate")
UNREAD = {  # beginnings of metrics -> what the texts are
    "heldout_words_": "new words, in new sentences",
    "heldout_wordings_": "other trained principles, in new sentences",
    "unedited_": "the same, on unedited answers",
    "paraphrased_contrast_": "a hand-written bank, never trained on",
    "unseen_families_": "kinds of principles never trained on",
}


def obedience_lines(cells: Mapping[str, str]) -> list[list[str]]:
    """A line for each kind of texts that was measured, with the columns ``TITLES``.

    Args:
        cells: figure with its interval, by metric.
    """
    return [
        [title, *(cells.get(begin + figure, "") for figure in FIGURES)]
        for begin, title in UNREAD.items()
        if begin + FIGURES[0] in cells
    ]
