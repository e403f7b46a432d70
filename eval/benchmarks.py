"""Every benchmark that a suite can ask for; each gives None for a checkpoint where the suite leaves it out.

A new benchmark is a folder with a ``task.py``, and a line here.
"""

from collections.abc import Callable

from eval.bbh.task import bbh_benchmark
from eval.benchmark_run import BenchmarkRun, Measurement, PolicySubject, RewardSubject
from eval.humaneval.task import humaneval_benchmark
from eval.ifbench.task import ifbench_benchmark
from eval.mt_bench.task import mt_bench_benchmark
from eval.pairs.task import pairs_benchmark, reward_pairs_benchmark
from eval.principle_following.task import principle_following_benchmark
from eval.probes.task import probes_benchmark
from eval.truthfulqa.task import truthfulqa_benchmark, truthfulqa_generation_benchmark
from eval.tydiqa.task import tydiqa_benchmark

OF_POLICIES: tuple[Callable[[PolicySubject], BenchmarkRun | None], ...] = (
    truthfulqa_benchmark,
    truthfulqa_generation_benchmark,
    bbh_benchmark,
    humaneval_benchmark,
    tydiqa_benchmark,
    mt_bench_benchmark,
    ifbench_benchmark,
    pairs_benchmark,
    probes_benchmark,
)
OF_REWARD_MODELS: tuple[Callable[[RewardSubject], Measurement | None], ...] = (
    principle_following_benchmark,
    reward_pairs_benchmark,
)
