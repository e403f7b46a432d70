"""How the pages of jobs and of artifacts are found and named."""

from pathlib import Path

from salmon.runtime.artifact import MANIFEST
from salmon.view.job.page import artifact_page, job_page
from salmon.view.job.record import STATUS
from salmon.view.page import PageKind

FILE = "page.html"


def _is_job(folder: Path) -> bool:
    """A sweep's folder has no status of its own."""
    return (folder / STATUS).is_file() or (folder / ".hydra" / "config.yaml").is_file()


def _is_artifact(folder: Path) -> bool:
    return (folder / MANIFEST).is_file()


JOB = PageKind("a job", _is_job, job_page, lambda folder: folder / FILE)
# Beside the artifact: a file within it would not be one of its files.
ARTIFACT = PageKind("an artifact", _is_artifact, artifact_page, lambda folder: folder.with_name(f"{folder.name}.html"))
