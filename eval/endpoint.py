"""Judges of the evaluation behind an endpoint: what is logged, and when a judge cannot be had."""

import logging
from collections.abc import Iterator, Sequence

from eval.results import Unavailable
from salmon.runtime.endpoint.client import NOT_ASKED, Endpoint, MissingKey
from salmon.runtime.endpoint.messages import Reply, Request

log = logging.getLogger("salmon")


def ask(endpoint: Endpoint, requests: Sequence[Request]) -> Iterator[Reply]:
    """See ``Endpoint.ask``; failures are logged, and at the end what was asked so far.

    Raises:
        Unavailable: something has to be asked of OpenAI's own server, and there is no key.
    """
    try:
        for reply in endpoint.ask(requests):
            if reply.failed and reply.failure != NOT_ASKED:
                log.warning("%s", reply.failure)
            yield reply
    except MissingKey as error:
        raise Unavailable(str(error)) from error
    log.info("%s at %s: %s so far", endpoint.settings.model, endpoint.url, endpoint.totals.text)
