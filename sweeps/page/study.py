"""The page of a study, section by section."""

import base64
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salmon.tracking.glossary import find
from salmon.view.page import Chart, Page, PageKind, PageSection, PageTable, numbers
from salmon.view.render import fragment
from sweeps.collect import FINISHED
from sweeps.page.axes import SweptAxis, swept_axes
from sweeps.page.charts import cell_style, curve_chart, frontier_chart
from sweeps.page.record import StudyRecord, differing, read_study
from sweeps.page.results import MARKS, differences
from sweeps.page.samples import Samples, samples_of
from sweeps.page.series import Curves, curves_of
from sweeps.reports.study import cell_table, short
from sweeps.seeds import seed_notes

TEMPLATES = Path(__file__).parent / "templates"
FILE = "page.html"
SCRIPTS = ("table.js", "charts.js", "samples.js")
TYPES = {"report.csv": ("text/csv", "every figure of every job"), "report.tex": ("text/x-tex", "the table of cells")}
NOTE = (
    "Mean over the cell's finished seeds ± its 95 % interval by Student's t; n = 1: one measurement, so chance is not "
    "excluded. Differences are paired by seed where both cells have it. "
    f"{MARKS['yes']} higher and {MARKS['no']} lower by more than the interval, {MARKS['unclear']} not told apart. "
    "Rewards are scores under the cell's own principles: compare them only where principles and reward model are "
    "the same."
)


def study_page(folder: Path) -> Page:
    """Raises ``SalmonError`` where the folder is no multirun's, or a file of it is damaged."""
    study = read_study(folder)
    curves, samples, axes = curves_of(study.cells), samples_of(study.cells), swept_axes(study.cells)
    return Page(
        title=f"Study {study.name}",
        subtitle=f"{len(study.cells)} cells by {', '.join(study.cells[0].axes) or 'nothing'}, {len(study.jobs)} jobs "
        f"in {study.folder}",
        sections=[
            _cells(study, curves, samples, axes),
            _charts(study, curves, axes),
            _samples(samples),
            _settings(study),
            _files(study),
        ],
        notices=list(_notices(study)),
        scripts=[(TEMPLATES / name).read_text(encoding="utf-8") for name in SCRIPTS],
    )


STUDY = PageKind(
    "a sweep", lambda folder: (folder / "multirun.yaml").is_file(), study_page, lambda folder: folder / FILE
)


def _notices(study: StudyRecord) -> Iterator[str]:
    done = sum(job.finished for job in study.jobs)
    if done < len(study.jobs):
        yield f"{done} of {len(study.jobs)} jobs finished; the figures are about these. The others stand below them."
    yield from seed_notes(study.jobs, {cell.name: cell.finished_seeds for cell in study.cells})


def _cells(study: StudyRecord, curves: Curves, samples: Samples, axes: list[SweptAxis]) -> PageSection:
    header, rows = cell_table(study.cells, study.figures)
    missing = [
        [job.name, job.state, " ".join((job.error or "").split())] for job in study.jobs if job.state != FINISHED
    ]
    html = fragment(
        TEMPLATES,
        "cells.html",
        baselines=[*((place, cell.name) for place, cell in enumerate(study.cells)), ("", "nothing")],
        note=NOTE,
        header=header,
        rows=rows,
        first_figure=len(header) - len(study.figures),
        data=_data(study, curves, samples, axes),
        ranks=study.ranks,
        missing=PageTable("Jobs that did not finish", ["job", "state", "error"], missing) if missing else None,
    )
    return PageSection("Cells", html)


def _data(study: StudyRecord, curves: Curves, samples: Samples, axes: list[SweptAxis]) -> dict[str, Any]:
    """What the page's scripts choose from."""
    units = {name: find(name, "ppo") or find(name) for name in curves.series}
    return {
        "cells": [{"name": cell.name, "axes": cell.axes} for cell in study.cells],
        "figures": [{"key": figure, "title": short(figure)} for figure in study.figures],
        "estimates": [
            [[*numbers((each[figure].mean, each[figure].half_width)), each[figure].n] for figure in study.figures]
            for each in study.estimates
        ],
        "differences": differences(study.cells, study.figures),
        "axes": [axis.data for axis in axes],
        "styles": [cell_style(place) for place in range(len(study.cells))],
        **curves.data,
        "units": {
            name: {"unit": metric.unit if metric else "", "meaning": metric.meaning if metric else ""}
            for name, metric in units.items()
        },
        "samples": samples.data,
    }


