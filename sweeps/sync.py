"""``python -m sweeps.sync FOLDER...``: upload the offline W&B runs below, in an order in which W&B understands them.

A run that made an artifact goes before those that use it, and the parts of an interrupted run in the order in which
they were written. What was uploaded is skipped; one that fails does not stop the others. ``--dry-run``: the order only.
"""

import argparse
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.console import configure_console, escape_unprintable

log = logging.getLogger("salmon")

WANDB = (sys.executable, "-m", "wandb")


@dataclass(frozen=True)
class OfflinePart:
    """What one process wrote of a run: a folder ``offline-run-<time>-<id>``."""

    folder: Path
    run_id: str
    name: str
    made: frozenset[str]  # names of artifacts
    used: frozenset[str]

    @property
    def synced(self) -> bool:
        return _synced(self.folder)


def _synced(folder: Path) -> bool:
    return any(folder.glob("run-*.wandb.synced"))  # W&B's mark


def find_parts(folders: Sequence[Path]) -> list[OfflinePart]:
    """All below the folders, in the order of their time."""
    for folder in folders:
        if not folder.is_dir():
            raise SalmonError(f"{folder}: no such folder; give the one that holds wandb/, as paths.wandb says")
    files = {file.resolve() for folder in folders for file in folder.rglob("offline-run-*/run-*.wandb")}
    with ThreadPoolExecutor() as pool:  # a process each
        return list(pool.map(_read, sorted(files, key=lambda file: (file.parent.name, str(file)))))


def _read(file: Path) -> OfflinePart:
    """A file that W&B's reader cannot read keeps its place by time, so that its upload says why."""
    run_id = file.name.removeprefix("run-").removesuffix(".wandb")
    if _synced(file.parent):  # its artifacts are there, so it may stand anywhere
        return OfflinePart(file.parent, run_id, "", frozenset(), frozenset())
    done = subprocess.run(
        [*WANDB, "leet", "inspect", "--json", str(file.parent)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    records: list[dict[str, Any]] = []
    for line in done.stdout.splitlines():
        try:
            records.append(json.loads(line))
        except ValueError:
            break  # a kill cut it off
    artifacts = [record["artifact"] for record in records if record["type"] == "artifact"]
    names = [record["run"].get("display_name", "") for record in records if record["type"] == "run"]
    used = frozenset(artifact["name"] for artifact in artifacts if artifact.get("use_after_commit"))
    made = frozenset(artifact["name"] for artifact in artifacts) - used
    return OfflinePart(file.parent, run_id, names[0] if names else "", made, used)


def in_order(parts: Sequence[OfflinePart]) -> list[OfflinePart]:
    """Stable: parts in the order of time, except where an artifact's maker would come too late.

    The parts of a run stay together, since only its last one tells what it made.
    """
    runs: dict[str, list[OfflinePart]] = {}
    for part in parts:
        runs.setdefault(part.run_id, []).append(part)
    makers = {name: run_id for run_id, of_run in runs.items() for part in of_run for name in part.made}
    ordered: list[OfflinePart] = []
    entered: set[str] = set()

    def enter(run_id: str) -> None:
        if run_id in entered:
            return
        entered.add(run_id)
        for name in sorted(name for part in runs[run_id] for name in part.used):
            if name in makers:
                enter(makers[name])
        ordered.extend(runs[run_id])

    for run_id in runs:
        enter(run_id)
    return ordered


def upload(part: OfflinePart, command: Sequence[str] = WANDB) -> str | None:
    """Why it failed; None when it is uploaded. W&B's command ends with status 0 either way, so its mark decides."""
    done = subprocess.run(
        [*command, "sync", str(part.folder)],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if part.synced:
        return None
    said = [line.removeprefix("wandb: ").strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return said[-1] if said else f"wandb sync ended with status {done.returncode} and without its mark"


def sync(parts: Sequence[OfflinePart], command: Sequence[str] = WANDB) -> Mapping[Path, str]:
    """Upload those that are not yet; the folders that failed, and why."""
    failed: dict[Path, str] = {}
    broken: set[str] = set()
    waiting = [part for part in parts if not part.synced]
    for number, part in enumerate(waiting, 1):
        if part.run_id in broken:
            failed[part.folder] = "an earlier part of the run failed"
            continue
        problem = upload(part, command)
        if problem is not None:
            failed[part.folder] = problem
            broken.add(part.run_id)
        log.info("%d/%d %s: %s", number, len(waiting), _label(part), problem or "uploaded")
    return failed


def require_login() -> None:
    """A key in the environment or in netrc, as ``wandb login`` writes it."""
    os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")
    import wandb

    if not wandb.api.api_key:
        raise SalmonError("W&B has no login here: run `wandb login`, or set WANDB_API_KEY; --dry-run needs none")


def _label(part: OfflinePart) -> str:
    return f"{part.folder.name} {part.name}".rstrip()


def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.sync", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="+", metavar="FOLDER", help="where runs lie, at any depth: runs")
    parser.add_argument("--dry-run", action="store_true", help="show the order, upload nothing")
    options = parser.parse_args(arguments)
    configure_console()
    try:
        parts = in_order(find_parts(options.folders))
        if options.dry_run:
            for part in parts:
                log.info("%s%s", _label(part), " (synced)" if part.synced else "")
            return
        require_login()
        failed = sync(parts)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")
    done = sum(part.synced for part in parts)
    log.info("%d of %d parts of runs are uploaded", done, len(parts))
    if failed:
        sys.exit("salmon: not uploaded:\n" + "\n".join(f"  {folder}: {why}" for folder, why in failed.items()))


if __name__ == "__main__":
    main()
