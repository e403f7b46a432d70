"""``python -m eval checkpoint=...``: the benchmarks on checkpoints that exist.

``checkpoint`` is the path of an artifact folder (all its policies, or its reward model) or of a PEFT adapter folder,
the hub id of an adapter, or ``base``. ``suite=NAME`` is ``eval=NAME``. ``task=...`` takes the place of ``eval.tasks``;
``principle_following`` measures reward models, ``pairs`` both, all other tasks policies.
Several are separated by commas, which Hydra wants in quotes inside the shell's: ``'checkpoint="A,B,base"'``. They share
one loaded base. With ``-m`` and without the inner quotes each has a job, and a folder below ``output``, of its own.
``sweep=FOLDER`` takes all checkpoints of a finished multirun instead, and writes where its report reads them.

``torchrun --nproc-per-node N -m eval engine=ddp ...`` shares the benchmarks out over N processes, one a GPU.

``python -m eval score task=... predictions=FILE`` scores saved outputs without a model (``eval.score``).
"""

import logging
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from eval.checkpoints import check_tasks, find_checkpoints
from eval.config import EvalApp
from eval.extension import register_app
from eval.inputs import check_files
from eval.sources import require_data
from eval.sweep import evaluate_sweep, plan_sweep
from salmon.cli import clear_errors, leave_interrupted, said_clearly
from salmon.config.overrides import check_words
from salmon.config.register import CONF
from salmon.config.run import Engine
from salmon.config.slug import slug, text_digest
from salmon.config.typed import to_typed
from salmon.distributed.launch import folder_overrides, joined, leave, only_in_one_process
from salmon.distributed.termination import end_on_sigterm
from salmon.distributed.world import world
from salmon.errors import SalmonError
from salmon.models import weights
from salmon.models.identity import settled
from salmon.runtime.console import configure_console, escape_unprintable
from salmon.tracking.wandb_environment import check_environment

register_app()

LONGEST_NAME = 120  # of a job's folder


@hydra.main(version_base="1.3", config_path=CONF, config_name="eval_app")
@clear_errors
def eval_app(composed: DictConfig) -> None:
    cfg = typed(composed)
    configure_console()
    if HydraConfig.get().mode is RunMode.MULTIRUN:
        only_in_one_process("a multirun (-m)")
    start(cfg)


def start(cfg: EvalApp) -> None:
    """Evaluate in the processes of the job."""
    if cfg.engine.kind is not Engine.single:
        # Before they meet: of processes that have, transformers' save_pretrained writes in the first only.
        for model in [cfg.model] if cfg.sweep is None else [of_base.model for of_base in plan_sweep(cfg)]:
            weights.resolve(model.path, Path(cfg.paths.cache).expanduser())
    with joined(cfg.engine.kind, cfg.model.device) as here:
        if cfg.sweep is not None:
            check_environment(cfg.tracking)
            evaluate_sweep(cfg)
            return
        run(replace(cfg, model=here.on_main(lambda: settled(cfg.model))))


def typed(composed: DictConfig) -> EvalApp:
    """The checked config, with ``task`` in the place of ``eval.tasks``.

    Raises:
        SalmonError: what is wrong with it.
    """
    if not OmegaConf.is_missing(composed, "task") and composed.get("task") is not None:
        composed.eval.tasks = [composed.task]
    cfg = to_typed(composed, EvalApp)
    if (cfg.checkpoint is None) == (cfg.sweep is None):
        raise SalmonError(
            "give either checkpoint= (artifact folders, adapter folders, or base) or sweep= (folder of a multirun)"
        )
    return cfg


def main() -> None:
    """Entry point of ``python -m eval``."""
    escape_unprintable()
    if sys.argv[1:2] == ["score"]:
        score_command(sys.argv[2:])
        return
    sys.argv[1:] = [re.sub("^suite=", "eval=", word) for word in sys.argv[1:]]  # the config group is the stage's
    said_clearly(check_words, sys.argv[1:])
    sys.argv += folder_overrides()
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a fork after use would only print warnings
    end_on_sigterm()
    try:
        eval_app()
    except KeyboardInterrupt as interruption:
        leave_interrupted(interruption, "eval", "Run the same command again: finished tasks and answers are kept.")
    leave()


def score_command(words: Sequence[str]) -> None:
    """Show the scores of saved outputs; exit status 1 and one message where they cannot be had."""
    from eval.score.command import run_score

    try:
        print(run_score(words))
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


def output_folder(cfg: EvalApp) -> Path:
    """``cfg.output``; of a multirun's job the folder in it that the job's overrides name."""
    output = Path(cfg.output).expanduser().resolve()
    if not HydraConfig.initialized() or HydraConfig.get().mode is not RunMode.MULTIRUN:
        return output
    words = HydraConfig.get().job.override_dirname
    name = slug(words)
    if len(name) > LONGEST_NAME:
        name = f"{name[-LONGEST_NAME:].lstrip('_')}-{text_digest(words)}"
    return output / name


def run(cfg: EvalApp) -> None:
    """Evaluate, write the results below ``cfg.output`` and show the table."""
    check_environment(cfg.tracking)
    checkpoints = find_checkpoints(cfg.checkpoint or "")
    check_tasks(checkpoints, cfg.eval.tasks)
    require_data(cfg.eval.data_dir, cfg.eval.tasks)
    check_files(cfg.eval, Path(cfg.paths.cache).expanduser())
    from eval.conclusions import conclusions
    from eval.preflight import require_usable
    from eval.record import record
    from eval.stage import evaluate_all
    from eval.tracked import tracked
    from salmon.models.loading import load_base
    from salmon.pipeline.headlines import headlines
    from salmon.runtime.files import storage_errors

    output = output_folder(cfg)
    with storage_errors(output):
        output.mkdir(parents=True, exist_ok=True)
    shared = load_base(cfg.model, Path(cfg.paths.cache).expanduser())
    if checkpoints.policies:
        require_usable(cfg, shared)
    if world().rank:
        evaluate_all(cfg, shared, checkpoints, output)
        return
    with tracked(cfg, f"eval-{cfg.model.name}", checkpoints, output) as tracker:
        rows = evaluate_all(cfg, shared, checkpoints, output)
        shown = "\n\n".join([*headlines([asdict(row) for row in rows]), "\n".join(conclusions(rows))])
        logging.getLogger("salmon").info("\n%s\n\nall figures: %s", shown, output / "results.md")
        record(cfg, checkpoints, rows, output, tracker)


if __name__ == "__main__":
    main()
