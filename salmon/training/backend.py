"""What updates the trained tensors; salmon/training/local_backend.py and zero2_backend.py are two ways."""

from typing import Any, Protocol


class OptimizerBackend(Protocol):
    """An optimiser over the job's processes; all of them call the same methods in the same order."""

    def step(self, lr: float) -> float:
        """Sum the processes' gradients, clip the sum by its norm, update, and clear the gradients.

        A tensor that has no gradient in any process stays as it is. Nothing is updated where the norm is not finite.

        Returns:
            The norm of the summed gradient before clipping.
        """

    def state(self) -> dict[str, Any]:
        """The ``state_dict`` of torch's optimiser over the whole tensors; complete on the main process only."""

    def restore(self, state: dict[str, Any]) -> None:
        """Continue from such a state, of any number of processes, for the tensors as they are now."""

    def close(self) -> None:
        """Let go of the tensors: they keep their values, and another optimiser may train them."""
