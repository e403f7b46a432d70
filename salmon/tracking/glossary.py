"""Every metric that any stage logs: its unit, what it means, and what a healthy run shows.

A tracker refuses names that are not here, so this list is complete; the table in salmon/tracking/README.md is made
from it. In a name, ``<principle>`` and ``<checkpoint>`` (users name these) stand for any text, other ``<...>`` for any
text without a slash.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.metadata import entry_points

from salmon.config.extensions import stage_names
from salmon.runtime.tables import markdown_table

TRAINING = ("sft", "reward", "ppo", "dpo")
ALL = stage_names()


@dataclass(frozen=True)
class Metric:
    name: str
    stages: tuple[str, ...]
    unit: str
    meaning: str
    healthy: str

    @property
    def family(self) -> str:
        """First part of the name; in W&B a section of the dashboard with one step axis."""
        return self.name.partition("/")[0]


def group(stages: tuple[str, ...], *rows: tuple[str, str, str, str]) -> tuple[Metric, ...]:
    """Metrics of the same stages from rows of (name, unit, meaning, healthy)."""
    return tuple(Metric(name, stages, unit, meaning, healthy) for name, unit, meaning, healthy in rows)


_ALL = group(
    ALL,
    ("time/total_s", "s", "wall time of the step (in a summary: of the stage)", "steady after the first"),
    ("perf/peak_memory_gib", "GiB", "peak memory so far: GPU tensors; on a CPU, the process", "constant"),
    ("perf/tokens_per_second", "tokens/s", "tokens trained on or sampled, per second of the step", "steady"),
)

_TRAINING = group(
    TRAINING,
    ("optim/lr", "1", "learning rate of the step", "follows the schedule"),
    ("optim/grad_norm", "1", "norm of the gradient before clipping", "no sudden growth by a factor of 10"),
)

_SFT = group(
    ("sft",),
    ("sft/loss", "nats/token", "negative log-likelihood of the answer tokens", "falls, then flattens"),
    ("sft/tokens", "tokens", "answer tokens trained on in the step", "steady"),
    ("selfalign/demonstrations", "answers", "answers trained on, self-made or given", "as many as asked for"),
    ("selfalign/kept", "answers", "generated answers that passed every filter", "most of them"),
    ("selfalign/dropped_<reason>", "answers", "generated answers dropped by this filter", "few"),
)

_JUDGE_ROWS = (
    ("tie_rate", "share", "judgements without a winner: the two orders disagree, or one is 0", "well below 0.5"),
    ("position_bias", "log-odds", "mean log-odds given to the answer shown first", "near 0"),
    ("mean_score", "log-odds", "mean judgement that response 1 is better", "near 0; both are samples"),
    ("agreement", "share", "judge prefers what the principle's check prefers; its 0 is half", "clearly above 0.5"),
    ("agreement_low", "share", "lower end of its 95 % interval (bootstrap over prompts)", "above 0.5"),
    ("agreement_high", "share", "upper end of its 95 % interval", "near agreement"),
    ("order_disagreement_rate", "share", "judgements whose two orders prefer different responses", "well below 0.5"),
    ("check_tie_rate", "share", "judgements on which the check has no opinion", "low enough that many pairs decide"),
)

_PREFERENCES = group(
    ("preferences",),
    *((f"judge/{name}", unit, f"{text}; all principles", good) for name, unit, text, good in _JUDGE_ROWS),
    ("judge/abs_score", "log-odds", "mean size of a judgement, ties as 0", "clearly above 0"),
    ("judge/cut_tokens", "tokens", "answer tokens cut to fit preferences.judge.max_tokens", "0 or few"),
    *((f"judge/<principle>/{name}", unit, f"{text}; one", good) for name, unit, text, good in _JUDGE_ROWS),
    ("pairs/sampled", "pairs", "response pairs sampled from the SFT policy", "the number of prompts"),
    ("pairs/dropped", "pairs", "pairs not judged, since an answer is too short", "few"),
    ("pairs/rows_train", "rows", "preference rows made for training", "passes x pairs, less the undecided"),
    ("pairs/rows_held_out", "rows", "preference rows made from held-out prompts", "100 or more"),
    ("pairs/undecided", "rows", "draws without a preference (all scores 0), left out", "few"),
    ("pairs/flipped_rate", "share", "rows whose label was flipped as label noise", "the configured noise"),
    ("pairs/veto_rate", "share", "rows decided by a veto rule", "few"),
)

_REWARD = group(
    ("reward",),
    ("reward/loss", "nats", "Bradley-Terry (ln 2 = 0.693 is a coin) + weighted consistency", "falls below 0.693"),
    (
        "reward/accuracy",
        "share",
        "training pairs, ties left out, ranked as labelled",
        "rises to 1 - label noise at best",
    ),
    ("reward/margin", "score", "mean score of the preferred response minus the other's", "grows from 0"),
    (
        "reward/consistency",
        "score^2",
        "mean squared difference of a response's scores in two wordings",
        "well below margin^2",
    ),
    ("reward/cut_rows", "rows", "training rows of which something was cut", "few"),
    ("reward/cut_tokens", "tokens", "tokens cut from them; never guidelines or the closing line", "few"),
    ("parametric/loss", "nats", "the same loss in lessons on parametric principles", "falls below 0.5"),
    ("parametric/accuracy", "share", "rows of a lesson ranked as they should be", "0.8 and more at its end"),
    ("parametric/margin", "score", "mean score difference in lessons", "grows from 0"),
    ("parametric/consistency", "score^2", "reward/consistency in lessons", "well below margin^2"),
    ("probe/asserted", "share", "some held-out pairs ranked as a principle says", "above 0.85 at the end"),
    ("probe/negated", "share", "the same, the principle negated", "falls below 0.5 at first, then above 0.85"),
    ("probe/flip_rate", "share", "of them, preferences that turn with the negation", "sets in suddenly; above 0.8"),
    ("probe_unread/asserted", "share", "pairs ranked as a principle says, in words that no lesson shows", "above 0.9"),
    ("probe_unread/negated", "share", "the same, the principle spoken against", "above 0.9"),
    ("probe_unread/flip_rate", "share", "of them, preferences that turn with the contrary", "above 0.85"),
    ("probe_paraphrased/asserted", "share", "probe/asserted in words never trained on", "follows more slowly"),
    ("probe_paraphrased/negated", "share", "probe/negated in words never trained on", "follows more slowly"),
    ("probe_paraphrased/flip_rate", "share", "probe/flip_rate in words never trained on", "follows more slowly"),
    ("pretrain/rows", "rows", "pre-training pairs", "the configured limit"),
    ("pretrain/loss", "nats", "the same loss in preference pre-training", "falls below 0.693"),
    ("pretrain/accuracy", "share", "pre-training pairs ranked as labelled", "0.6 to 0.75 on human data"),
    ("pretrain/margin", "score", "mean score difference in pre-training", "grows from 0"),
    ("pretrain/consistency", "score^2", "reward/consistency in pre-training", "well below margin^2"),
    ("held_out/rows", "rows", "held-out rows", "100 or more"),
    ("held_out/probes", "rows", "held-out pairs with one principle or its negation", "100 or more"),
    ("held_out/accuracy", "share", "held-out pairs ranked as labelled", "above 0.5, near reward/accuracy"),
    (
        "held_out/accuracy/not <principle>",
        "share",
        "the same where only this principle's negation is asked for",
        "as for the principle itself; else its text is not read",
    ),
    ("held_out/accuracy/<principle>", "share", "the same where only this one is asked for", "above 0.5"),
)

_PPO = group(
    ("ppo",),
    ("objective/kl", "nats/response", "KL from the reference, summed over a response", "grows slowly from 0"),
    ("objective/kl_k3", "nats/response", "the same KL by the k3 estimator", "less noisy; cannot be negative"),
    ("objective/kl_coefficient", "1", "weight of the KL penalty", "constant, or following the controller"),
    (
        "objective/entropy",
        "nats/token",
        "entropy of the policy where it sampled, or an estimate",
        "falls slowly, not to 0",
    ),
    ("objective/score", "score", "score of ppo.reward_source, without penalty and bonus", "rises"),
    ("objective/score_std", "score", "standard deviation of a rollout's scores", "above 0: answers differ"),
    ("objective/score_uncertainty", "nats", "entropy of preferences between a rollout's responses", "below 0.69"),
    ("objective/shaped_reward", "score/response", "score (or centered) + penalty + bonus - KL, scaled", "rises"),
    ("objective/non_score_reward", "score/response", "what the KL penalty adds", "small beside the score"),
    ("objective/length_bonus", "score", "mean bonus for length", "within the configured cap"),
    ("objective/empty_rate", "share", "responses without a word", "0"),
    ("objective/unfinished_rate", "share", "responses cut off before an end token", "falls or stays low"),
    ("objective/updates", "updates", "PPO updates done (summary)", "as many as planned"),
    ("policy/loss", "1", "clipped policy loss", "near 0, no trend"),
    ("policy/optimiser_steps", "steps", "optimiser steps of the update; target_kl may end it", "constant"),
    ("policy/approx_kl", "nats/token", "KL of the update: policy before to after (k3)", "below 0.02"),
    ("policy/clip_fraction", "share", "tokens whose ratio was clipped", "0.01 to 0.2"),
    ("policy/ratio", "1", "mean probability ratio new/old", "0.99 to 1.01"),
    (
        "policy/reference_kl",
        "nats/token",
        "KL from the reference as it is charged in the loss (ppo.kl.place=loss)",
        "grows slowly from 0",
    ),
    ("value/loss", "score^2", "half the clipped squared error of the value model", "falls"),
    ("value/clip_fraction", "share", "tokens whose value change was clipped", "below 0.2"),
    ("value/explained_variance", "share", "variance of the returns that the values explain", "rises above 0"),
    ("value/error", "score", "mean absolute difference of value and return", "falls"),
    ("advantage/mean", "score", "mean advantage before whitening", "near 0 once the critic has learned"),
    ("advantage/std", "score", "standard deviation of advantages before whitening", "steady"),
    (
        "advantage/equal_groups",
        "share",
        "prompts whose answers all have one reward, which teaches nothing (several answers a prompt)",
        "well below 0.5",
    ),
    ("response/length", "tokens", "mean length of responses", "no run to the limit"),
    ("response/eos_rate", "share", "responses that end with an end token", "near 1"),
    ("response/repetition", "share", "phrases of 4 tokens that the same response has had before", "near 0, no rise"),
    ("principle/<principle>/score", "score", "mean score of responses that got this principle", "rises"),
    ("sampler/logprob_difference", "nats/token", "mean |log-prob| gap of sampler and trainer", "below 0.005"),
    ("held_out/reward", "score", "score + penalty + bonus, held-out prompts", "rises; chooses the best"),
    ("held_out/reward_start", "score", "held_out/reward before training (summary)", "below reward_last"),
    ("held_out/reward_last", "score", "held_out/reward of the last policy (summary)", "above reward_start"),
    ("held_out/reward_gain", "score", "reward_last - reward_start (summary)", "its interval is above 0"),
    ("held_out/reward_gain_low", "score", "its 95 % interval, paired over the prompts (summary)", "above 0"),
    ("held_out/reward_gain_high", "score", "the upper end of that (summary)", "above 0"),
    ("held_out/reward_best", "score", "highest held_out/reward (summary)", "no evidence: best of many draws"),
    ("held_out/best_step", "updates", "updates done by the best policy (summary)", "above 0"),
    ("held_out/score", "score", "as objective/score, on held-out prompts", "rises"),
    ("held_out/length", "tokens", "mean response length on held-out prompts", "no run to the limit"),
    ("held_out/kl", "nats/response", "KL from the reference on held-out prompts", "as objective/kl"),
    ("health/<diagnosis>", "0/1", "1 while this diagnosis of runtime/health.py or ppo/sentinel.py holds", "0"),
    ("check/<principle>", "0..1", "how well responses follow a monitored principle, by its check", "rises if asked"),
    ("violations/<principle>", "share", "responses that contain what the principle forbids", "falls if asked"),
    ("paid/<principle>", "score", "mean score of responses that violate it, less that of the others", "not above 0"),
    ("sentinel/alarms", "updates", "updates at which the reward seemed to be hacked (summary)", "0"),
    ("sentinel/first_alarm", "updates", "updates done at the first of them, if any (summary)", "none"),
    ("time/rollout_s", "s", "time to sample the responses", "most of the step"),
    ("time/score_s", "s", "time to score them", "small"),
    ("time/logprobs_s", "s", "time for log-probs and values", "small"),
    ("time/update_s", "s", "time for all inner epochs", "steady"),
)

_DPO = group(
    ("dpo",),
    ("dpo/loss", "nats", "DPO loss; ln 2 = 0.693 is the reference itself", "falls below 0.693"),
    ("dpo/accuracy", "share", "pairs whose preferred response has the higher implicit reward", "rises above 0.5"),
    ("dpo/margin", "score", "mean implicit reward of the preferred response minus the other's", "grows from 0"),
    ("dpo/pairs", "pairs", "judged pairs trained on", "most of them"),
    ("dpo/undecided", "pairs", "judged pairs without a preference by the RL principles, left out", "few"),
)

_HELD_OUT = group(
    ("dpo", "best_of_n"),
    ("held_out/length", "tokens", "mean response length on held-out prompts", "no run to the limit"),
    ("held_out/kl", "nats/response", "KL from the SFT policy on held-out prompts (best_of_n: upper bound)", "small"),
    ("held_out/reward", "score", "best_of_n: score + penalty + bonus", "rises in any case: it chooses"),
    ("held_out/score", "score", "best_of_n: score of ppo.reward_source", "rises with it"),
)

_HELD_OUT_CHECKS = group(
    ("ppo", "dpo", "best_of_n"),
    ("held_out/check/<principle>", "0..1", "as check/<principle>, on held-out prompts", "rises if asked"),
    ("held_out/violations/<principle>", "share", "as violations/<principle>, on held-out prompts", "falls if asked"),
)

_CHECKS_MOVED = group(
    ("ppo",),
    ("held_out/check/<principle>_start", "0..1", "check/<principle> before training (summary)", "as the SFT policy"),
    ("held_out/check/<principle>_last", "0..1", "the same after the last update (summary)", "rises if asked"),
    ("held_out/check/<principle>_gain", "0..1", "check_last - check_start (summary)", "its interval leaves out 0"),
    ("held_out/check/<principle>_gain_low", "0..1", "its 95 % interval, paired over the prompts", "above 0 if asked"),
    ("held_out/check/<principle>_gain_high", "0..1", "the upper end of that (summary)", "above 0 if asked"),
)


@cache
def metrics() -> tuple[Metric, ...]:
    """All metrics: the stages' own, and those of the packages that bring a stage (entry points)."""
    brought = [metric for point in entry_points(group="salmon.metrics") for metric in point.load()]
    return (
        *_SFT,
        *_PREFERENCES,
        *_REWARD,
        *_PPO,
        *_DPO,
        *_HELD_OUT,
        *_CHECKS_MOVED,
        *_HELD_OUT_CHECKS,
        *brought,
        *_TRAINING,
        *_ALL,
    )


