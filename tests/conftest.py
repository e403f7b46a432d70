"""Fixtures that all tests share. Nothing here needs a network, a GPU or files outside pytest's temporary folder."""

import json
import os
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("SALMON_ROOT", str(Path(__file__).resolve().parents[1]))
os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported

import pytest
import torch
from hypothesis import settings

from tests.typechecked import check_annotations

check_annotations()  # before the imports below

from salmon.config.model import Dtype, LoraSettings, ModelConfig, Quantization
from salmon.config.ppo import (
    AdvantageEstimator,
    KLEstimator,
    KLPlace,
    KLSettings,
    LossMean,
    PPOConfig,
    PrincipleSamplingSettings,
    RewardInputSettings,
    Sentinel,
    ShapingSettings,
    ValueInit,
)
from salmon.config.reward import PretrainSettings, RewardConfig, RewardHead
from salmon.config.sampling import SamplingSettings
from salmon.config.training import Optimizer, OptimSettings, Schedule
from salmon.models.base import SharedModel
from salmon.models.heads import ScalarHead, save_scalar_model
from salmon.models.loading import load_base
from salmon.pipeline.pipeline import Execution
from salmon.ppo.models import PPOModels, load_ppo_models
from salmon.ppo.principle_choice import PrincipleChoice
from salmon.ppo.rewards.instructable_model import InstructableModelReward
from salmon.ppo.rewards.interface import RewardFunction
from salmon.ppo.setup import RolloutSetup
from salmon.principles.bank import Bank, Principle
from salmon.sampling.sampler import transformers_sampler
from tests.tiny_run import run_tiny

torch.set_num_threads(1)
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")

LoadTiny = Callable[..., SharedModel]
RealData = Callable[..., Path]


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two processes for the whole suite; none, hence no start to wait for, where files or folders are named."""
    return 2 if config.args == config.getini("testpaths") else 0


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """The fast tier does not even import a file that is slow as a whole."""
    fast = config.getoption("markexpr") == "not slow" and collection_path.suffix == ".py"
    return True if fast and "\npytestmark = pytest.mark.slow\n" in collection_path.read_text() else None


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections of this process to other machines fail as they do without a network."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(f"tests have no network: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


# --- real benchmark data -----------------------------------------------------------------------


@pytest.fixture(scope="session")
def real_data() -> RealData:
    """``real_data("bbh", "mt_bench")``: the folder of real data, if it has these; the test is skipped if not."""

    def folder(*names: str) -> Path:
        value = os.environ.get("SALMON_TEST_DATA")
        if not value:
            pytest.skip("SALMON_TEST_DATA is not set")
        found = Path(value).expanduser().resolve()
        for name in names:
            if not (found / name).is_dir():
                pytest.skip(f"SALMON_TEST_DATA={value} has no {name}/")
        return found

    return folder


# --- the tiny model ----------------------------------------------------------------------------


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
def tiny_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def load_tiny(tiny_config: ModelConfig, tiny_cache: Path) -> LoadTiny:
    """Loads a fresh base; keywords change its config."""

    def load(**changes: Any) -> SharedModel:
        return load_base(replace(tiny_config, **changes), tiny_cache)

    return load


@pytest.fixture
def tiny(load_tiny: LoadTiny) -> SharedModel:
    """A fresh base without adapters."""
    return load_tiny()


@pytest.fixture(scope="session")
def randomise() -> Callable[..., None]:
    """Gives an adapter weights that change what the model does."""

    def fill(shared: SharedModel, name: str, seed: int, scale: float = 0.1) -> None:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in shared.parameters_of(name).values():
                parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))

    return fill


@pytest.fixture
def nf4_policy(load_tiny: LoadTiny, randomise: Callable[..., None]) -> SharedModel:
    """A fresh base in NF4 with an adapter "policy"."""
    shared = load_tiny(quantization=Quantization.nf4)
    shared.add_adapter("policy", seed=0)
    randomise(shared, "policy", seed=1)
    return shared


# --- PPO's models ------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def ppo_folders(
    load_tiny: LoadTiny, randomise: Callable[..., None], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Folders of an SFT policy and of a reward model with its head, both of random weights."""
    folder, shared = tmp_path_factory.mktemp("ppo_models"), load_tiny()
    for seed, name in enumerate(("sft", "reward")):
        shared.add_adapter(name, seed)
        randomise(shared, name, seed)
    shared.save_adapter("sft", folder / "sft")
    head = ScalarHead(shared.hidden_size, seed=3)
    with torch.no_grad():
        head.bias.fill_(0.25)
    save_scalar_model(shared, "reward", head, folder / "reward")
    return folder / "sft", folder / "reward"


