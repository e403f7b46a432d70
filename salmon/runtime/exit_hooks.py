"""What is left to do once Hydra has ended: its callbacks hear nothing of the end of a multirun with a failed job."""

from collections.abc import Callable

at_end: list[Callable[[], None]] = []  # called by the app's ``main``, in this order
