"""Whether the network, and the Hugging Face hub, can be used."""

import os
import threading
import urllib.error
import urllib.request
from functools import cache

from eval.results import Unavailable

PROBE_TIMEOUT_S = 5.0


def offline() -> bool:
    """Whether the user has asked for no network (Hugging Face's own variables)."""
    wanted = (os.environ.get(name, "") for name in ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"))
    return any(value.lower() in {"1", "true", "yes", "on"} for value in wanted)


@cache
def reachable(url: str) -> bool:
    """Whether a server answers within a few seconds, name lookup included; asked once a process."""
    answered = threading.Event()

    def ask() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PROBE_TIMEOUT_S).close()
        except urllib.error.HTTPError:
            pass  # it answered, if only to refuse
        except (OSError, ValueError):  # ValueError: no address
            return
        answered.set()

    # A thread, because the time-out of a socket does not bound the look-up of the host's name.
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(PROBE_TIMEOUT_S + 1)
    return answered.is_set()


def require_hub() -> None:
    """Raise Unavailable when the Hugging Face hub cannot be reached; offline mode may have a warm cache."""
    endpoint = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
    if not offline() and not reachable(endpoint):
        raise Unavailable(f"hub unreachable ({endpoint}): set eval.data_dir, or HF_HUB_OFFLINE=1 to use a cached copy")
