"""How much a config works on: counts of rows, and lengths in tokens at their limits.

Lengths are upper limits, since no text is read: prompts of ``prompts.max_tokens``, answers of ``max_new_tokens``, all
answers kept. Texts of our own (rules, principles, templates) are counted in characters and converted.
"""

from dataclasses import dataclass

from salmon.config.data import PromptsConfig
from salmon.config.ppo import RewardInputSettings
from salmon.config.preferences import PairJudge
from salmon.config.reward import MISMATCHED, PARAMETRIC, RewardConfig
from salmon.config.schema import Config
from salmon.config.sft import SFTSource
from salmon.data.sources import load_demonstrations, load_pairs, load_prompts
from salmon.data.split import split_by_prompt
from salmon.plan.shapes import ModelShape
from salmon.principles.bank import load_bank
from salmon.principles.exemplars import load_exemplars
from salmon.principles.parametric.lesson_length import most_pairs
from salmon.principles.selection import reward_bank, rl_bank
from salmon.principles.templates import judge_request, reward_parts, self_align_prompt, self_align_query

CHARACTERS_PER_TOKEN = 4.0  # of English; SmolLM2's vocabulary has 3.6 on the rules and exemplars, 5.0 on principles
BYTE_VOCABULARY = 1000  # a vocabulary below this is of bytes
TURN = 30  # characters that a chat template puts around a turn
GUIDELINES_OF_A_PAIR, GUIDELINE = 5, 24  # of parametric pairs: how many are asked of one, and the tokens of each
ASSUMED = 10_000  # prompts of a source whose size is not known here


