"""The command line of ``salmon play``: what it refuses, before a model is loaded."""

import socket
import webbrowser

import pytest

import salmon.play.command as module
from salmon.cli import main
from salmon.errors import SalmonError
from salmon.play.command import check_machine, play
from salmon.play.options import PlayOptions, parse_play


@pytest.fixture(autouse=True)
def _nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "serve", lambda shown, options: pytest.fail("a model would be loaded"))


@pytest.fixture
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def _has_gradio(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: object())


def test_options_and_folders() -> None:
    assert parse_play([]) == PlayOptions()
    words = ["a", "--answers=4", "--port", "80", "b", "--share", "--open", "--tokens", "5"]
    assert parse_play(words) == PlayOptions(["a", "b"], 4, 5, 80, share=True, open=True)
    assert not parse_play([]).share, "no public link unless it is asked for"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--gone"], "no option --gone"),
        (["-p", "1"], "no option -p"),
        (["--share=yes"], "no option --share=yes"),
        (["--port"], "--port takes a whole number from 1 to 65535, not ''"),
        (["--port", "70000"], "not '70000'"),
        (["--answers=0"], "from 1 to 16, not '0'"),
        (["--tokens", "many"], "not 'many'"),
    ],
)
def test_wrong_options(words: list[str], message: str) -> None:
    with pytest.raises(SalmonError, match=message):
        parse_play(words)


def test_gradio_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(SalmonError, match=r"needs gradio, which is not installed: pip install 'salmon-align\[play\]'"):
        play([])


@pytest.mark.usefixtures("_has_gradio")
def test_a_port_in_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SalmonError, match=f"port {port} on 127.0.0.1 cannot be used .*give another"):
            play([f"--port={port}"])


@pytest.mark.usefixtures("_has_gradio")
def test_no_browser(monkeypatch: pytest.MonkeyPatch, free_port: int) -> None:
    def none() -> None:
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setattr(webbrowser, "get", none)
    check_machine(PlayOptions(port=free_port))
    with pytest.raises(SalmonError, match=rf"there is no browser.*open http://127.0.0.1:{free_port}/ in yours"):
        check_machine(PlayOptions(port=free_port, open=True))


@pytest.mark.usefixtures("_has_gradio")
def test_no_store_is_one_line_of_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path, free_port: int) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["salmon", "play", f"--port={free_port}"])
    with pytest.raises(
        SystemExit, match=r"\nsalmon: there is no PPO policy and no reward model in .*run `salmon` first"
    ):
        main()


def test_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["salmon", "play", "--help"])
    main()
    said = capsys.readouterr().out
    assert all(option in said for option in ("--answers", "--tokens", "--port", "--share", "--open", "CHECKPOINT"))
