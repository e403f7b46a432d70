"""Many wordings of one principle: sentence frames, shared by a bank, each filled with each topic of the principle.

``frames: {for: ["Aim for {}."], against: ["Avoid {}."]}`` and ``topics: {for: [short answers], against: [padding]}``
give "Aim for short answers." and "Avoid padding." for the principle, "Avoid short answers." and "Aim for padding." for
its negation. A reward model that has met a frame with other topics, and a topic in other frames, has to read both.
"""

from dataclasses import dataclass
from typing import Any

from salmon.principles.files import unknown_entry_keys

GAP = "{}"


@dataclass(frozen=True)
class Frames:
    """Frames, or topics, in favour and against."""

    wanted: tuple[str, ...]
    unwanted: tuple[str, ...]

    def turned(self) -> "Frames":
        """The contrary."""
        return Frames(self.unwanted, self.wanted)


def framed(frames: Frames, topics: Frames) -> tuple[str, ...]:
    """Every frame in favour with every topic in favour, every frame against with every topic against."""
    pairs = [(frame, topic) for frame in frames.wanted for topic in topics.wanted]
    pairs += [(frame, topic) for frame in frames.unwanted for topic in topics.unwanted]
    filled = (frame.replace(GAP, topic) for frame, topic in pairs)
    return tuple(dict.fromkeys(text[:1].upper() + text[1:] for text in filled))


def read_frames(value: Any, where: str, problems: list[str]) -> Frames | None:
    """``{for: [...], against: [...]}``; None if it is absent or wrong, with the reasons in ``problems``."""
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.append(f'{where}: must have lists "for" and "against"')
        return None
    before = len(problems)
    problems += unknown_entry_keys(value, ("for", "against"), where)
    lists = []
    for key in ("for", "against"):
        texts = value.get(key)
        if not isinstance(texts, list) or not all(isinstance(text, str) and text.strip() for text in texts):
            problems.append(f'{where}: "{key}" must be a list of texts (put them in quotes)')
        elif where == "frames":
            problems += [
                f'{where}: "{text}" must have one gap {GAP} for the topic' for text in texts if text.count(GAP) != 1
            ]
        lists.append(tuple(texts) if isinstance(texts, list) else ())
    return Frames(*lists) if len(problems) == before else None
