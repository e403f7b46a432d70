"""An update of PPO in our ways, one after the other: time by phase, peak memory, the bound by FLOPs.

``python -m tests.bench.ppo [--peer trl] [--rows 16] [--response 32] [--epochs 4] [--turns 3] [OVERRIDES]``

Ways: micro-batches of ``auto`` in one row without padding, the same padded, and two padded rows at a time; the first
and the last also with all roles in one pass (``ppo.one_pass``), where two rows are two of each role. Prompts are
the bundled ones with the model's template; a response never ends before its limit, so that every turn has the same
work. The peer runs in the same process, as it is: its phases are not told apart. Memory is the peak of the process, in
which both sides' models are loaded: a ratio of two peaks is nearer to 1 than that of the two alone.
"""

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import torch

from salmon.config.schema import Config
from salmon.config.training import MicroBatchSize
from salmon.data.sources import load_prompts
from salmon.measure.random_tokens import Endless
from salmon.models.base import SharedModel
from salmon.models.heads import ScalarHead
from salmon.models.weights import resolve
from salmon.plan.command import compose_config
from salmon.plan.compute import forward_flops, head_flops, training_flops
from salmon.ppo.models import POLICY, REFERENCE, REWARD, VALUE, PPOModels
from salmon.ppo.principle_choice import principle_choice
from salmon.ppo.prompts import PromptBatch
from salmon.ppo.rewards.instructable_model import InstructableModelReward
from salmon.ppo.rewards.registry import make_reward
from salmon.ppo.rollout import collect_rollout
from salmon.ppo.setup import RolloutSetup
from salmon.ppo.update import update
from salmon.runtime.environment import peak_memory_gib, reset_peak_memory
from salmon.sampling.sampler import transformers_sampler
from salmon.training.trainer import Trainer
from tests.bench.report import Way, in_turn, load, options, shape, show, table
from tests.bench.trl_peer import VERSION, trl_update

PEER = f"TRL {VERSION} PPOTrainer"
PHASES = ("rollout", "score", "logprobs", "update")
WAYS: tuple[tuple[str, MicroBatchSize, bool, bool], ...] = (
    ("auto, in one row", "auto", True, False),
    ("auto, in one row, one pass", "auto", True, True),
    ("auto, padded", "auto", False, False),
    ("2 padded rows", 2, False, False),
    ("2 padded rows, one pass", 2, False, True),
)


@dataclass(frozen=True)
class Sizes:
    """What an update is of."""

    rows: int = 16
    response: int = 32
    epochs: int = 4
    turns: int = 3


@dataclass
class Measured:
    """One way's updates: seconds of each phase, and the peak of memory."""

    seconds: dict[str, list[float]]
    peak: float = 0.0  # GiB; of the process on a CPU


def asked_peer(arguments: Sequence[str]) -> tuple[bool, list[str]]:
    """Whether ``--peer trl`` is among the arguments, and the others."""
    rest = list(arguments)
    if "--peer" not in rest:
        return False, rest
    at = rest.index("--peer")
    if rest[at + 1 : at + 2] != ["trl"]:
        raise SystemExit("--peer: known is trl")
    return True, rest[:at] + rest[at + 2 :]


def models_of(shared: SharedModel, cfg: Config) -> PPOModels:
    """All four roles, with adapters that change something."""
    for seed, role in enumerate((POLICY, REFERENCE, VALUE, REWARD)):
        layers = cfg.reward.layers if role in (VALUE, REWARD) else None
        shared.add_adapter(role, seed if role != REFERENCE else 0, layers)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in shared.parameters_of(role).values():
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=generator))
    heads = [ScalarHead(shared.hidden_size, 0, cfg.reward.layers).to(shared.device) for _ in range(2)]
    return PPOModels(shared, *heads)


def setup_of(models: PPOModels, cfg: Config, size: MicroBatchSize, one_pass: bool) -> RolloutSetup:
    """What a rollout needs, with micro-batches of ``size``."""
    cfg = replace(cfg, ppo=replace(cfg.ppo, micro_batch_size=size, one_pass=one_pass))
    return RolloutSetup(models, transformers_sampler, principle_choice(cfg), make_reward(cfg, models), None, cfg.ppo)


def one_update(setup: RolloutSetup, trainer: Trainer, prompts: PromptBatch, flatten: bool, into: Measured) -> None:
    """A rollout and its inner epochs."""
    shared = setup.models.shared
    before = shared.can
    shared.can = replace(before, flatten=before.flatten and flatten)
    reset_peak_memory()
    rollout = collect_rollout(setup, prompts, 1, 0.05)
    metrics = rollout.metrics | update(setup.models, trainer, rollout, setup.ppo, 1, 2)
    shared.can = before
    into.peak = max(into.peak, peak_memory_gib())
    for phase in PHASES:
        into.seconds.setdefault(phase, []).append(metrics[f"time/{phase}_s"])


