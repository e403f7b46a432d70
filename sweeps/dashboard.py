"""``python -m sweeps.dashboard STUDY``: the W&B workspace and report that compare a study's runs, as code.

STUDY is a name in ``sweeps/`` or ``conf/experiment/``, or any W&B group (``tracking.group``). Without ``--save`` the
two specifications are written as JSON, which needs no account.
"""

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("WANDB_DISABLE_WEAVE", "true")  # else it advertises itself where wandb is imported

import wandb
from omegaconf import OmegaConf

from salmon.config.overrides import is_seed
from salmon.config.register import CONF, ROOT
from salmon.errors import SalmonError
from salmon.runtime.console import configure_console, escape_unprintable
from salmon.runtime.files import storage_errors, write_text_atomic
from salmon.tracking.run_description import CELL
from sweeps.curves import UNITS
from sweeps.job_files import read_composed

try:
    import wandb_workspaces.reports.v2 as wr
    import wandb_workspaces.workspaces as ws
except ImportError:
    sys.exit("salmon: dashboards need wandb-workspaces: pip install -e '.[dashboards]'")

log = logging.getLogger("salmon")

# An axis that chooses a group is compared by the name in it.
NAMED_BY = {"model": "model.name", "principles": "principles.name", "ablation": "name"}
STEP = "ppo/step"  # the axis that every metric of PPO has (salmon/tracking/wandb_run.py)
SAMPLES = "samples/responses"
CHECKPOINTS = ("sft", "best", "last")  # what the eval stage calls them
BENCHMARKS = {
    "TruthfulQA MC1": "truthfulqa_mc1/acc",
    "TruthfulQA MC2": "truthfulqa_mc2/acc",
    "BBH direct, our extraction": "bbh_direct/accuracy",
    "BBH with CoT, our extraction": "bbh_cot/accuracy",
    "MT-Bench": "mt_bench/score",
}


def axes_of(study: str) -> list[str]:
    """Config keys that the study sweeps, without seeds; where nothing is known of it, the key that has all of them."""
    for path in (ROOT / "sweeps" / f"{study}.yaml", Path(CONF) / "experiment" / f"{study}.yaml"):
        if path.is_file():
            params = OmegaConf.select(read_composed(path, "Correct it"), "hydra.sweeper.params") or {}
            keys = [key for key in (str(key).lstrip("+") for key in params) if not is_seed(key)]
            return [NAMED_BY.get(key, key) for key in keys]
    return [CELL]


def sections(axes: Sequence[str]) -> list[ws.Section]:
    """Panels in the order in which a PPO study is read; a line is a choice on the first axis, its band the seeds'."""
    axis = axes[0]

    def line(title: str, metric: str) -> wr.LinePlot:
        return wr.LinePlot(
            title=title, x=STEP, y=[metric], groupby=wr.Config(axis), groupby_aggfunc="mean", groupby_rangefunc="minmax"
        )

    def every(title: str, pattern: str) -> wr.LinePlot:
        return wr.LinePlot(
            title=title,
            x=STEP,
            metric_regex=pattern,
            groupby=wr.Config(axis),
            groupby_aggfunc="mean",
            groupby_rangefunc="none",
        )

    return [
        ws.Section(
            name="1. Can the run be trusted",
            panels=[
                every("diagnoses (1: holds)", "^health/"),
                line("sampler and trainer apart", "sampler/logprob_difference"),
                line("critic", "value/explained_variance"),
            ],
            is_open=True,
        ),
        ws.Section(
            name="2. Reward and what it cost",
            panels=[
                line("reward, held-out prompts", "held_out/reward"),
                line("KL, held-out prompts", "held_out/kl"),
                wr.ScatterPlot(
                    title="reward against KL", x=wr.SummaryMetric("held_out/kl"), y=wr.SummaryMetric("held_out/reward")
                ),
                _parallel_coordinates(axes),
                line("score in rollouts", "objective/score"),
                line("KL in rollouts", "objective/kl"),
            ],
            is_open=True,
        ),
        ws.Section(
            name="3. Principles",
            panels=[
                every("score by principle", "^principle/.*/score$"),
                every("checks, held-out prompts", "^held_out/check/"),
                every("violations, held-out prompts", "^held_out/violations/"),
            ],
            is_open=True,
        ),
        ws.Section(
            name="4. Lengths",
            panels=[
                line("length, held-out prompts", "held_out/length"),
                line("length in rollouts", "response/length"),
                line("cut off", "objective/unfinished_rate"),
            ],
            is_open=False,
        ),
        ws.Section(
            name="5. Benchmarks",
            panels=[
                wr.BarPlot(
                    title=task,
                    metrics=[wr.SummaryMetric(f"eval/{checkpoint}/{metric}") for checkpoint in CHECKPOINTS],
                    groupby=wr.Config(axis),
                    groupby_aggfunc="mean",
                    groupby_rangefunc="stderr",
                )
                for task, metric in BENCHMARKS.items()
            ],
            is_open=True,
        ),
        ws.Section(name="6. Samples", panels=[wr.WeavePanelSummaryTable(table_name=SAMPLES)], is_open=False),
    ]


