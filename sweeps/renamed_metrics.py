"""Metrics that runs of earlier versions recorded under other names; the comparisons read them under today's."""

import re
from collections.abc import Mapping
from typing import TypeVar

Value = TypeVar("Value")

RENAMED = {  # pattern of the whole recorded name -> today's name
    r"judge/(.+/|)flip_rate": r"judge/\1order_disagreement_rate",
}


def current_name(name: str) -> str:
    """Today's name of a metric."""
    for pattern, today in RENAMED.items():
        if match := re.fullmatch(pattern, name):
            return match.expand(today)
    return name


def current_names(metrics: Mapping[str, Value]) -> dict[str, Value]:
    """The same metrics under today's names."""
    return {current_name(name): value for name, value in metrics.items()}
