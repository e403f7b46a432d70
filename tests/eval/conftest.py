import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from eval.config import (
    BBHMode,
    BBHSettings,
    EvalConfig,
    EvalJudgeSettings,
    HumanEvalSettings,
    JudgeKind,
    MTBenchMode,
    MTBenchSettings,
    PairsSettings,
    PrincipleFollowingSettings,
    SafetyProbeSettings,
    TruthfulQAGenSettings,
    TruthfulQAJudgeSettings,
    TyDiQASettings,
)
from salmon.config.model import Dtype, LoraSettings, ModelConfig, Quantization


@pytest.fixture(scope="session")
def tiny_config() -> ModelConfig:
    return ModelConfig(
        name="tiny",
        path="random:tiny",
        revision=None,
        quantization=Quantization.none,
        dtype=Dtype.float32,
        context=8192,
        system_prompt="",
        lora=LoraSettings(r=4, alpha=8, dropout=0.0),
        device="cpu",
        gradient_checkpointing=False,
    )


@pytest.fixture(scope="session")
def tiny_cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tiny(tiny_config, tiny_cache):
    """A fresh shared base without adapters."""
    from salmon.models.loading import load_base

    return load_base(tiny_config, tiny_cache)


@pytest.fixture(scope="session")
def adapter(tiny_config, tiny_cache, tmp_path_factory):
    """Folder of an adapter that changes the model."""
    import torch

    from salmon.models.loading import load_base

    shared, folder = load_base(tiny_config, tiny_cache), tmp_path_factory.mktemp("made") / "adapter"
    shared.add_adapter("made", seed=1)
    generator = torch.Generator().manual_seed(0)
    for parameter in shared.parameters_of("made").values():
        parameter.data.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
    shared.save_adapter("made", folder)
    return folder


@pytest.fixture
def suite() -> EvalConfig:
    """The mini suite, made smaller still; tests replace what they are about."""
    endpoint: dict[str, Any] = dict(
        model=None,
        base_url=None,
        api_key_env="NO_SUCH_KEY",
        max_retries=0,
        timeout_s=5.0,
        concurrent_calls=8,
        calls_per_minute=None,
        price_prompt=None,
        price_completion=None,
    )
    judge = EvalJudgeSettings(**endpoint, kind=JudgeKind.local, repeats=1, temperature=0.7)
    return EvalConfig(
        name="test",
        tasks=["truthfulqa_mc1", "truthfulqa_mc2", "bbh", "mt_bench"],
        data_dir="mini",
        limit=2,
        batch_size=4,
        chat_template=False,
        bbh=BBHSettings(mode=BBHMode.direct, tasks=["navigate", "object_counting"], max_new_tokens=4),
        truthfulqa_gen=TruthfulQAGenSettings(
            max_new_tokens=4,
            judge=TruthfulQAJudgeSettings(**endpoint, kind=JudgeKind.none, informative_model=None),
        ),
        humaneval=HumanEvalSettings(max_new_tokens=4, execute=False, timeout_s=5.0, memory_mib=256),
        tydiqa=TyDiQASettings(languages=None, max_new_tokens=4),
        mt_bench=MTBenchSettings(
            max_new_tokens=4,
            template="tokenizer",
            mode=MTBenchMode.single,
            baseline=None,
            references="mini",
            judge=judge,
        ),
        pairs=PairsSettings(files={}, banks=[]),
        probes=SafetyProbeSettings(files={}, max_new_tokens=4),
        principle_following=PrincipleFollowingSettings(
            trained="verifiable_11",
            paraphrased=None,
            untrained=[],
            unseen=None,
            pairs=None,
            real_pairs={},
            real_banks=[],
            limit=None,
            batch_size=8,
            bootstrap=20,
        ),
    )


@pytest.fixture
def endpoint():
    """A server that answers as told, and keeps what it was sent in ``seen``.

    ``answer(body)`` gives a text (a chat completion, or a plain one where a prompt was sent), a status code, a pair
    of a status code and headers, or a whole body.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.seen.append(body)
            answer = self.server.answer(body)
            status, headers = 200, {}
            if isinstance(answer, int | tuple):
                status, headers = answer if isinstance(answer, tuple) else (answer, {})
                said = self.headers["Authorization"] if status == 401 else "no"  # OpenAI's own repeats the key
                answer = {"error": {"message": said}}
            elif isinstance(answer, str):
                said = {"message": {"role": "assistant", "content": answer}} if "messages" in body else {"text": answer}
                answer = {
                    "id": "x",
                    "object": "completion",
                    "created": 0,
                    "model": "m",
                    "choices": [{"index": 0, "finish_reason": "stop", **said}],
                    "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
                }
            content = json.dumps(answer).encode()
            self.send_response(status)
            headers |= {"Content-Type": "application/json", "Content-Length": str(len(content))}
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    server.answer = lambda body: "Fine. Rating: [[8]]"
    server.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()
