"""The server: on this machine only, silent, and its events answer what the page's functions do."""

import os
import socket
from importlib.util import find_spec
from urllib.parse import urlparse

import pytest

from tests.play.served import LONG, SHORT, served

pytestmark = pytest.mark.slow
needs_gradio = pytest.mark.skipif(find_spec("gradio") is None, reason="gradio is not installed")


@needs_gradio
def test_the_page_is_served_here_only_and_nothing_is_fetched_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx

    monkeypatch.setenv("GRADIO_SERVER_NAME", "0.0.0.0")  # does not move it
    asked: list[object] = []
    connect = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", lambda self, address: asked.append(address) or connect(self, address))
    with served() as address:
        assert urlparse(address).hostname == "127.0.0.1"
        page = httpx.get(address).text
        config = httpx.get(f"{address}config").json()
        with socket.socket() as other, pytest.raises(OSError):
            other.settimeout(1)
            other.connect((socket.gethostbyname(socket.gethostname()), urlparse(address).port or 0))
            if socket.gethostbyname(socket.gethostname()).startswith("127."):
                raise OSError("this machine has no other address")
    assert "fonts.googleapis.com" not in page and "google-analytics" not in page
    assert config["analytics_enabled"] is False
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    hosts = {address[0] for address in asked if isinstance(address, tuple)}
    assert hosts <= {"127.0.0.1", "::1", "localhost", socket.gethostbyname(socket.gethostname())}


@needs_gradio
def test_the_events_of_the_page_answer() -> None:
    from gradio_client import Client

    with served() as address:
        client = Client(address, verbose=False)
        client.predict("Name a fish.", 3, 1.0, 0, api_name="/sample")
        said = client.predict("Use a list.", "", "", "for", "for", "for", api_name="/ranking")
        assert said.index(LONG.splitlines()[0]) < said.index(SHORT)
        turned = client.predict("Use a list.", "", "", "against", "for", "for", api_name="/ranking")
        assert turned.index(SHORT) < turned.index(LONG.splitlines()[0])
        assert "<script" not in turned and "<img" not in turned
