"""``salmon``: the Hydra app. Importing it is cheap; what is heavy is imported when a stage runs."""

import os
import sys
import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import CompactHydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from salmon import __version__
from salmon.config.overrides import check_words, with_choices
from salmon.config.register import CONF, register
from salmon.config.schema import Config
from salmon.config.typed import to_typed
from salmon.distributed.launch import folder_overrides, leave, only_in_one_process, started_rank
from salmon.distributed.termination import end_on_sigterm, exit_status, signal_of
from salmon.errors import SalmonError
from salmon.pipeline.help import help_text, plan_help, play_help, store_help, view_help
from salmon.pipeline.isolation import run_isolated
from salmon.runtime.console import configure_console, escape_unprintable, unread_is_no_error
from salmon.runtime.exit_hooks import exit_hooks

T = TypeVar("T")

SECONDS_TO_SPEAK = 10.0
MEASURE = "--measure"


class Stopped(CompactHydraException):
    """A ``SalmonError`` on its way through Hydra, which prints it without a traceback."""


def clear_errors(task: Callable[[DictConfig], Any]) -> Callable[[DictConfig], Any]:
    """Make what a user can repair one plain message; our bugs keep their traceback."""

    @wraps(task)
    def guarded(composed: DictConfig) -> Any:
        try:
            return task(composed)
        except SalmonError as error:
            if started_rank():  # the first process says it, if it can before torchrun sees this one end and stops all
                time.sleep(SECONDS_TO_SPEAK)
                sys.exit(1)
            raise Stopped(f"\nsalmon: {error}\n") from None

    return guarded


register()


@hydra.main(version_base="1.3", config_path=CONF, config_name="config")
@clear_errors
def app(composed: DictConfig) -> None:
    cfg = to_typed(composed, Config)
    configure_console()
    container = OmegaConf.to_container(composed, resolve=True, enum_to_str=True)
    assert isinstance(container, dict)
    resolved = {str(key): value for key, value in container.items()}
    if shares_a_process():
        only_in_one_process("a multirun (-m)")
        run_isolated(cfg, resolved, job_folder())
    else:
        from salmon.pipeline.job import run_job

        run_job(cfg, resolved, job_folder())


def job_folder() -> Path:
    """Hydra's output folder of this job."""
    return Path(HydraConfig.get().runtime.output_dir)


def shares_a_process() -> bool:
    """Whether the launcher runs other jobs of a multirun in this process too; a task of Slurm has one job."""
    hydra_config = HydraConfig.get()
    return hydra_config.mode is RunMode.MULTIRUN and "submitit" not in hydra_config.launcher._target_


def said_clearly(action: Callable[[list[str]], T], words: list[str]) -> T:
    """What ``action`` makes of the words of the command line; what a person can repair ends the process."""
    try:
        return action(words)
    except SalmonError as error:
        sys.exit(f"\nsalmon: {error}\n")


def store_command(words: list[str]) -> int:
    """Print what ``salmon store`` has to say; the exit status."""
    from salmon.pipeline.store_command import run_store_command

    text, status = run_store_command(words)
    print(text)
    return status


def plan_text(words: list[str]) -> str:
    """What ``salmon plan`` prints; with ``--measure`` it runs what it plans."""
    if MEASURE in words:
        configure_console()
        from salmon.measure.command import measured_plan

        return measured_plan([word for word in words if word != MEASURE])
    from salmon.plan.command import render

    return render(words)


def view_text(words: list[str]) -> str:
    """What ``salmon view`` prints."""
    from salmon.view.command import run_view_command

    return run_view_command(words)


def play_command(words: list[str]) -> None:
    """Serve the page of ``salmon play``."""
    configure_console()  # before the import, which brings libraries that have something to say
    from salmon.play.command import play

    try:
        play(words)
    except KeyboardInterrupt as interruption:
        leave_interrupted(interruption, "salmon play", "Nothing was written, so nothing is lost.")


def leave_interrupted(interruption: KeyboardInterrupt, program: str, advice: str) -> NoReturn:
    """End the process that a signal stopped: one message from the first process of a job, and the signal's status."""
    if not started_rank():
        by = signal_of(interruption).name
        print(f"\n{program}: interrupted by {by}. {advice}", file=sys.stderr, flush=True)
    sys.exit(exit_status(interruption))


@unread_is_no_error()
def only_prints() -> bool:
    """Run the command if it is one that only prints; whether it was."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        command = {"play": play_help, "plan": plan_help, "store": store_help, "view": view_help}
        print(command.get(words[0], help_text)())
    elif words == ["--version"]:
        print(f"salmon-align {__version__}")
    elif words[:1] == ["plan"]:
        try:
            print(said_clearly(plan_text, checked(words)[1:]))
        except KeyboardInterrupt as interruption:
            leave_interrupted(interruption, "salmon plan", "Nothing was written, so nothing is lost.")
    elif words[:1] == ["view"]:
        print(said_clearly(view_text, checked(words)[1:]))
    elif words[:1] == ["store"]:
        if status := said_clearly(store_command, checked(words)[1:]):
            sys.exit(status)
    else:
        return False
    return True


def checked(words: list[str]) -> list[str]:
    """The words of a command line with its choices, of which none is misspelt."""
    complete = with_choices(words)
    said_clearly(check_words, complete)
    return complete


def main() -> None:
    """Entry point of the console script and of ``python -m salmon``."""
    escape_unprintable()
    if only_prints():
        return
    sys.argv[1:] = checked(sys.argv[1:])
    if sys.argv[1:2] == ["play"]:
        said_clearly(play_command, sys.argv[2:])
        return
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a fork after use would only print warnings
    sys.argv += folder_overrides()
    end_on_sigterm()
    try:
        app()
    except KeyboardInterrupt as interruption:
        leave_interrupted(interruption, "salmon", "Run the same command again to continue from the last checkpoint.")
    finally:
        for finish in exit_hooks:
            finish()
    leave()


if __name__ == "__main__":
    main()
