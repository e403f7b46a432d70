import json

import pytest

from salmon.ppo import stage as ppo
from salmon.runtime.store import Artifact
from salmon.sampling.sampler import transformers_sampler
from salmon.stage.context import StageContext
from salmon.tracking.metrics_file import MetricsFile
from tests.ppo.five_updates import KilledTracker, config


@pytest.fixture
def train(load_tiny, ppo_folders, tmp_path):
    """Runs the stage in a folder of that name, with a fresh base; its context."""
    sft, reward = ppo_folders
    (tmp_path / "manifest.json").write_text(
        json.dumps(
            {"stage": "sft", "fingerprint": "0" * 16, "files": {}, "metrics": {}, "checkpoints": {"sft": str(sft)}}
        )
    )
    inputs = {"sft": Artifact("sft", "0" * 16, tmp_path), "reward": Artifact("reward", "1" * 16, reward.parent)}

    def run(name: str, *overrides: str, killed_at: int | None = None) -> StageContext:
        work = tmp_path / name
        work.mkdir(exist_ok=True)
        tracker = KilledTracker("ppo", MetricsFile(work), None)
        tracker.at = -1 if killed_at is None else killed_at
        context = StageContext(work, inputs, tracker, load_tiny, transformers_sampler, 0)
        try:
            ppo.run(config(*overrides), context)
        except KeyboardInterrupt:
            assert killed_at is not None
        return context

    return run
