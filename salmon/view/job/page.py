"""The page of a job, and that of one artifact with all that it was made from."""

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import entry_points
from pathlib import Path

from salmon.errors import SalmonError
from salmon.runtime.status import process_gone
from salmon.view.job.alarms import alarm_sections
from salmon.view.job.curves import curve_sections
from salmon.view.job.headlines import headline_sections
from salmon.view.job.pipeline import pipeline_sections
from salmon.view.job.record import JobRecord, read_job_record, read_lineage
from salmon.view.job.repeat import repeat_sections
from salmon.view.job.responses import response_sections
from salmon.view.job.settings import setting_sections
from salmon.view.page import Page, PageSection

# Sections of a job's page, none where there is nothing to show. An entry point of the group ``salmon.sections`` names
# one: so ``eval``, which imports ``salmon``, shows its benchmarks.
SectionMaker = Callable[[JobRecord], Iterable[PageSection]]


def job_page(folder: Path) -> Page:
    """Raises ``SalmonError`` where a file of the job's folder is damaged."""
    job = read_job_record(folder)
    title = str(job.config.get("name", folder.name))
    return _page(job, title, f"Job {folder.absolute()}", list(_state(job, folder)))


def artifact_page(folder: Path) -> Page:
    """Raises ``SalmonError`` where the manifest cannot be read."""
    job = read_lineage(folder)
    return _page(job, f"{job.stages[-1].stage} {folder.name}", f"Artifact {folder.absolute()}", [])


def _page(job: JobRecord, title: str, subtitle: str, notices: list[str]) -> Page:
    """One part that cannot be read takes no other along."""
    notices += [f"{stage.label}: {stage.problem}" for stage in job.stages if stage.problem]
    sections: list[PageSection] = []
    for make in _section_makers():
        try:
            sections += make(job)
        except SalmonError as error:
            notices.append(f"Left out here: {error}")
    return Page(title, subtitle, sections, list(dict.fromkeys(notices)))  # parts that read one file say the same of it


def _section_makers() -> Iterator[SectionMaker]:
    yield from (headline_sections, alarm_sections, pipeline_sections, curve_sections, response_sections)
    yield from (point.load() for point in entry_points(group="salmon.sections"))
    yield from (setting_sections, repeat_sections)


def _state(job: JobRecord, folder: Path) -> Iterator[str]:
    """What must be known of a job that has not finished: where it stands, why, and what to do."""
    status = job.status
    where = f" in stage {status['stage']}" if status.get("stage") else ""
    again = "The same command goes on from the last checkpoint; finished stages are not made again."
    match status["state"]:
        case "finished":
            pass
        case "running" if process_gone(status):
            yield f"This job was killed{where}: its process {status.get('process')} is gone. {again}"
        case "running":
            progress = status.get("progress") or {}
            done = f", {progress['done']} of {progress['total']} {progress['unit']}" if progress else ""
            yield (
                f"This job still runs{where}{done} (last sign of life {status.get('updated')}). "
                f"For a newer page: salmon view {folder}"
            )
        case "not started":
            yield f"This job has not started: {folder / 'status.json'} is not there."
        case state:
            yield f"This job {'has' if state == 'failed' else 'was'} {state}{where}: {status.get('error')}\n{again}"
