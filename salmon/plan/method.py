"""The phases of the method's stages: what each holds at its peak, what it computes, how long that takes."""

from collections.abc import Iterator
from math import ceil

from salmon.config.reward import RewardConfig, RewardHead
from salmon.config.sampling import RolloutBackend
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.plan import memory
from salmon.plan.phases import Base, Phase, total, total_bytes
from salmon.plan.workload import Workload


def sft_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Answers of the base without an adapter, then training of one on them."""
    sft, shape = cfg.sft, base.shape
    sampling, prefix = sft.sampling, work.prefix if sft.source is SFTSource.self_align else 0
    if sft.source is not SFTSource.demonstrations:
        prompt, rows = work.query if prefix else work.prompt, min(sampling.batch_size, work.sft_prompts)
        yield Phase(
            "sft",
            "sample",
            base.samples(base.resident(0), rows, prompt, sampling.max_new_tokens, sampling.top_p, prefix),
            *base.sampling_cost(work.sft_prompts, rows, prompt, sampling.max_new_tokens, prefix),
        )
    trained, optimizer = shape.adapter_parameters(base.rank), sft.train.optim.optimizer
    columns, rows = work.sft_prompt + work.sft_response, work.sft_rows * sft.train.epochs
    share = base.sharing.rows(min(sft.train.batch_size, work.sft_rows))
    at_once = base.at_once(sft.train.micro_batch_size, share, columns)
    yield Phase(
        "sft",
        "train",
        base.trains(
            base.resident(trained, trained, optimizer),
            trained,
            optimizer,
            at_once,
            columns,
            shape.layers,
            work.sft_response,
        ),
        *total(
            base.training_cost(rows, sft.train.batch_size, at_once, columns, shape.layers, work.sft_response),
            base.summing(rows / sft.train.batch_size, trained),
        ),
    )


def preferences_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Answers of the SFT policy, then its judgements: a pair's requests share what they begin with."""
    sampling, shape = cfg.preferences.sampling, base.shape
    resident = base.resident(shape.adapter_parameters(base.rank))
    rows = min(sampling.batch_size, work.samples)
    yield Phase(
        "preferences",
        "sample",
        base.samples(resident, rows, work.prompt, sampling.max_new_tokens, sampling.top_p),
        *base.sampling_cost(work.samples, rows, work.prompt, sampling.max_new_tokens),
    )
    if work.principles:
        own = work.principles * work.judge_own
        length = work.judge_shared + own
        cache = {"KV cache": memory.kv_cache(shape, base.e, work.judge_shared)}
        beginning = base.reads(resident, 1, work.judge_shared) | cache
        masking = resident | cache | {"masks": memory.packed_mask_in_the_making(base.e, own, length)}
        rest = base.reads(resident, 1, own) | {
            "KV cache": memory.kv_cache(shape, base.e, length),
            "masks": memory.packed_mask(base.e, own, length),
        }
        yield Phase(
            "preferences",
            "judge",
            max(beginning, masking, rest, key=total_bytes),
            *base.reading_cost(2 * work.pairs, 1, length, shape.layers),
        )


def reward_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Training of adapter and head on pairs: each row is two inputs; those that begin alike share it."""
    reward, shape = cfg.reward, base.shape
    first = reward.first_layer
    layers = shape.depth(reward.layers) - first  # that the backward pass runs through
    trained = shape.adapter_parameters(base.rank, reward.layers, first)
    together, logits = reward.rows_together, reads_logits(reward)
    own = work.reward_input // 2 if together > 1 else 0  # of each further row: instruction and response are shared
    columns = work.reward_input + (together - 1) * own
    trainings = [("train", reward.train, work.reward_rows / together, columns, together)]
    if work.pretrain_rows:
        trainings.insert(0, ("pretrain", reward.pretrain.train, work.pretrain_rows, work.pretrain_input, 1))
    for name, settings, rows, columns, scores in trainings:
        share = base.sharing.rows(settings.batch_size)
        at_once = 2 * base.at_once(settings.micro_batch_size, share, 2 * columns)
        optimizer, steps = settings.optim.optimizer, rows * settings.epochs / settings.batch_size
        lasting = base.resident(trained, trained, optimizer, heads=1 - logits) | {
            "masks": memory.packed_rows_mask(base.e, at_once, columns)
        }
        yield Phase(
            "reward",
            name,
            base.trains(lasting, trained, optimizer, at_once, columns, layers, logits * scores),
            *total(
                base.training_cost(
                    2 * rows * settings.epochs,
                    2 * settings.batch_size,
                    at_once,
                    columns,
                    layers,
                    logits * scores,
                    first,
                ),
                base.summing(steps, trained),
            ),
        )


def reads_logits(reward: RewardConfig) -> int:
    """Tokens of an input whose logits the reward model's head reads: 1, or 0 where it has weights of its own."""
    return int(reward.head is RewardHead.yes_no)


