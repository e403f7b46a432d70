"""Offline runs, read back from the files that W&B left, with W&B's own reader."""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class ReadBack:
    """Records of one offline run, by their type."""

    records: list[dict[str, Any]]

    def all(self, kind: str) -> list[dict[str, Any]]:
        return [record[kind] for record in self.records if record["type"] == kind]

    @property
    def history(self) -> list[dict[str, Any]]:
        return [record["item"] for record in self.all("history")]

    @property
    def summary(self) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        for record in self.all("summary"):
            merged |= record["update"]
        return merged


def read_back(run_dirs: list[Path]) -> list[ReadBack]:
    command = [sys.executable, "-m", "wandb", "leet", "inspect", "--json"]
    readers = [subprocess.Popen([*command, str(run)], stdout=subprocess.PIPE, text=True) for run in run_dirs]
    outputs = [reader.communicate(timeout=60)[0] for reader in readers]
    return [ReadBack([json.loads(line) for line in output.splitlines()]) for output in outputs]
