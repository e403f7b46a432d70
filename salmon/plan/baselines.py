"""The phases of the baselines: DPO on the judged pairs, and the best of n answers."""

from collections.abc import Iterator

from salmon.config.schema import Config
from salmon.plan import memory
from salmon.plan.method import reads_logits
from salmon.plan.phases import Base, Phase, total, total_bytes
from salmon.plan.workload import Workload


def dpo_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """Policy and reference; log-probs of both responses of each pair, then training on them. The policy answers the
    held-out prompts before and after, where it has no optimiser."""
    settings, shape, sampling = cfg.dpo.train, base.shape, cfg.ppo.sampling
    adapter, optimizer = shape.adapter_parameters(base.rank), settings.optim.optimizer
    answer, columns = cfg.preferences.sampling.max_new_tokens, work.prompt + cfg.preferences.sampling.max_new_tokens
    lasting = base.resident(2 * adapter)

    # 1. The reference's log-probs, once: chunks of micro_batch_size pairs, each in one process.
    rows = 2 * base.at_once(settings.micro_batch_size, work.dpo_pairs, 2 * columns)
    logits = lasting | {"logits": memory.scoring_logits(shape, base.e, rows * answer)}
    yield Phase(
        "dpo",
        "reference",
        max(base.reads(lasting, rows, columns), logits, key=total_bytes),
        *base.reading_cost(2 * work.dpo_pairs, rows, columns, shape.layers, answer),
    )

    # 2. Answers to the held-out prompts, twice, with log-probs of policy and reference.
    batch = min(sampling.batch_size, base.sharing.rows(work.held_out))
    yield Phase(
        "dpo",
        "sample",
        base.samples(lasting, batch, work.prompt, sampling.max_new_tokens, sampling.top_p),
        *total(*[base.sampling_cost(work.held_out, batch, work.prompt, sampling.max_new_tokens)] * 2),
    )
    longest = work.prompt + sampling.max_new_tokens
    micro = base.at_once(cfg.ppo.micro_batch_size, batch, longest)
    logits = lasting | {"logits": memory.scoring_logits(shape, base.e, micro * sampling.max_new_tokens)}
    yield Phase(
        "dpo",
        "log-probs",
        max(base.reads(lasting, micro, longest), logits, key=total_bytes),
        *total(*[base.reading_cost(work.held_out, micro, longest, shape.layers, sampling.max_new_tokens)] * 4),
    )

    # 3. Training.
    pairs, share = work.dpo_pairs * settings.epochs, base.sharing.rows(settings.batch_size)
    at_once = 2 * base.at_once(settings.micro_batch_size, share, 2 * columns)
    lasting = base.resident(2 * adapter, adapter, optimizer)
    yield Phase(
        "dpo",
        "train",
        base.trains(lasting, adapter, optimizer, at_once, columns, shape.layers, answer),
        *total(
            base.training_cost(2 * pairs, 2 * settings.batch_size, at_once, columns, shape.layers, answer),
            base.summing(pairs / settings.batch_size, adapter),
        ),
    )


def best_of_n_phases(cfg: Config, base: Base, work: Workload) -> Iterator[Phase]:
    """n answers to each held-out prompt, scored; policy, reference and reward are loaded, nothing is trained."""
    sampling, shape, n = cfg.ppo.sampling, base.shape, cfg.best_of_n.n
    depth = shape.depth(cfg.reward.layers)
    policy, reward = shape.adapter_parameters(base.rank), shape.adapter_parameters(base.rank, cfg.reward.layers)
    logits, answers = reads_logits(cfg.reward), work.held_out * n
    lasting = base.resident(2 * policy + reward, heads=1 - logits)
    # Chunks of prompts, each in one process; a prompt's answers may take several batches.
    batch = min(sampling.batch_size, max(1, sampling.batch_size // n) * n, answers)
    yield Phase(
        "best_of_n",
        "sample",
        base.samples(lasting, batch, work.prompt, sampling.max_new_tokens, sampling.top_p),
        *base.sampling_cost(answers, batch, work.prompt, sampling.max_new_tokens),
    )
    micro = base.at_once(cfg.ppo.micro_batch_size, batch, work.scored_input)
    yield Phase(
        "best_of_n",
        "score",
        base.scores(lasting, micro, work.scored_input, logits),
        *base.reading_cost(answers, micro, work.scored_input, depth, logits),
    )