def _charts(study: StudyRecord, curves: Curves, axes: list[SweptAxis]) -> PageSection:
    styles = [cell_style(place) for place in range(len(study.cells))]
    for style in styles:
        style["stroke_colour"] = "currentColor" if style["color"].startswith("theme:") else style["color"]
    titles = [(str(place), short(figure)) for place, figure in enumerate(study.figures)]
    dimensions = [(f"a{place}", axis.key, True) for place, axis in enumerate(axes)]
    dimensions += [(f"f{place}", title, int(place) < 2) for place, title in titles]
    html = fragment(
        TEMPLATES,
        "charts.html",
        legend=[
            (cell.name + (", n = 1" if len(cell.policies) == 1 else ""), style)
            for cell, style in zip(study.cells, styles, strict=True)
        ],
        frontier=frontier_chart(study.cells),
        curves=curve_chart(study.cells),
        metrics=[(name, name) for name in sorted(curves.series, key=_reading_order)],
        curves_note=curves.note,
        figures=titles,
        bys=[*((axis.key, axis.title) for axis in axes if len(axis.values) > 1), ("", "the cells")],
        scaling=Chart(
            "One figure by size, or by any other axis of the sweep",
            "The chosen figure against the chosen axis, with 95 % intervals; the numbers are in the table of cells.",
            [],
        ),
        dimensions=dimensions,
        parallel=Chart(
            "All axes and figures at once: parallel coordinates",
            "A line for each cell through its choices and its figures; the numbers are in the table of cells.",
            [],
        ),
    )
    return PageSection("Charts", html)


def _reading_order(metric: str) -> tuple[int, str]:
    """What is measured on held-out prompts first, times last."""
    first = ("held_out/reward", "held_out/kl", "held_out/length")
    families = ("held_out", "objective", "principle", "check", "violations")
    family = metric.partition("/")[0]
    if metric in first:
        return first.index(metric), ""
    place = families.index(family) if family in families else len(families) + (family in ("time", "perf", "optim"))
    return len(first) + place, metric


def _samples(samples: Samples) -> PageSection:
    names = [(name, samples.label(name)) for name in samples.answers]
    sides = []
    for side, (name, label) in zip("ab", [*names[:1], *names[-1:]], strict=False):
        sides.append((side, label, samples.answers[name].get(0)))
    html = fragment(
        TEMPLATES,
        "samples.html",
        names=names,
        prompts=[(str(place), _title(prompt)) for place, prompt in enumerate(samples.prompts)],
        first={"prompt": samples.prompts[0] if samples.prompts else "", "sides": [side for side in sides if side[2]]},
    )
    return PageSection("Responses side by side", html)


def _title(prompt: str, longest: int = 90) -> str:
    line = " ".join(prompt.split())
    return line if len(line) <= longest else f"{line[:longest]} …"


def _settings(study: StudyRecord) -> PageSection:
    keys, rows = differing(study.cells)
    table = PageTable(
        "Settings that differ between cells, seeds and names left out; empty where no job of the cell has begun",
        ["cell", *keys],
        [[cell.name, *row] for cell, row in zip(study.cells, rows, strict=True)],
    )
    return PageSection("Settings that differ", fragment(TEMPLATES, "settings.html", differing=table if keys else None))


def _files(study: StudyRecord) -> PageSection:
    files = [(name, TYPES[name][1], _address(TYPES[name][0], text)) for name, text in study.files.items()]
    command = shlex.join(["salmon", "-m", *study.command])
    html = fragment(TEMPLATES, "files.html", files=files, command=command, report=study.report, kind=study.kind)
    return PageSection("Files and command", html)


def _address(kind: str, text: str) -> str:
    """The file itself, as a link of its own: the same bytes as on disk."""
    return f"data:{kind};charset=utf-8;base64,{base64.b64encode(text.encode()).decode()}"
