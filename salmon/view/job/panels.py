"""Which curves a job's page shows, by stage: names of metrics as the glossary has them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class MetricPanel:
    title: str
    metrics: tuple[str, ...]  # of one unit; <principle> stands for each that was logged


PANELS = {
    "sft": (MetricPanel("Loss", ("sft/loss",)),),
    "reward": (
        MetricPanel("Loss", ("reward/loss", "parametric/loss", "pretrain/loss")),
        MetricPanel("Pairs ranked as they should be", ("reward/accuracy", "parametric/accuracy", "pretrain/accuracy")),
        MetricPanel("Obedience, in trained words", ("probe/asserted", "probe/negated", "probe/flip_rate")),
        MetricPanel(
            "Obedience, in other words of trained principles",
            ("probe_paraphrased/asserted", "probe_paraphrased/negated", "probe_paraphrased/flip_rate"),
        ),
        MetricPanel(
            "Obedience, in words that no lesson shows",
            ("probe_unread/asserted", "probe_unread/negated", "probe_unread/flip_rate"),
        ),
    ),
    "ppo": (
        MetricPanel("Reward", ("held_out/reward", "objective/score", "objective/shaped_reward")),
        MetricPanel("KL from the reference", ("objective/kl", "objective/kl_k3", "held_out/kl")),
        MetricPanel("Length of responses", ("response/length", "held_out/length")),
        MetricPanel("Entropy of the policy", ("objective/entropy",)),
        MetricPanel("Error of the value model", ("value/error",)),
        MetricPanel("Variance of the returns that the values explain", ("value/explained_variance",)),
        MetricPanel("Score by principle shown", ("principle/<principle>/score",)),
        MetricPanel("What the checks say, held-out prompts", ("held_out/check/<principle>",)),
        MetricPanel("Violations, held-out prompts", ("held_out/violations/<principle>",)),
        MetricPanel("Tokens whose ratio was clipped", ("policy/clip_fraction",)),
    ),
    "dpo": (
        MetricPanel("Loss", ("dpo/loss",)),
        MetricPanel("Pairs ranked as they should be", ("dpo/accuracy",)),
        MetricPanel("KL from the SFT policy", ("held_out/kl",)),
        MetricPanel("What the checks say, held-out prompts", ("held_out/check/<principle>",)),
    ),
}
