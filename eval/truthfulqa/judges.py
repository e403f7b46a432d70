"""Which judge of TruthfulQA's answers the config asks for."""

from pathlib import Path

from eval.config import JudgeKind, TruthfulQAJudgeSettings
from eval.truthfulqa.endpoint_judge import EndpointAnswerJudge
from eval.truthfulqa.judging import AnswerJudge
from eval.truthfulqa.local_judge import LocalAnswerJudge
from salmon.config.model import ModelConfig
from salmon.models.base import SharedModel


def make_answer_judge(
    settings: TruthfulQAJudgeSettings, shared: SharedModel, model: ModelConfig, cache: Path, batch_size: int
) -> AnswerJudge | None:
    """The judge of the config; None for ``kind=none``. Weights are loaded when there is something to judge.

    Args:
        shared: the run's base, which judges where no other model is named.
        model: the run's model settings, with which other judges are loaded.
        batch_size: answers that a local judge reads together.
    """
    match settings.kind:
        case JudgeKind.none:
            return None
        case JudgeKind.openai:
            return EndpointAnswerJudge(settings, cache)
        case JudgeKind.local:
            return LocalAnswerJudge(settings, shared, model, cache, batch_size)