def _parallel_coordinates(axes: Sequence[str]) -> wr.ParallelCoordinatesPlot:
    """The swept settings, then what any two policies are compared by."""
    metrics: list[wr.Config | wr.SummaryMetric] = [*map(wr.Config, axes), *map(wr.SummaryMetric, UNITS)]
    return wr.ParallelCoordinatesPlot(
        title="what was swept, and what came of it",
        columns=[wr.ParallelCoordinatesPlotColumn(metric=metric) for metric in metrics],
    )


def study_workspace(study: str, entity: str, project: str) -> ws.Workspace:
    """All runs of the study, grouped by its axes."""
    axes = axes_of(study)
    return ws.Workspace(
        entity=entity,
        project=project,
        name=f"Study {study}",
        sections=sections(axes),
        runset_settings=ws.RunsetSettings(
            filters=[ws.Metric("Group") == study],
            groupby=[ws.Config(axis) for axis in axes],
            pinned_columns=[*map(config_column, axes), *(f"summary:{metric}" for metric in UNITS)],
        ),
    )


def config_column(key: str) -> str:
    """The column of a setting in W&B's table of runs, where ``.value`` stands behind the first part of the key."""
    first, _, rest = key.partition(".")
    return f"config:{first}.value{f'.{rest}' if rest else ''}"


def study_report(study: str, entity: str, project: str) -> wr.Report:
    """The same panels on one page, with what they are for."""
    axes = axes_of(study)
    runs = wr.Runset(
        entity=entity,
        project=project,
        name=study,
        filters=f"Metric('Group') = '{study}'",
        groupby=[f"config.{axis}" for axis in axes],
    )
    blocks: list = [wr.P(f"Runs of the W&B group {study}, by {', '.join(axes)}. Lines are means over seeds.")]
    for section in sections(axes):
        blocks += [wr.H2(section.name), wr.PanelGrid(runsets=[runs], panels=list(section.panels))]
    return wr.Report(entity=entity, project=project, title=f"Study {study}", blocks=blocks)


def main(arguments: Sequence[str] | None = None) -> None:
    escape_unprintable()
    parser = argparse.ArgumentParser(prog="python -m sweeps.dashboard", description=__doc__)
    parser.add_argument("study")
    parser.add_argument("--entity", default="", help="W&B user or team; default that of the login")
    parser.add_argument("--project", default="salmon", help="tracking.project of the runs")
    parser.add_argument("--out", type=Path, default=Path("."), help="folder for the specifications")
    parser.add_argument("--save", action="store_true", help="save both on W&B (after `wandb login`)")
    options = parser.parse_args(arguments)
    configure_console()
    try:
        views: dict[str, ws.Workspace | wr.Report] = {
            "workspace": study_workspace(options.study, options.entity, options.project),
            "report": study_report(options.study, options.entity, options.project),
        }
        for name, view in views.items():
            if options.save:
                save_view(view, name)
            else:
                path = options.out / f"{options.study}.{name}.json"
                with storage_errors(options.out):
                    write_text_atomic(path, view._to_model().model_dump_json(by_alias=True, indent=2))
                log.info("%s: %s (not saved on W&B; --save does it)", name, path)
    except SalmonError as error:
        sys.exit(f"salmon: {error}")


def save_view(view: "ws.Workspace | wr.Report", name: str) -> None:
    """Raises ``SalmonError`` where W&B refuses, or nobody is logged in."""
    if not wandb.api.api_key:
        raise SalmonError(f"{name}: W&B has no login here; run `wandb login`, or leave --save out")
    try:
        view.save()
    except (wandb.Error, ValueError) as error:
        raise SalmonError(f"{name}: W&B did not take it: {error}") from error
    log.info("%s: %s", name, view.url)


if __name__ == "__main__":
    main()
