"""Worked examples of the Self-Align prompt: user turn, thought that cites rules, answer.

YAML: ``{description, exemplars: [{turns: [{user, thought, answer}, ...]}, ...]}``; a thought begins with the
rules it applies, by number and name: ``Rules 3 (helpful) and 7 (candor) apply, because ...``.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from salmon.data.checked import Checked, Problems, Text, read_as
from salmon.principles.files import locate, read_document, refuse

EXEMPLARS = Path(__file__).parent / "exemplars"
THOUGHT_OPENING = "Rules"
_CITED = re.compile(r"(\d+) \(([^)]+)\)")


def _begins_with_rules(thought: str) -> str:
    if not (thought.startswith(f"{THOUGHT_OPENING} ") and _CITED.search(thought)):
        expected = f"{THOUGHT_OPENING} 3 (helpful) and 7 (candor) apply, because ..."
        raise ValueError(f'"thought" must begin with the rules it applies, such as "{expected}"')
    return thought


Stripped = Annotated[Text, AfterValidator(str.strip)]


@dataclass(frozen=True)
class Turn(Checked):
    user: Stripped
    thought: Annotated[Stripped, AfterValidator(_begins_with_rules)]
    answer: Stripped

    @property
    def rules(self) -> tuple[tuple[int, str], ...]:
        """(number counted from 1, name) of each rule that the thought cites."""
        return tuple((int(number), name) for number, name in _CITED.findall(self.thought))


def _not_empty(turns: tuple[Turn, ...]) -> tuple[Turn, ...]:
    if not turns:
        raise ValueError('"turns" must have at least one turn')
    return turns


@dataclass(frozen=True)
class Exemplar(Checked):
    turns: Annotated[tuple[Turn, ...], AfterValidator(_not_empty)]  # one conversation


@dataclass(frozen=True)
class _Document(Checked):
    exemplars: tuple[Exemplar, ...]
    description: Any = None


def load_exemplars(spec: str) -> tuple[Exemplar, ...]:
    """Read and check exemplars.

    Args:
        spec: a bundled name or a path to a ``.yaml``, ``.yml`` or ``.json`` file.

    Raises:
        SalmonError: no such file, or an invalid one; all of its problems in one message.
    """
    path = locate(spec, EXEMPLARS, "exemplars")
    document = read_document(path)
    if not isinstance(document, dict) or not isinstance(document.get("exemplars"), list):
        refuse(path, ['it must have a list under "exemplars"'])
    try:
        exemplars = read_as(_Document, document, first=1).exemplars
    except Problems as problems:
        refuse(path, problems.texts)
        raise
    refuse(path, [] if exemplars else ["it has no exemplars"])
    return exemplars
