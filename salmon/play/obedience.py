"""How far a reward model was measured to follow principles in words that it was not trained on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.artifact import MANIFEST, Artifact, open_artifact
from salmon.tracking.metrics_file import METRICS, read_metrics

# Shares below which "follows what it reads" is not true, as the glossary of metrics has them.
FOLLOWED, TURNED = 0.9, 0.85
_PROBE = "probe_unread/"
_FIGURES = ("asserted", "negated", "flip_rate")
# What an evaluation calls its figures about words that lessons do not show, the most telling first, and their ends.
UNREAD = ("heldout_wordings_", "paraphrased_")
_EVALUATED = {"asserted": "accuracy_asserted", "negated": "accuracy_negated", "flip_rate": "flip_rate"}


@dataclass(frozen=True)
class Obedience:
    """Measured on principles in words that are not trained on; None: not measured."""

    asserted: float | None  # share of pairs ranked as a principle says
    negated: float | None  # the same, the principle spoken against
    flip_rate: float | None  # share of preferences that turn with the contrary
    source: str

    @property
    def low(self) -> bool:
        """Whether one of the shares is too low to rely on the model's reading of new words."""
        limits = ((self.asserted, FOLLOWED), (self.negated, FOLLOWED), (self.flip_rate, TURNED))
        return any(value is not None and value < limit for value, limit in limits)


def measured_obedience(artifact: Artifact) -> Obedience | None:
    """What the latest evaluation in its store found, else what its own training measured last; None: nobody did."""
    found = next(_evaluated(artifact), None)
    if found is not None:
        return found
    own = _obedience(artifact.metrics, _PROBE, "measured at the end of its training")
    return own or _last_probe(artifact)


def warning(obedience: Obedience | None, reads_principles: bool) -> str | None:
    """What a reader of scores under new words must know; None where all is well."""
    if not reads_principles:
        return "This reward model was trained without principles (reward.principles=false): it does not read them."
    if obedience is None:
        return (
            "How far this reward model follows words that it was not trained on was never measured. "
            "An evaluation of its artifact with python -m eval measures it."
        )
    if not obedience.low:
        return None
    shares = {
        "followed": obedience.asserted,
        "followed when negated": obedience.negated,
        "turned by the contrary": obedience.flip_rate,
    }
    said = [f"{name} {value:.2f}" for name, value in shares.items() if value is not None]
    return (
        f"In words that it was not trained on this reward model is unreliable: {', '.join(said)} ({obedience.source})."
    )


def _evaluated(artifact: Artifact) -> Iterator[Obedience]:
    """From the evaluations of this artifact in its store, the newest first."""
    folders = (artifact.path.parent.parent / "eval").glob(f"*/{MANIFEST}")
    evaluations = []
    for file in folders:
        try:
            evaluation = open_artifact(file.parent)
        except SalmonError:  # it is not this command's to say that another artifact is damaged
            continue
        if artifact.name in evaluation.manifest.get("upstream", {}).values():
            evaluations.append(evaluation)
    for evaluation in sorted(evaluations, key=lambda one: str(one.manifest.get("created", "")), reverse=True):
        by_end = {str(name).rpartition("/")[2]: value for name, value in evaluation.metrics.items()}
        for prefix in UNREAD:
            values = {figure: by_end.get(prefix + name) for figure, name in _EVALUATED.items()}
            if found := _obedience(values, "", f"evaluation {evaluation.fingerprint}"):
                yield found


def _last_probe(artifact: Artifact) -> Obedience | None:
    if METRICS not in artifact.manifest["files"]:
        return None
    for row in reversed(read_metrics(artifact.path / METRICS)):
        if found := _obedience(row, _PROBE, f"measured at step {int(row['step'])} of its training"):
            return found
    return None


def _obedience(metrics: Mapping[str, Any], prefix: str, source: str) -> Obedience | None:
    asserted, negated, flip_rate = (metrics.get(prefix + figure) for figure in _FIGURES)
    if asserted is None and negated is None and flip_rate is None:
        return None
    return Obedience(asserted, negated, flip_rate, source)