@dataclass(frozen=True)
class Texts:
    """Characters to tokens."""

    per_token: float

    def tokens(self, text: str) -> int:
        return -int(-len(text) // self.per_token)


def texts_of(shape: ModelShape) -> Texts:
    return Texts(1.0 if shape.vocab < BYTE_VOCABULARY else CHARACTERS_PER_TOKEN)


@dataclass(frozen=True)
class Workload:
    """Counts and lengths; lengths are tokens of a sequence, the chat template included."""

    sft_prompts: int  # answers sampled under the rules
    prefix: int  # the Self-Align prompt that all queries share
    query: int
    sft_rows: int
    sft_prompt: int
    sft_response: int
    pairs: int
    samples: int
    prompt: int  # of a policy: system prompt, turn and prompt
    judge_shared: int  # what the requests of a pair have in common
    judge_own: int  # what each has of its own
    principles: int  # that pairs are judged by
    reward_rows: int
    reward_input: int
    pretrain_rows: int
    pretrain_input: int
    ppo_updates: int
    ppo_responses: int  # sampled, those of the held-out evaluations included
    scored_input: int  # of the reward model in PPO
    held_out: int  # prompts that policies are measured on
    dpo_pairs: int  # where the judge prefers one response of each
    assumed: tuple[str, ...]  # settings whose number of rows is not known here
    assumed_rows: int  # that each of them is taken to have


def workload(cfg: Config, shape: ModelShape, prompts: int | None = None) -> Workload:
    """What the stages of a config work on.

    Args:
        prompts: of every source whose size is not known (the hub's); None: 10,000.
    """
    texts, counting = texts_of(shape), _Counting(prompts or ASSUMED, cfg.prompts)
    prompt = texts.tokens(cfg.model.system_prompt + " " * 2 * TURN) + cfg.prompts.max_tokens
    sft, preferences, reward = cfg.sft, cfg.preferences, cfg.reward

    sft_prompts = counting.prompts("prompts.sft", cfg.prompts.sft, sft.num_prompts)
    rules = self_align_prompt(load_bank(cfg.principles.self_align), load_exemplars(cfg.principles.exemplars))
    sampled = sft.source is not SFTSource.demonstrations
    answers = sft_prompts * (sft.samples_per_prompt if sft.source is SFTSource.styled else 1)

    pairs = counting.prompts(
        "prompts.preferences", cfg.prompts.preferences, preferences.num_prompts, preferences.held_out_fraction
    )
    bank = reward_bank(cfg.principles)
    # What is asked after the pair: from the guideline on, the turn's end and the beginning of the reply.
    asked = judge_request("", "", "", "")
    frame = asked.user.partition("Guideline: ")
    own = max(
        texts.tokens(p.definition + frame[1] + frame[2] + asked.reply_prefix + " " * TURN) for p in bank.principles
    )
    pair = prompt + 2 * preferences.sampling.max_new_tokens + texts.tokens(frame[0])
    rows = pairs * preferences.pairs_per_prompt * preferences.aggregation.passes
    rows = round(rows * (1 - preferences.held_out_fraction))

    shown = sorted((p.definition for p in bank.principles), key=len, reverse=True)
    definitions = sorted((p.definition for p in rl_bank(cfg.principles).principles), key=len, reverse=True)
    interventions = cfg.principles.interventions
    always = [p.definition for p in load_bank(interventions).principles] if interventions else []
    at_rl = always + definitions[: cfg.ppo.principles.per_prompt]

    def reward_input(limits: RewardConfig | RewardInputSettings, guidelines: list[str], response: int) -> int:
        parts = reward_parts((guidelines if reward.principles else None) or None, reward.head)
        fixed = texts.tokens(parts.before_response + parts.between + parts.after_instruction)
        instruction = min(limits.max_instruction_tokens, cfg.prompts.max_tokens)
        return min(limits.max_length, instruction + min(limits.max_response_tokens, response) + fixed)

    ppo = cfg.ppo
    ppo_prompts = counting.prompts("prompts.ppo", cfg.prompts.ppo, ppo.num_prompts, ppo.held_out_prompts)
    prompts_of_update = ppo.rollout_batch // ppo.answers_per_prompt
    updates = max(0, ppo_prompts - ppo.held_out_prompts) * ppo.epochs // prompts_of_update
    updates = min(updates, ppo.max_updates or updates)
    evaluations = 1 + -(-updates // ppo.eval_every)
    return Workload(
        sft_prompts=answers,
        prefix=texts.tokens(rules),
        query=texts.tokens(self_align_query("")) + cfg.prompts.max_tokens,
        sft_rows=answers if sampled else counting.demonstrations(cfg),
        sft_prompt=min(sft.max_prompt_tokens, prompt) if sampled else sft.max_prompt_tokens,
        sft_response=min(sft.max_response_tokens, sft.sampling.max_new_tokens) if sampled else sft.max_response_tokens,
        pairs=pairs * preferences.pairs_per_prompt,
        samples=pairs * preferences.samples_per_prompt,
        prompt=prompt,
        judge_shared=min(pair, max(1, preferences.judge.max_tokens - own)),
        judge_own=own,
        principles=len(bank.principles) if preferences.judge.kind is PairJudge.self else 0,
        reward_rows=rows,
        reward_input=reward_input(
            reward, shown[: preferences.aggregation.max_principles], preferences.sampling.max_new_tokens
        ),
        pretrain_rows=counting.pairs(cfg, pairs),
        pretrain_input=reward.pretrain.max_length
        + (GUIDELINES_OF_A_PAIR * GUIDELINE if reward.pretrain.data == PARAMETRIC else 0),
        ppo_updates=updates,
        ppo_responses=updates * ppo.rollout_batch + evaluations * ppo.held_out_prompts,
        scored_input=reward_input(ppo.reward_input, at_rl, ppo.sampling.max_new_tokens),
        held_out=min(ppo.held_out_prompts, ppo_prompts),
        dpo_pairs=round(pairs * preferences.pairs_per_prompt * (1 - preferences.held_out_fraction)),
        assumed=tuple(counting.unknown),
        assumed_rows=prompts or ASSUMED,
    )


class _Counting:
    """Rows of sources; notes those that only a download would tell."""

    def __init__(self, assumed: int, prompts: PromptsConfig) -> None:
        self._assumed, self._on_bad_line, self._share = assumed, prompts.on_bad_line, prompts.held_out
        self.unknown: list[str] = []

    def prompts(self, setting: str, source: str, limit: int | None, held_out: float = 0) -> int:
        """Prompts that a stage takes: ``limit``, or all that may be trained on and some held-out ones.

        Args:
            held_out: a number of prompts, or (below 1) a share of the source.
        """
        if limit is not None:
            return limit
        if source.startswith("hub:"):
            total = self._unknown(setting)
            out = round(self._share * total)
        else:
            split = split_by_prompt(load_prompts(source, self._on_bad_line), lambda row: row.prompt, self._share)
            total, out = split.all, len(split.held_out)
        return total - out + min(out, round(held_out * total) if held_out < 1 else int(held_out))

    def demonstrations(self, cfg: Config) -> int:
        source, limit = cfg.sft.demonstrations or "", cfg.sft.num_prompts
        if source == "exemplars":
            return sum(len(exemplar.turns) for exemplar in load_exemplars(cfg.principles.exemplars))
        if source.startswith("hub:"):
            return limit if limit is not None else self._unknown("sft.demonstrations")
        given = load_demonstrations(source, self._on_bad_line)
        return len(split_by_prompt(given, lambda row: row.prompt, self._share).training[:limit])

    def pairs(self, cfg: Config, judged: int) -> int:
        """Of preference pre-training; 0 without."""
        source, limit = cfg.reward.pretrain.data, cfg.reward.pretrain.limit
        if source is None:
            return 0
        if source == PARAMETRIC:
            parametric = cfg.reward.parametric
            return sum(most_pairs(parametric, lesson) for lesson in parametric.lessons)
        if source == MISMATCHED:
            return min(2 * judged, limit or 2 * judged)
        if source.startswith("hub:"):
            return limit if limit is not None else self._unknown("reward.pretrain.data")
        given = load_pairs(source, self._on_bad_line)
        return len(split_by_prompt(given, lambda row: row.prompt, self._share).training[:limit])

    def _unknown(self, setting: str) -> int:
        self.unknown.append(setting)
        return self._assumed
