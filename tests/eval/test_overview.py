"""A job's pictures show the policies of all its stages."""

import json
from dataclasses import asdict

from eval.overview import conclude, draw_overview
from eval.provenance import Provenance
from eval.results import Row, TaskRows
from salmon.pipeline.registry import STAGES


def test_policies_of_several_stages_are_in_one_picture(tmp_path, monkeypatch):
    from matplotlib.figure import Figure

    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda self, *_, **__: drawn.append(self))
    for name in ("sft", "ppo_best"):
        rows = [Row(name, "mt_bench", f"score/{c}", 5.0, None, 2, "") for c in ("math", "stem", "writing")]
        folder = tmp_path / "artifacts" / f"eval_of_{name}"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"rows": [asdict(row) for row in rows]}))
    STAGES["eval"].draw_overview(tmp_path)
    (radar,) = drawn
    assert sorted(line.get_label() for line in radar.axes[0].get_lines()) == ["ppo_best", "sft"]
    assert STAGES["eval"].overview == f"{draw_overview.__module__}:draw_overview"


def test_policies_of_several_stages_are_compared_item_by_item(tmp_path):
    for name, scores in (("sft", (0.0, 0.0, 1.0)), ("ppo_last", (1.0, 1.0, 1.0))):
        row = TaskRows(name, "bbh_direct", Provenance("harness", "bbh")).mean("accuracy", scores, items=["a", "b", "c"])
        folder = tmp_path / "artifacts" / f"eval_of_{name}"
        folder.mkdir(parents=True)
        (folder / "results.json").write_text(json.dumps({"rows": [asdict(row)]}))
    (said,) = STAGES["eval"].conclude(tmp_path)
    assert "sft" in said and "ppo_last" in said and "0.667" in said and "not told apart" in said
    assert STAGES["eval"].conclusions == f"{conclude.__module__}:conclude"
    assert STAGES["ppo"].conclude(tmp_path) == []