def peer_update(update_once: Callable[[], object], into: Measured) -> None:
    """The peer's update, and its peak."""
    reset_peak_memory()
    update_once()
    into.peak = max(into.peak, peak_memory_gib())


def scored_tokens(setup: RolloutSetup, prompts: PromptBatch) -> int:
    """What the reward model reads of a rollout."""
    reward = setup.reward
    assert isinstance(reward, InstructableModelReward)
    responses = collect_rollout(setup, prompts, 1, 0.05).scored.responses
    shown = setup.principles_of(prompts)
    return sum(len(reward.input_ids(*each)) for each in zip(prompts.prompts, responses, shown, strict=True))


def flops_of(shared: SharedModel, cfg: Config, prompts: PromptBatch, scored: int) -> float:
    """Of an update, by the plan's formulas; every row's tokens are counted, shared or not."""
    base, ppo, rank = shape(shared), cfg.ppo, cfg.model.lora.r
    response, rows = ppo.sampling.max_new_tokens, len(prompts.prompts)
    tokens = sum(len(shared.chat.user_ids(prompt.prompt)) for prompt in prompts.prompts) + rows * response
    context, depth = tokens / rows / 2, base.depth(cfg.reward.layers)
    head = rows * response * head_flops(base)
    reads = tokens * (3 * forward_flops(base, rank, base.layers, context) + forward_flops(base, rank, depth, context))
    reads += scored * forward_flops(base, rank, depth, context) + 3 * head
    training = training_flops(base, rank, base.layers, context, cfg.model.gradient_checkpointing)
    training += training_flops(base, rank, depth, context, cfg.model.gradient_checkpointing)
    return reads + ppo.inner_epochs * (tokens * training + 2 * head)


def main(arguments: Sequence[str]) -> None:
    peer, arguments = asked_peer(arguments)
    sizes, overrides = options(Sizes, arguments)
    lengths = [
        f"ppo.rollout_batch={sizes.rows}",
        f"ppo.minibatch={max(1, sizes.rows // 2)}",
        f"ppo.inner_epochs={sizes.epochs}",
        f"ppo.sampling.max_new_tokens={sizes.response}",
    ]
    cfg, shared = compose_config(["model=smollm2_135m", "ppo/advantage=gae", *lengths, *overrides]), load(overrides)
    models = models_of(shared, cfg)
    chosen = load_prompts("bundled", cfg.prompts.on_bad_line)[: sizes.rows]
    prompts = PromptBatch(chosen, [(0, row) for row in range(len(chosen))])
    chat = shared.chat
    shared.chat = Endless(chat)
    results = {name: Measured({}) for name, *_ in WAYS}
    note = ""
    with ExitStack() as held:
        trainer = held.enter_context(closing(Trainer(models.trained, cfg.ppo.optim)))
        setups = {name: setup_of(models, cfg, size, one_pass) for name, size, _, one_pass in WAYS}
        flops = flops_of(shared, cfg, prompts, scored_tokens(setups[WAYS[0][0]], prompts))
        ways = [
            Way(name, partial(one_update, setups[name], trainer, prompts, flatten, results[name]), flops)
            for name, _, flatten, _ in WAYS
        ]
        if peer:
            folder = resolve(cfg.model.path, Path(cfg.paths.cache))
            ids = [chat.user_ids(prompt.prompt) for prompt in chosen]
            theirs = trl_update(str(folder), chat.tokenizer, ids, cfg, held)
            if theirs:
                results[PEER] = Measured({})
                ways.append(Way(PEER, partial(peer_update, theirs, results[PEER]), flops))
            note = "" if theirs else f"\n{PEER} is not installed: its row is left out."
        taken = in_turn(ways, sizes.turns, shared.device, shared.model.dtype)
    columns = {
        f"{phase} s": [
            f"{median(seconds[phase][1:]):.3g}" if (seconds := results[way.name].seconds) else "" for way in ways
        ]
        for phase in PHASES
    }
    columns["peak GiB"] = [f"{results[way.name].peak:.2f}" for way in ways]
    title = f"PPO: {sizes.rows} answers of {sizes.response} tokens, {sizes.epochs} inner epochs"
    show(title, shared, table(ways, taken, ways[-1].name, columns) + note)


if __name__ == "__main__":
    main(sys.argv[1:])
