"""Our TruthfulQA beside lm-eval's own command line: same model, same items.

``python -m tests.bench.against_lm_eval DATA [ITEMS]`` with a folder that has truthfulqa/mc_task.json (SmolLM2-135M).
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import lm_eval
import yaml

from eval.lm_eval.harness import write_rows
from eval.sources import truthfulqa_rows
from eval.truthfulqa.choices import run_truthfulqa
from salmon.models.loading import load_base
from salmon.models.weights import resolve
from tests.bench.eval import TASKS, evaluation

BATCH = 16


def by_command_line(weights: Path, data: Path, items: int, work: Path, adapter: Path | None = None) -> dict[str, float]:
    """``acc`` of each task from ``lm-eval run`` in a process of its own."""
    rows = write_rows(work / "rows.jsonl", truthfulqa_rows(data))
    packaged = Path(lm_eval.__file__).parent / "tasks" / "truthfulqa"
    for task in TASKS:
        local = {
            "include": str(packaged / f"{task}.yaml"),
            "task": f"local_{task}",
            "dataset_path": "json",
            "dataset_name": None,
            "dataset_kwargs": {"data_files": {"validation": str(rows)}, "cache_dir": str(work / "cache")},
        }
        (work / f"{task}.yaml").write_text(yaml.safe_dump(local))
    peft = f",peft={adapter}" if adapter else ""
    command = [
        sys.executable,
        "-m",
        "lm_eval",
        "run",
        "--model",
        "hf",
        "--model_args",
        f"pretrained={weights},dtype=float32{peft}",
        "--tasks",
        ",".join(f"local_{task}" for task in TASKS),
        "--include_path",
        str(work),
        "--limit",
        str(items),
        "--batch_size",
        str(BATCH),
        "--device",
        "cpu",
        "--output_path",
        str(work / "out"),
    ]
    subprocess.run(command, check=True, capture_output=True, text=True)
    (file,) = (work / "out").rglob("results_*.json")
    results = json.loads(file.read_text())
    return {task: results["results"][f"local_{task}"]["acc,none"] for task in TASKS}


def main(data: Path, items: int) -> None:
    cfg = evaluation(items, BATCH)
    cache = Path(cfg.paths.cache).expanduser()
    shared = load_base(cfg.model, cache)
    with TemporaryDirectory() as folder:
        rows = run_truthfulqa(shared, "base", TASKS, cfg.eval, data, Path(folder) / "ours")
        theirs = by_command_line(resolve(cfg.model.path, cache), data, items, Path(folder))
    print(f"{items} items, lm-eval {lm_eval.__version__}")
    for row in rows:
        print(f"{row.task}: ours {row.value:.4f}, lm-eval's command line {theirs[row.task]:.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 817)
