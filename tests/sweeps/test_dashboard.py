"""The W&B workspace and report of a study, as the specifications that W&B would get."""

import json
import re

import pytest

from salmon.tracking.glossary import find
from sweeps import dashboard
from sweeps.dashboard import axes_of, study_report, study_workspace


@pytest.mark.parametrize(
    ("study", "axes"),
    [
        ("kl", ["ppo.kl.coefficient"]),
        ("principles_by_size", ["model.name", "principles.name"]),
        ("controllability", ["principles.name"]),
        ("ablations", ["name"]),
        ("a group of mine", ["cell"]),
    ],
)
def test_axes_are_those_of_the_study_without_its_seeds(study, axes):
    assert axes_of(study) == axes


def test_the_workspace_has_the_studys_runs_by_its_axes():
    text = study_workspace("principles_by_size", "team", "salmon")._to_model().model_dump_json(by_alias=True)
    assert '"principles_by_size"' in text.replace('\\"', '"')
    for key in ("model.value.name", "principles.value.name"):
        assert key in text, "nested config, as W&B stores it"


def test_what_was_swept_is_chosen_already():
    workspace = study_workspace("principles_by_size", "team", "salmon")
    assert workspace.runset_settings.pinned_columns[:3] == [
        "run:displayName",
        "config:model.value.name",
        "config:principles.value.name",
    ]
    panels = [panel for section in workspace.sections for panel in section.panels]
    (plot,) = [panel for panel in panels if isinstance(panel, dashboard.wr.ParallelCoordinatesPlot)]
    assert [column.metric.name for column in plot.columns] == [
        "model.name",
        "principles.name",
        "held_out/reward",
        "held_out/kl",
        "held_out/length",
    ]
    assert dashboard.config_column("cell") == "config:cell.value"


def test_panels_are_about_metrics_that_exist():
    panels = [panel for section in dashboard.sections(["principles.name"]) for panel in section.panels]
    lines = [panel for panel in panels if isinstance(panel, dashboard.wr.LinePlot)]
    assert {line.x for line in lines} == {"ppo/step"}
    assert [name for line in lines for name in line.y if find(name, "ppo") is None] == []
    by_principle = ["principle/Concise/score", "held_out/check/Concise", "held_out/violations/Concise", "health/kl"]
    assert all(find(name, "ppo") for name in by_principle)
    for expression in [line.metric_regex for line in lines if line.metric_regex]:
        assert len([name for name in by_principle if re.search(expression, name)]) == 1, expression
    bars = [panel for panel in panels if isinstance(panel, dashboard.wr.BarPlot)]
    assert [metric.name for metric in bars[0].metrics] == [
        "eval/sft/truthfulqa_mc1/acc",
        "eval/best/truthfulqa_mc1/acc",
        "eval/last/truthfulqa_mc1/acc",
    ]


def test_the_report_has_the_same_panels():
    text = study_report("kl", "", "salmon")._to_model().model_dump_json(by_alias=True)
    for title in ("2. Reward and what it cost", "reward against KL", "6. Samples"):
        assert title in text


def test_the_specifications_are_written_without_an_account(tmp_path, capsys):
    dashboard.main(["kl", "--out", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"kl.workspace.json", "kl.report.json"}
    assert json.loads((tmp_path / "kl.workspace.json").read_text())
    assert "not saved on W&B" in capsys.readouterr().out


def test_saving_needs_a_login(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(SystemExit, match="salmon: workspace: W&B has no login here"):
        dashboard.main(["kl", "--save"])
