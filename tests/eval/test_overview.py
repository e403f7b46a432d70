"""A job's pictures show the policies of all its stages."""

import json
from dataclasses import asdict

from eval.overview import draw_overview
from eval.results import Row
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
