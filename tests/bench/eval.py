"""Scoring of multiple choice beside lm-eval's own way and the bare model: ``python -m tests.bench.eval [--items N]
[OVERRIDES]``.

TruthfulQA's choices, the bundled questions or, where ``SALMON_TEST_DATA`` says, the published ones. Ways: ours, which
computes the examples, each question and equal choices once; lm-eval's ``HFLM``, which computes all of each request; and
the bare model on as many tokens as ours passes through it, which shows what is lost between its passes.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from hydra import compose, initialize_config_dir
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from omegaconf import OmegaConf

from eval.config import EvalApp
from eval.extension import register_app
from eval.lm_eval.model import PrefixLM
from eval.sources import MINI, data_folder
from eval.truthfulqa.choices import run_truthfulqa
from salmon.config.register import CONF
from salmon.measure.rates import counted
from salmon.models.base import SharedModel
from salmon.models.decoder import decoder_of
from salmon.plan.compute import forward_flops, head_flops
from tests.bench.report import Way, in_turn, load, options, shape, show, table

TASKS = ("truthfulqa_mc1", "truthfulqa_mc2")
BARE = "the bare model"


@dataclass(frozen=True)
class Sizes:
    items: int = 12
    batch: int = 16
    turns: int = 3


def evaluation(items: int, batch: int) -> EvalApp:
    """The settings of ``python -m eval`` for so many questions."""
    register_app()
    words = ["checkpoint=base", "eval=paper", f"eval.batch_size={batch}", f"eval.limit={items}"]
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = OmegaConf.to_object(compose("eval_app", words))
    assert isinstance(cfg, EvalApp)
    return cfg


@contextmanager
def noted(requests: list[Instance]) -> Iterator[None]:
    """Within the block, what ``PrefixLM`` is asked is added to ``requests``."""
    ask = PrefixLM.loglikelihood

    def loglikelihood(self: PrefixLM, asked: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        requests.extend(asked)
        return ask(self, asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PrefixLM, "loglikelihood", loglikelihood)
        yield


@torch.no_grad()
def bare(shared: SharedModel, lengths: Sequence[int]) -> None:
    """One row of each length through the whole model."""
    for length in lengths:
        shared.model(input_ids=torch.full((1, length), 5, device=shared.device))


def main(arguments: Sequence[str]) -> None:
    sizes, overrides = options(Sizes, arguments)
    shared, cfg, requests = load(overrides), evaluation(sizes.items, sizes.batch), list[Instance]()
    data = data_folder(os.environ.get("SALMON_TEST_DATA") or MINI)
    with TemporaryDirectory() as work, noted(requests):
        run_truthfulqa(shared, "base", TASKS, cfg.eval, data, Path(work))

    def ours() -> None:
        PrefixLM(shared, sizes.batch).loglikelihood(requests)

    def theirs() -> None:
        plain = HFLM(
            pretrained=shared.model, tokenizer=shared.tokenizer, batch_size=sizes.batch, max_length=shared.context
        )
        plain.loglikelihood(requests, disable_tqdm=True)

    passed, decoder = {}, shape(shared)
    for name, run in (("ours", ours), ("lm-eval's own", theirs)):
        with counted(decoder_of(shared.model)) as passed[name]:
            run()
    passed[BARE] = passed["ours"]
    runs = {"ours": ours, "lm-eval's own": theirs, BARE: lambda: bare(shared, passed["ours"])}
    token = forward_flops(decoder, 0, decoder.layers, max(passed["ours"]) / 2) + head_flops(decoder)
    ways = [Way(name, run, sum(passed[name]) * token) for name, run in runs.items()]
    taken = in_turn(ways, sizes.turns, shared.device, shared.model.dtype)
    title = f"eval: {len(requests)} choices of {sizes.items} questions in batches of {sizes.batch}, {shared.path}"
    columns = {"tokens": [f"{sum(passed[way.name]):,}" for way in ways]}
    show(title, shared, table(ways, taken, BARE, columns))


if __name__ == "__main__":
    main(sys.argv[1:])
