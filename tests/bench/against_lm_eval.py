"""Our TruthfulQA beside lm-eval's own command line: same model, same items, figures and time.

``python -m tests.bench.against_lm_eval DATA [ITEMS]`` with a folder that has truthfulqa/mc_task.json (SmolLM2-135M).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import lm_eval
import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from omegaconf import OmegaConf

from eval.config import EvalApp
from eval.extension import register_app
from eval.lm_eval.harness import write_rows
from eval.lm_eval.model import PrefixLM
from eval.sources import truthfulqa_rows
from eval.truthfulqa.choices import run_truthfulqa
from salmon.config.register import CONF
from salmon.models.base import SharedModel
from salmon.models.loading import load_base
from salmon.models.packing.continuations import Continuations
from salmon.models.packing.layout import ContextAndContinuation
from salmon.models.weights import resolve

TASKS = ("truthfulqa_mc1", "truthfulqa_mc2")
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


@dataclass
class Scoring:
    """What our scoring of the choices was asked, did and took."""

    requests: list[Instance] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)  # of each forward pass, behind the shared prefix
    seconds: float = 0.0


@contextmanager
def observed() -> Iterator[Scoring]:
    """Watch ``PrefixLM`` at work."""
    seen, ask, score = Scoring(), PrefixLM.loglikelihood, Continuations.hidden_states

    def loglikelihood(self: PrefixLM, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        began = time.perf_counter()
        found = ask(self, requests)
        seen.requests, seen.seconds = requests, time.perf_counter() - began
        return found

    def hidden_states(self: Continuations, pairs: Sequence[ContextAndContinuation]) -> list[torch.Tensor]:
        before = self.num_tokens
        found = score(self, pairs)
        seen.tokens.append(self.num_tokens - before)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrefixLM, "loglikelihood", loglikelihood)
        patch.setattr(Continuations, "hidden_states", hidden_states)
        yield seen


def seconds_of_plain_path(shared: SharedModel, requests: list[Instance]) -> float:
    """lm-eval's own scoring of the same requests."""
    plain = HFLM(pretrained=shared.model, tokenizer=shared.tokenizer, batch_size=BATCH, max_length=shared.context)
    began = time.perf_counter()
    plain.loglikelihood(requests, disable_tqdm=True)
    return time.perf_counter() - began


@torch.no_grad()
def raw_rate(shared: SharedModel, lengths: list[int]) -> float:
    """Tokens a second of the bare model, one row of each length."""
    began = time.perf_counter()
    for length in lengths:
        shared.model(input_ids=torch.full((1, length), 5, device=shared.device))
    return sum(lengths) / (time.perf_counter() - began)


def main(data: Path, items: int) -> None:
    register_app()
    words = ["checkpoint=base", "eval=paper", f"eval.batch_size={BATCH}", f"eval.limit={items}"]
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = OmegaConf.to_object(compose("eval_app", words))
    assert isinstance(cfg, EvalApp)
    cache = Path(cfg.paths.cache).expanduser()
    shared = load_base(cfg.model, cache)
    with TemporaryDirectory() as folder:
        with observed() as ours:
            rows = run_truthfulqa(shared, "base", TASKS, cfg.eval, data, Path(folder) / "ours")
        plain, raw = seconds_of_plain_path(shared, ours.requests), raw_rate(shared, ours.tokens)
        theirs = by_command_line(resolve(cfg.model.path, cache), data, items, Path(folder))
    print(f"{items} items, {len(ours.requests)} choices in batches of {BATCH}, lm-eval {lm_eval.__version__}")
    for row in rows:
        print(f"{row.task}: ours {row.value:.4f}, lm-eval's command line {theirs[row.task]:.4f}")
    rate = sum(ours.tokens) / ours.seconds
    print(f"seconds: ours {ours.seconds:.0f}, lm-eval's plain path {plain:.0f}, ratio {plain / ours.seconds:.2f}")
    print(f"tokens a second: ours {rate:.0f}, the bare model {raw:.0f}, ratio {rate / raw:.2f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 817)
