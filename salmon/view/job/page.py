"""The page of a job, and that of one artifact."""

from collections.abc import Iterator
from pathlib import Path

from salmon.runtime.artifact import open_artifact
from salmon.view.job.pipeline import pipeline_section
from salmon.view.job.record import JobRecord, StageRecord, read_job_record
from salmon.view.page import Page


def job_page(folder: Path) -> Page:
    """Raises ``SalmonError`` where a file of the job's folder is damaged."""
    job = read_job_record(folder)
    return Page(
        title=str(job.config.get("name", folder.name)),
        subtitle=f"Job {folder}",
        sections=[pipeline_section(job.stages)],
        notices=list(_notices(job)),
    )


def artifact_page(folder: Path) -> Page:
    """Raises ``SalmonError`` where the manifest cannot be read."""
    artifact = open_artifact(folder)
    stage = StageRecord(artifact.stage, folder, False, artifact)
    return Page(
        title=artifact.name,
        subtitle=f"Artifact {folder}",
        sections=[pipeline_section([stage])],
    )


def _notices(job: JobRecord) -> Iterator[str]:
    """What a reader must know before the figures: that the job has not finished, and why."""
    status = job.status
    match status["state"]:
        case "finished":
            pass
        case "running":
            yield f"This job still runs: stage {status.get('stage')} (last sign of life {status.get('updated')})."
        case state:
            yield f"This job has {state} in stage {status.get('stage')}: {status.get('error')}"
    for stage in job.stages:
        if stage.problem:
            yield f"{stage.label}: {stage.problem}"
