"""The files of an evaluation, read and checked before anything is computed."""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from eval.config import EvalConfig, MTBenchMode
from eval.results import Unavailable
from eval.sources import bbh_examples, bbh_names, data_folder, humaneval_rows, mt_bench_data, truthfulqa_rows
from salmon.errors import check_all
from salmon.principles.bank import load_bank


def check_files(evaluation: EvalConfig, cache: Path) -> None:
    """Read what the chosen tasks will read from local files; what the network has is read when it is its turn.

    Args:
        cache: folder for downloads, in which nothing is looked for here.

    Raises:
        SalmonError: every file that is missing or malformed, and every name that is unknown.
    """
    check_all(partial(_where_it_is, read) for read in _readers(evaluation, cache))


def _where_it_is(read: Callable[[], object]) -> None:
    """A benchmark that a folder lacks is no error: its rows say so, and the others are done."""
    try:
        read()
    except Unavailable:
        return


def _readers(evaluation: EvalConfig, cache: Path) -> Iterator[Callable[[], object]]:
    tasks, folder = set(evaluation.tasks), data_folder(evaluation.data_dir)
    if "bbh" in tasks:
        yield partial(bbh_names, evaluation.bbh.tasks)
    if "ifbench" in tasks:
        from eval.ifbench.constraints import require_checkers

        yield require_checkers
    if folder is not None:
        yield from _of_folder(evaluation, tasks, folder, cache)
    if "mt_bench" in tasks:
        yield from _of_mt_bench(evaluation, folder, cache)
    if "pairs" in tasks:
        from eval.pairs.task import read_preference_sources  # torch, as what follows

        yield partial(read_preference_sources, evaluation)
        yield from (partial(load_bank, bank) for bank in evaluation.pairs.banks)
    if "probes" in tasks:
        from eval.probes.task import read_probe_sources

        yield partial(read_probe_sources, evaluation)
    if "principle_following" in tasks:
        from eval.principle_following.inputs import check_given

        yield partial(check_given, evaluation.principle_following)


def _of_folder(evaluation: EvalConfig, tasks: set[str], folder: Path, cache: Path) -> Iterator[Callable[[], object]]:
    if tasks & {"truthfulqa_mc1", "truthfulqa_mc2"}:
        yield partial(truthfulqa_rows, folder)
    if "bbh" in tasks:
        yield partial(bbh_examples, folder, evaluation.bbh.tasks)
    if "humaneval" in tasks:
        yield partial(humaneval_rows, folder, cache)
    if "tydiqa_goldp" in tasks:
        from eval.tydiqa.data import tydiqa_data

        yield partial(tydiqa_data, folder, evaluation.tydiqa.languages)
    if "ifbench" in tasks:
        from eval.ifbench.prompts import ifbench_prompts

        yield partial(ifbench_prompts, folder)


def _of_mt_bench(evaluation: EvalConfig, folder: Path | None, cache: Path) -> Iterator[Callable[[], object]]:
    from eval.mt_bench.pairs import read_baseline
    from eval.mt_bench.task import asked_questions, files_beside_data
    from eval.mt_bench.template import make_template

    settings = evaluation.mt_bench
    yield partial(files_beside_data, settings)
    yield partial(make_template, settings.template)
    if folder is None:
        return

    def read() -> None:
        data = mt_bench_data(folder, cache, settings.references)
        if settings.mode is not MTBenchMode.single and settings.baseline is not None:
            read_baseline(Path(settings.baseline).expanduser(), asked_questions(data.questions, evaluation))

    yield read
