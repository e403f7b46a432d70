"""The one exception for everything a user can cause and repair."""


class SalmonError(Exception):
    """Bad input, a missing file, a full disk, a diverged run: anything that is not a bug of ours.

    The message names the file, line, key or step and says what to do. The command line prints
    it without a traceback; every other exception is a bug and keeps its traceback.
    """