@pytest.fixture
def ppo_models(tiny: SharedModel, ppo_folders: tuple[Path, Path]) -> PPOModels:
    return load_ppo_models(tiny, *ppo_folders, ValueInit.reward)


@pytest.fixture(scope="session")
def rollout_setup() -> Callable[..., RolloutSetup]:
    """Makes the setup of rollouts of given models and settings; the reward model rewards unless another is given."""

    def make(
        models: PPOModels,
        ppo: PPOConfig,
        bank: Bank,
        interventions: Sequence[Principle] = (),
        reward: RewardFunction | None = None,
    ) -> RolloutSetup:
        principles = PrincipleChoice(bank, tuple(interventions), ppo.principles)
        by_model = InstructableModelReward(models, ppo.reward_input, True, ppo.micro_batch_size)
        return RolloutSetup(models, transformers_sampler, principles, reward or by_model, None, ppo)

    return make


# --- a run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def tiny_run(tiny_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Execution]:
    """Every training stage, finished, by name (see ``tests.tiny_run``). To be read, not to be changed."""
    return run_tiny(tmp_path_factory.mktemp("tiny_run"), tiny_cache)


# --- settings ----------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def optim_settings() -> Callable[..., OptimSettings]:
    def make(**changes: Any) -> OptimSettings:
        return replace(
            OptimSettings(
                Optimizer.adamw, lr=1e-2, schedule=Schedule.constant, warmup=0.0, weight_decay=0.0, max_grad_norm=1.0
            ),
            **changes,
        )

    return make


@pytest.fixture(scope="session")
def reward_config() -> RewardConfig:
    """Length limits only."""
    limits = {"max_length": 1000, "max_instruction_tokens": 200, "max_response_tokens": 200}
    return RewardConfig(
        pretrain=PretrainSettings(data=None, limit=None, **limits),
        head=RewardHead.scalar,
        layers=None,
        principles=True,
        rows_together=1,
        consistency=0.0,
        autocast=False,
        **limits,
    )


@pytest.fixture(scope="session")
def ppo_config(optim_settings: Callable[..., OptimSettings]) -> Callable[..., PPOConfig]:
    def make(**changes: Any) -> PPOConfig:
        ppo = PPOConfig(
            seed=0,
            advantage=AdvantageEstimator.gae,
            answers_per_prompt=1,
            reward_source="model",
            reward_input=RewardInputSettings(max_length=1000, max_instruction_tokens=200, max_response_tokens=200),
            num_prompts=None,
            held_out_prompts=1,
            epochs=1,
            max_updates=None,
            rollout_batch=6,
            minibatch=3,
            inner_epochs=2,
            micro_batch_size=2,
            sampling=SamplingSettings(temperature=0.7, top_p=1.0, max_new_tokens=8, batch_size=4),
            principles=PrincipleSamplingSettings(per_prompt=1, boost=1000.0, boosted={"reasoning": ["Exact"]}),
            shaping=ShapingSettings(
                unfinished_penalty=-1.5,
                empty_penalty=-3.0,
                length_bonus=2.0,
                length_bonus_cap=0.5,
                length_bonus_multiplier={"general": 1.0, "reasoning": -0.4, "red_teaming": 0.0},
                scale=1.0,
                whiten=False,
            ),
            kl=KLSettings(
                KLPlace.reward, KLEstimator.k1, coefficient=0.05, adaptive=False, target=6.0, horizon=10000.0
            ),
            gamma=1.0,
            lam=0.95,
            clip_range=0.2,
            clip_range_value=0.2,
            value_coefficient=0.1,
            loss_mean=LossMean.tokens,
            whiten_advantages=True,
            value_init=ValueInit.reward,
            critic_warmup_updates=0,
            target_kl=None,
            eval_every=1,
            save_every=1,
            keep_every=None,
            sentinel=Sentinel.warn,
            one_pass=False,
            keep_sampled_logprobs=False,
            optim=optim_settings(),
        )
        return replace(ppo, **changes)

    return make


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
                if "logprobs" in body:
                    said["logprobs"] = {"content": [{"top_logprobs": [{"token": answer, "logprob": 0.0}]}]}
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