def keeps_logprobs(cfg: Config, base: Base) -> bool:
    """Whether PPO takes the sampler's log-probs for the policy's (salmon.ppo.sampled_logprobs, without torch)."""
    same = cfg.rollout.backend is RolloutBackend.hf and base.e == memory.FP32 and not base.nf4
    return same and cfg.ppo.keep_sampled_logprobs


def ppo_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Policy, reference, reward and (if any) value adapters stay; so does the optimiser's state of what is trained."""
    ppo, shape = cfg.ppo, base.shape
    layers, critics = shape.depth(cfg.reward.layers), int(ppo.advantage.has_value_model)
    policy, reward = shape.adapter_parameters(base.rank), shape.adapter_parameters(base.rank, cfg.reward.layers)
    value = critics * reward
    trained, optimizer = policy + value, ppo.optim.optimizer
    heads = critics + 1 - reads_logits(cfg.reward)
    lasting = base.resident(2 * policy + reward + value, trained, optimizer, heads)
    response, rollouts = ppo.sampling.max_new_tokens, work.ppo_updates * ppo.rollout_batch
    columns, share = work.prompt + response, base.sharing.rows(ppo.rollout_batch)
    batch = min(ppo.sampling.batch_size, base.sharing.rows(ppo.rollout_batch))
    yield Phase(
        "ppo",
        "rollout",
        base.samples(lasting, batch, work.prompt, response, ppo.sampling.top_p),
        *base.sampling_cost(work.ppo_responses, batch, work.prompt, response),
    )
    micro = base.at_once(ppo.micro_batch_size, share, work.scored_input)
    yield Phase(
        "ppo",
        "score",
        base.scores(lasting, micro, work.scored_input, reads_logits(cfg.reward)),
        *base.reading_cost(work.ppo_responses, micro, work.scored_input, layers, reads_logits(cfg.reward)),
    )
    # Roles that read a micro-batch together: policy and reference, and the value model where it is as deep.
    with_value = critics * (cfg.reward.layers is None)
    reading, training = (2 + with_value, 1 + with_value) if ppo.one_pass else (1, 1)
    micro = base.at_once(ppo.micro_batch_size, share, reading * columns)
    logits = lasting | {"logits": memory.scoring_logits(shape, base.e, micro * response)}
    readers = 1 if keeps_logprobs(cfg, base) else 2  # the reference, and the policy
    yield Phase(
        "ppo",
        "log-probs",
        max(base.reads(lasting, reading * micro, columns), logits, key=total_bytes),
        *total(
            *[base.reading_cost(rollouts, micro, columns, shape.layers, response)] * readers,
            *[base.reading_cost(rollouts, micro, columns, layers)] * critics,
        ),
    )
    rows = rollouts * ppo.inner_epochs
    at_once = base.at_once(ppo.micro_batch_size, base.sharing.rows(ppo.minibatch), training * columns)
    yield Phase(
        "ppo",
        "train",
        base.trains(lasting, trained, optimizer, training * at_once, columns, shape.layers, ceil(response / training)),
        *total(
            base.training_cost(rows, ppo.minibatch, at_once, columns, shape.layers, response),
            *[base.training_cost(rows, ppo.minibatch, at_once, columns, layers)] * critics,
            base.summing(rows / ppo.minibatch, trained),
        ),
    )
