"""What a person gave a job, all of it read before the first stage starts, and every problem said at once."""

from collections.abc import Callable, Iterable

from salmon.errors import SalmonError


def check_all(checks: Iterable[Callable[[], object]]) -> None:
    """Run every check, also after one that fails.

    Raises:
        SalmonError: what is wrong, each thing once.
    """
    found: dict[str, SalmonError] = {}
    for check in checks:
        try:
            check()
        except SalmonError as error:
            found.setdefault(str(error), error)
    if len(found) == 1:
        raise next(iter(found.values()))
    if found:
        raise SalmonError(f"{len(found)} problems:\n" + "\n".join(f"  - {problem}" for problem in found))
