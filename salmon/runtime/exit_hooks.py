"""What is to be done once Hydra has ended: its callbacks are not told of the end of a multirun with a failed job."""

from collections.abc import Callable

exit_hooks: list[Callable[[], None]] = []  # called by the app's ``main``, in this order
