"""``salmon play``: refuse what cannot work, load the models, serve the page."""

import logging
import socket
import webbrowser
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from salmon.errors import SalmonError
from salmon.play.found import Shown, find_shown
from salmon.play.options import HOST, PORT, PlayOptions, parse_play

log = logging.getLogger("salmon")

EXTRA = "pip install 'salmon-align[play]'"


def check_machine(options: PlayOptions) -> None:
    """Refuse what this machine cannot do, before a model takes its time.

    Raises:
        SalmonError: gradio is not installed, the port is taken, or there is no browser to open.
    """
    if find_spec("gradio") is None:
        raise SalmonError(f"salmon play needs gradio, which is not installed: {EXTRA}")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one that is only closing is free
        try:
            probe.bind((HOST, options.port))
        except OSError as error:
            raise SalmonError(
                f"port {options.port} on {HOST} cannot be used ({error.strerror}): give another, as in --port "
                f"{options.port + 1 if options.port < 65535 else PORT}"
            ) from error
    if options.open:
        try:
            webbrowser.get()
        except webbrowser.Error as error:
            raise SalmonError(
                f"--open: there is no browser on this machine. Leave it out, and open http://{HOST}:{options.port}/ in "
                "yours (from another machine: ssh -L)"
            ) from error


def play(arguments: Sequence[str]) -> None:
    """Find the models, load them, and serve the page until the process is interrupted.

    Raises:
        SalmonError: see ``check_machine`` and ``find_shown``; or a model does not fit the base.
    """
    options = parse_play(arguments)
    # 1. Everything that can be wrong, before a model is loaded.
    check_machine(options)
    shown = find_shown(options.checkpoints)
    serve(shown, options)


def serve(shown: Shown, options: PlayOptions) -> None:
    """Load the models and show the page; returns once the server is stopped."""
    # torch, gradio: seconds that a refused command need not wait
    from salmon.models.loading import load_base
    from salmon.plan.command import compose_config
    from salmon.play.app import PlayPage, build, launch
    from salmon.play.obedience import measured_obedience
    from salmon.play.playground import opened_playground
    from salmon.play.training_texts import training_texts
    from salmon.play.view import Known
    from salmon.sampling.sampler import transformers_sampler

    texts, obedience = training_texts(shown.reward), measured_obedience(shown.reward)
    shared = load_base(shown.model, Path(compose_config([]).paths.cache))
    with opened_playground(shared, shown, transformers_sampler) as playground:
        known = Known(shown.reward.name, playground.reward.reads_principles, texts, obedience)
        if known.warning:
            log.warning("%s", known.warning)
        blocks = build(PlayPage(playground, known, options.tokens), options.answers)
        log.info("salmon play: http://%s:%d/ (stop it with Ctrl-C)", HOST, options.port)
        launch(blocks, options.port, options.share, options.open)
