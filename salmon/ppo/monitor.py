"""What the principles' own checks say about a policy's responses; reported beside the reward, whatever that is."""

from collections.abc import Sequence

from salmon.data.rows import Prompt
from salmon.principles.bank import Bank
from salmon.principles.verifiers import verify, violates


def check_scores(bank: Bank | None, prompts: Sequence[Prompt], responses: Sequence[str]) -> dict[str, list[float]]:
    """How well each response follows each principle of the bank that has a check, by the principle's name."""
    return {
        principle.name: [
            verify(principle.check, prompt.prompt, response)
            for prompt, response in zip(prompts, responses, strict=True)
        ]
        for principle in (bank.principles if bank else ())
        if principle.check is not None
    }


def paid_metrics(
    bank: Bank | None, prompts: Sequence[Prompt], responses: Sequence[str], scores: Sequence[float]
) -> dict[str, float]:
    """What the reward pays for things that principles forbid.

    Returns:
        ``paid/<Principle>``: mean score of the responses that contain what it forbids, less that of the others; none
        where there are not both.
    """
    metrics = {}
    for principle in bank.principles if bank else ():
        if principle.check is None:
            continue
        found = [violates(principle.check, p.prompt, r) for p, r in zip(prompts, responses, strict=True)]
        with_it, without = ([s for s, v in zip(scores, found, strict=True) if v is which] for which in (True, False))
        if with_it and without:
            metrics[f"paid/{principle.name}"] = sum(with_it) / len(with_it) - sum(without) / len(without)
    return metrics


def check_metrics(
    bank: Bank | None, prompts: Sequence[Prompt], responses: Sequence[str], prefix: str = ""
) -> dict[str, float]:
    """Means over the responses, for each principle of the bank that has a check.

    Args:
        bank: principles that are monitored; None: no metrics.
        prompts: one per response.
        responses: texts.
        prefix: put before the metrics' names.

    Returns:
        ``check/<Principle>``: the mean of ``verify``. ``violations/<Principle>``, for a principle that forbids
        something: the share of responses that contain it.
    """
    metrics, scores = {}, check_scores(bank, prompts, responses)
    for principle in bank.principles if bank else ():
        if principle.check is None:
            continue
        followed = scores[principle.name]
        metrics[f"{prefix}check/{principle.name}"] = sum(followed) / len(followed)
        found = [violates(principle.check, p.prompt, r) for p, r in zip(prompts, responses, strict=True)]
        if None not in found:
            metrics[f"{prefix}violations/{principle.name}"] = sum(map(bool, found)) / len(found)
    return metrics