@lru_cache(maxsize=4096)
def find(name: str, stage: str | None = None) -> Metric | None:
    """The metric that a logged name belongs to (in ``stage``, if given); None when it is not defined.

    Where several patterns fit, the first in ``metrics()`` counts.
    """
    candidates = (metric for metric in metrics() if stage is None or stage in metric.stages)
    return next((metric for metric in candidates if _pattern(metric.name).fullmatch(name)), None)


def families(stage: str) -> tuple[str, ...]:
    """First parts of all names a stage logs, its sample tables included."""
    return tuple(sorted({metric.family for metric in metrics() if stage in metric.stages} | {"samples"}))


def glossary_markdown() -> str:
    """The glossary as a table, for salmon/tracking/README.md."""
    rows = [
        (
            f"`{metric.name}`",
            "all" if metric.stages == ALL else ", ".join(metric.stages),
            metric.unit,
            metric.meaning,
            metric.healthy,
        )
        for metric in metrics()
    ]
    return markdown_table(["metric", "stage", "unit", "meaning", "healthy"], rows) + "\n"


@lru_cache
def _pattern(name: str) -> re.Pattern[str]:
    parts = re.split(r"(<\w+>)", name)
    return re.compile("".join(_expression(part) for part in parts))


def _expression(part: str) -> str:
    if part in ("<principle>", "<checkpoint>"):
        return ".+"
    return "[^/]+" if part.startswith("<") else re.escape(part)
