"""The published values, from ``published.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from salmon.errors import SalmonError
from salmon.runtime.foreign import read_yaml

PUBLISHED = Path(__file__).with_name("published.yaml")
WHOLE = {"limit": None, "drawn": None, "smoke_test": False}  # conditions of every published value


@dataclass(frozen=True)
class Source:
    """Where a value comes from."""

    mark: str  # one letter beside the value
    text: str


@dataclass(frozen=True)
class PublishedValue:
    """A number in the unit of its metric."""

    value: float
    source: Source


@dataclass(frozen=True)
class PaperMetric:
    """A column of one of the paper's tables."""

    title: str
    digits: int  # after the point
    scale: float  # published unit over ours: 100 where the paper has percent
    task: str | None  # ours; None: nothing here measures it
    metric: str | None
    conditions: Mapping[str, Any]  # how the published values were measured, by fields of Provenance
    values: Mapping[str, PublishedValue]  # by model


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables."""

    title: str
    note: str | None
    metrics: list[PaperMetric]


@dataclass(frozen=True)
class Published:
    """All that is known of the paper's results."""

    models: list[str]  # the first is the paper's own
    counterparts: Mapping[str, str]  # checkpoint of ours -> model
    sources: list[Source]
    tables: list[PaperTable]

    def counterpart(self, checkpoint: str) -> str:
        """The published model that a checkpoint of ours is set beside."""
        kind = checkpoint.replace("-", "_").split("_")[0]
        return self.counterparts.get(checkpoint, self.counterparts.get(kind, self.models[0]))


def load_published(path: Path = PUBLISHED) -> Published:
    """The file's content.

    Raises:
        SalmonError: a model or a source that is not declared, or a key that is missing.
    """
    content = read_yaml(path)
    try:
        sources = {name: Source(entry["mark"], entry["text"]) for name, entry in content["sources"].items()}
        models = content["models"]
        tables = [
            PaperTable(
                entry["title"],
                entry.get("note"),
                [_metric(metric, entry.get("conditions", {}), sources, models) for metric in entry["metrics"]],
            )
            for entry in content["tables"]
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SalmonError(f"{path}: {error!r} is missing, or not declared in sources: or models:") from error
    return Published(models, content["counterparts"], list(sources.values()), tables)


def _metric(
    entry: dict[str, Any], conditions: dict[str, Any], sources: Mapping[str, Source], models: list[str]
) -> PaperMetric:
    values = {}
    for model, (value, source) in entry.get("values", {}).items():
        if model not in models:
            raise KeyError(model)
        values[model] = PublishedValue(float(value), sources[source])
    measured = entry.get("measured", {"task": None, "metric": None})
    return PaperMetric(
        entry["title"],
        entry["digits"],
        float(entry.get("scale", 1)),
        measured["task"],
        measured["metric"],
        {**WHOLE, **conditions, **entry.get("conditions", {})},
        values,
    )
