"""What a stage is given besides its config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from salmon.distributed.world import world
from salmon.models.base import SharedModel
from salmon.runtime.files import storage_errors
from salmon.runtime.store import STATE, Artifact
from salmon.sampling.sampler import Sampler
from salmon.tracking.tracker import Tracker


@dataclass(frozen=True)
class StageContext:
    """Folder, inputs, record and shared resources of one stage run."""

    work: Path  # folder of the artifact in the making; holds what an interrupted try left
    inputs: Mapping[str, Artifact]  # by the name of the stage that made them
    tracker: Tracker
    shared: Callable[[], SharedModel]  # the base, loaded at the first call and free of adapters
    sampler: Sampler  # draws the responses of every policy in this job
    sample_rows: int  # rows of each sample table
    # What the stage says of its policies, for the manifest:
    checkpoints: dict[str, str] = field(default_factory=dict)  # those besides its ``StageSpec``'s, name -> folder
    steps: dict[str, int] = field(default_factory=dict)  # updates that made each, where that is known

    @property
    def state(self) -> Path:
        """Folder of what an interrupted try goes on from; it is removed once the artifact is finished."""
        return self.work / STATE

    def write(self, action: Callable[[], object]) -> None:
        """Write below ``work``, in the first process only.

        Raises:
            SalmonError: the folder cannot be written.
        """

        def guarded() -> None:
            with storage_errors(self.work):
                action()

        world().on_main(guarded)
