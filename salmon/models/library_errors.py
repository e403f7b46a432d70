"""Files and code of a model that others wrote: whatever they raise becomes one message."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from accelerate.utils.memory import should_reduce_batch_size
from transformers.utils import logging as transformers_logging

from salmon.errors import SalmonError

LONGEST_REASON = 400  # characters of a library's own message


@contextmanager
def refusing(
    what: str, remedy: str = "", known: Callable[[BaseException], str | None] = lambda error: None
) -> Iterator[None]:
    """Read foreign files, or run foreign code, in the body; libraries do it without a word.

    Args:
        what: what cannot be done where the body fails.
        remedy: what to do then.
        known: a whole message for an error whose reason is known, or None.

    Raises:
        SalmonError: the body failed, for any reason but a lack of memory.
    """
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        yield
    except SalmonError:
        raise
    except Exception as error:  # torn JSON, a key that is missing, a newer format: there is no end of kinds
        if isinstance(error, MemoryError) or should_reduce_batch_size(error):
            raise
        if message := known(error):
            raise SalmonError(message) from error
        reason = " ".join(str(error).split())[:LONGEST_REASON] or type(error).__name__
        raise SalmonError(f"{what}: {reason}" + (f". {remedy}" if remedy else "")) from error
    finally:
        transformers_logging.set_verbosity(before)
