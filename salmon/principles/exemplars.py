"""Worked examples of the Self-Align prompt: user turn, thought that cites rules, answer.

YAML: ``{description, exemplars: [{turns: [{user, thought, answer}, ...]}, ...]}``; a thought begins with the
rules it applies, by number and name: ``Rules 3 (helpful) and 7 (candor) apply, because ...``.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.principles.files import locate, read_document, refuse, unknown_entry_keys

EXEMPLARS = Path(__file__).parent / "exemplars"
TURN_KEYS = ("user", "thought", "answer")
THOUGHT_OPENING = "Rules"
_CITED = re.compile(r"(\d+) \(([^)]+)\)")


@dataclass(frozen=True)
class Turn:
    user: str
    thought: str  # begins with THOUGHT_OPENING
    answer: str

    @property
    def rules(self) -> tuple[tuple[int, str], ...]:
        """(number counted from 1, name) of each rule that the thought cites."""
        return tuple((int(number), name) for number, name in _CITED.findall(self.thought))


@dataclass(frozen=True)
class Exemplar:
    turns: tuple[Turn, ...]  # one conversation


def load_exemplars(spec: str) -> tuple[Exemplar, ...]:
    """Read and check exemplars.

    Args:
        spec: a bundled name or a path to a ``.yaml``, ``.yml`` or ``.json`` file.

    Raises:
        SalmonError: no such file, or an invalid one; all of its problems in one message.
    """
    path = locate(spec, EXEMPLARS, "exemplars")
    document = read_document(path)
    problems: list[str] = []
    if not isinstance(document, dict) or not isinstance(document.get("exemplars"), list):
        refuse(path, ['it must have a list under "exemplars"'])
    problems += unknown_entry_keys(document, ("description", "exemplars"), "top level")
    if not document["exemplars"]:
        problems.append("it has no exemplars")
    exemplars = tuple(_exemplar(entry, n, problems) for n, entry in enumerate(document["exemplars"], 1))
    refuse(path, problems)
    return exemplars


def _exemplar(entry: Any, number: int, problems: list[str]) -> Exemplar:
    where = f"exemplar {number}"
    if not isinstance(entry, dict) or not isinstance(entry.get("turns"), list) or not entry["turns"]:
        problems.append(f'{where}: must have a list of at least one turn under "turns"')
        return Exemplar(())
    problems += unknown_entry_keys(entry, ("turns",), where)
    turns = enumerate(entry["turns"], 1)
    return Exemplar(tuple(_turn(turn, f"{where}, turn {n}", problems) for n, turn in turns))


def _turn(entry: Any, where: str, problems: list[str]) -> Turn:
    if not isinstance(entry, dict):
        problems.append(f"{where}: must have the keys {', '.join(TURN_KEYS)}")
        return Turn("", "", "")
    problems += unknown_entry_keys(entry, TURN_KEYS, where)
    texts = {key: entry.get(key) for key in TURN_KEYS}
    bad = [key for key, text in texts.items() if not isinstance(text, str) or not text.strip()]
    problems += [f'{where}: "{key}" is missing, empty or not text' for key in bad]
    turn = Turn(*("" if key in bad else str(text).strip() for key, text in texts.items()))
    if "thought" not in bad and not (turn.thought.startswith(f"{THOUGHT_OPENING} ") and turn.rules):
        expected = f"{THOUGHT_OPENING} 3 (helpful) and 7 (candor) apply, because ..."
        problems.append(f'{where}: "thought" must begin with the rules it applies, such as "{expected}"')
    return turn
