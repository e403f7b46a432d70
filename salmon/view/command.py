"""``salmon view [FOLDER ...]``: write the pages of jobs, sweeps and artifacts."""

import webbrowser
from collections.abc import Sequence
from pathlib import Path

from salmon.errors import Findings, SalmonError
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.view.kinds import page_kind_of
from salmon.view.page import PageKind
from salmon.view.render import html_of

RUNS = Path("runs")  # where jobs and sweeps are by default
OPEN = "--open"


def parse_view(arguments: Sequence[str]) -> tuple[list[Path], bool]:
    """The folders that are named, and whether their pages are to be opened.

    Raises:
        SalmonError: an unknown option.
    """
    options = [word for word in arguments if word.startswith("-")]
    if unknown := [word for word in options if word != OPEN]:
        raise SalmonError(f"salmon view has no option {unknown[0]}: salmon view --help lists them")
    return [Path(word).expanduser() for word in arguments if word not in options], bool(options)


def run_view_command(arguments: Sequence[str]) -> str:
    """What the command prints: the file of each page, a line each.

    Raises:
        SalmonError: an unknown option; or, once the other pages are written, what was wrong with each folder.
    """
    folders, to_open = parse_view(arguments)
    files, findings = [], Findings()
    for folder in folders or [newest_run(RUNS)]:
        with findings.collected():
            files.append(write_page(folder).absolute())
    shown = "\n".join(show(file) if to_open else str(file) for file in files)
    findings.refuse(f"{shown}\nand not all pages" if files else "")
    return shown


def write_page(folder: Path, kind: PageKind | None = None) -> Path:
    """Write the page of a folder; the file.

    Args:
        kind: of the folder, where it is known.

    Raises:
        SalmonError: the folder has no page, something in it is damaged, or the page cannot be written.
    """
    kind = kind or page_kind_of(folder)
    file = kind.file(folder)
    html = html_of(kind.page(folder))
    with storage_errors(file.parent):
        write_text_atomic(file, html)
    return file


def newest_run(runs: Path) -> Path:
    """The job or sweep that was started last: their folders are named by date and time.

    Raises:
        SalmonError: there is none.
    """
    found = [path for kind in ("jobs", "sweeps") for path in (runs / kind).glob("*/*") if path.is_dir()]
    if not found:
        raise SalmonError(f"there is no job or sweep in {runs.absolute()}: give the folder of one")
    return max(found, key=lambda path: (path.parent.name, path.name))


def show(file: Path) -> str:
    """Open a page in the browser; its path, and what to do where there is no browser."""
    try:
        opened = webbrowser.open(file.as_uri())
    except webbrowser.Error:
        opened = False
    return str(file) if opened else f"{file}\n  no browser was found on this machine: open the file in yours"
