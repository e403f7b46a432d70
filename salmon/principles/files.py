"""Finding and reading the YAML and JSON files of banks and exemplars."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from salmon.data.checked import suggestion
from salmon.errors import SalmonError
from salmon.runtime.foreign import read_json, read_yaml

SUFFIXES = (".yaml", ".yml", ".json")


def locate(spec: str, folder: Path, kind: str) -> Path:
    """The file of a bundled name (a YAML in ``folder``) or of a path to a YAML / JSON file.

    Args:
        spec: a path if it has one of ``SUFFIXES`` or a folder separator, else a bundled name.
        kind: what is looked for, for the message.

    Raises:
        SalmonError: there is no such file.
    """
    if Path(spec).suffix.lower() in SUFFIXES or "/" in spec or "\\" in spec:
        path = Path(spec).expanduser()
        if not path.is_file():
            advice = "Correct the path or give a bundled name."
            raise SalmonError(f"{kind}: there is no file {path.absolute()}. {advice}")
        if path.suffix.lower() not in SUFFIXES:
            raise SalmonError(f"{kind}: {path} must be a {', '.join(SUFFIXES)} file.")
        return path
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if spec not in known:
        raise SalmonError(
            f'{kind}: nothing bundled is named "{spec}"{suggestion(spec, known)}. Bundled: '
            f"{', '.join(known)}. A file of your own is given by its path and ends in .yaml or .json."
        )
    return folder / f"{spec}.yaml"


def read_document(path: Path) -> Any:
    """The content of a YAML or JSON file.

    Raises:
        SalmonError: it cannot be read, is not UTF-8 or not valid YAML / JSON (with the line).
    """
    return read_json(path, None) if path.suffix.lower() == ".json" else read_yaml(path, None)


def refuse(path: Path, problems: Collection[str]) -> None:
    """Report all problems of a file at once.

    Raises:
        SalmonError: there is at least one problem.
    """
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems)
        raise SalmonError(f"{path} has {len(problems)} problem{'s' if len(problems) > 1 else ''}:{listed}")


def unknown_entry_keys(entry: dict, known: Collection[str], where: str) -> list[str]:
    """A problem for each key that no reader would look at."""
    return [f'{where}: unknown key "{key}"{suggestion(str(key), known)}' for key in entry if key not in known]
