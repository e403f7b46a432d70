"""How to run the job again, and what it was run with."""

import shlex
from collections.abc import Iterator
from pathlib import Path

from salmon.view.job.record import JobRecord
from salmon.view.page import PageSection, PageTable
from salmon.view.render import fragment

TEMPLATES = Path(__file__).parent / "templates"


def repeat_sections(job: JobRecord) -> Iterator[PageSection]:
    made = [stage.artifact.manifest for stage in job.stages if stage.artifact]
    sources = sorted({str(manifest.get("git_revision") or "not recorded") for manifest in made})
    versions = {name: text for manifest in made for name, text in manifest.get("versions", {}).items()}
    checkpoints = [
        (f"{stage.label}: {name}", str(folder))
        for stage in job.stages
        if stage.artifact
        for name, folder in stage.artifact.checkpoints.items()
    ]
    html = fragment(
        TEMPLATES,
        "repeat.html",
        command=shlex.join(["salmon", *job.overrides]) if job.folder else None,
        sources=sources,
        checkpoints=PageTable("Checkpoints", ("checkpoint", "folder"), checkpoints),
        versions=PageTable("Packages that it was made with", ("package", "version"), sorted(versions.items())),
    )
    yield PageSection("How to repeat it", html)
