"""What making preferences asks of the base, tried before the job's first stage."""

from salmon.config.preferences import PairJudge
from salmon.config.schema import Config
from salmon.models.base import SharedModel
from salmon.preferences.judges.prompts import option_token_ids, room_for_pair
from salmon.principles.selection import reward_bank
from salmon.principles.templates import judge_request
from salmon.sampling.preflight import require_room, require_sampler


def _answers_can_be_sampled(cfg: Config, shared: SharedModel) -> None:
    """The base can sample; the longest prompt and an answer fit into the context."""
    require_sampler(shared, cfg.rollout)
    require_room(shared, cfg.prompts, cfg.preferences.sampling, "preferences")


def _judge_can_answer(cfg: Config, shared: SharedModel) -> None:
    """The base has tokens for the two verdicts."""
    if cfg.preferences.judge.kind is PairJudge.self:
        option_token_ids(shared.chat, judge_request("", "", "", ""))


def _judge_has_room(cfg: Config, shared: SharedModel) -> None:
    """The judge's own text leaves room for a pair."""
    judge = cfg.preferences.judge
    if judge.kind is PairJudge.self:
        room_for_pair(shared.chat, reward_bank(cfg.principles).principles, judge.max_tokens)


CHECKS = (_answers_can_be_sampled, _judge_can_answer, _judge_has_room)
