"""Settings of the stage ``reward``: the instructable reward model."""

from dataclasses import dataclass, field
from enum import Enum

from omegaconf import MISSING

from salmon.config.setting import file, probability, setting
from salmon.config.training import SupervisedSettings

PARAMETRIC = "parametric"  # reward.pretrain.data: principles that a program can check
MISMATCHED = "mismatched"  # reward.pretrain.data: answers against answers to other prompts
MADE = (PARAMETRIC, MISMATCHED)  # values of reward.pretrain.data that are no files


class RewardHead(Enum):
    """How a score is read from the last token's hidden state."""

    scalar = "scalar"  # a linear map that is trained; the input ends with "Quality:" (the paper)
    yes_no = "yes_no"  # log-odds of " Yes" against " No" by the base's own output layer; it ends with a question


@dataclass
class PretrainSettings:
    """Preference pre-training of the reward model on (prompt, chosen, rejected) rows."""

    # JSONL file or "hub:NAME[:SPLIT]"; "mismatched" = an answer against one to another prompt, which needs no data
    # (salmon/reward/pretraining.py); "parametric" = thousands of principles that a program can check, which needs
    # neither (reward.parametric); null = no pre-training.
    data: str | None = setting(by_content=True)
    limit: int | None = setting(at_least=1, null="all")  # rows used
    max_length: int = setting(at_least=1)  # tokens of the whole input
    max_instruction_tokens: int = setting(at_least=1)  # longer instructions are cut at their start
    max_response_tokens: int = setting(at_least=1)  # longer responses are cut at their end
    train: SupervisedSettings = field(default_factory=SupervisedSettings)


@dataclass
class EditSettings:
    """How two answers are made that differ in what a principle asks for."""

    # Share that differ in a second feature too: what is longer or odder is then no sign of what is asked for.
    crossed: float = probability()
    two_answers: float = probability()  # share that are made of two answers, not of one
    shortened: float = probability()  # share whose answers are cut to one to three sentences, of unedited pairs too
    # Edits of an answer that are tried; the one whose two answers differ most is taken. 1 = small differences too.
    clearest_of: int = setting(at_least=1)


@dataclass
class LessonSettings:
    """One lesson on parametric principles: which of them, in which words, on which pairs."""

    families: list[str] = MISSING  # names of the trained families that it is about; [] = all
    words: float = probability()  # share of the edited pairs that are about a word, as in "use the word W"
    frames: int | None = setting(at_least=1, null="all")  # sentence frames that are used, for and against each
    sentences: float = probability()  # share of the wordings that are whole sentences, not a topic in a frame
    said_twice: float = probability()  # share of the wordings that are two in one, as definitions of banks often are
    quoted: float = probability()  # share that quote another: "Do this: ...", or "It is wrong to follow this: ..."
    absence: bool = MISSING  # topics may name what is absent too ("text without lists")
    # Mean number of wordings of a principle, and of its contrary, on one pair: 1.6 is two of them on six pairs in ten.
    wordings: float = setting(at_least=1)
    together: float = probability()  # probability of a row with two principles, agreeing or opposed
    # Probability of a row on a feature that both answers have alike, under which neither is better; half of them are of
    # any trained family, the others of this lesson's. Without such rows, words that are not understood prefer what most
    # principles in the lessons tell apart: longer answers, or shorter.
    indifferent: float = probability()
    unedited: float = probability()  # share of the pairs that are two answers in their own words
    edits: EditSettings = field(default_factory=EditSettings)
    # Tokens of the longest answer. A pair with a longer one is drawn again, since what tells two answers apart may
    # stand where an answer would be cut.
    answer_tokens: int = setting(at_least=1)
    pairs: int = setting(at_least=1)  # most pairs trained on, see `times`
    # Mean accuracy over 20 optimiser steps at which the lesson ends before its last pair; 1 = hardly ever.
    stop_at_accuracy: float = probability()


@dataclass
class ParametricSettings:
    """What ``reward.pretrain.data=parametric`` is made of (salmon/principles/parametric)."""

    # JSONL of {prompt, response} with several answers to each prompt, or "hub:NAME[:SPLIT]"; null = the bundled ones
    answers: str | None = setting(by_content=True)
    # Python files with further families (a tuple FAMILIES); they are run
    families: list[str] = setting(by_content=True)
    # Of what is held out; not the training's seed, so that seeds are measured on the same.
    split_seed: int = setting(at_least=0)
    held_out: float = setting(at_least=0, below=1)  # share of frames, sentences, topics and words never trained on
    held_out_families: list[str] = MISSING  # families never trained on at all
    principles: int | None = setting(at_least=1, null="all")  # distinct principles (family and parameter) trained on
    contraries: bool = MISSING  # each pair is also shown with the contrary of its principle
    # Share of a lesson's pairs that are like those of earlier lessons: what is new does not push out what was learned.
    review: float = probability()
    # How many times as long each lesson is that its accuracy does not end (stop_at_accuracy: 1)
    times: int = setting(at_least=1)
    lessons: list[LessonSettings] = MISSING  # in this order


@dataclass
class ProbeSettings:
    """The learning curve of a reward model (salmon/reward/probes.py)."""

    every: int | None = setting(cosmetic=True, at_least=1, null="none")  # optimiser steps between measurements
    pairs: int = setting(cosmetic=True, at_least=1)  # held-out pairs that are measured
    # Bank with the same principles in words that are not trained on, measured beside them; null = none
    reworded: str | None = file(cosmetic=True)


@dataclass
class RewardConfig:
    # folder of adapter and head that training goes on from; null = new ones
    start: str | None = setting(by_content=True)
    pretrain: PretrainSettings = field(default_factory=PretrainSettings)
    parametric: ParametricSettings = field(default_factory=ParametricSettings)
    probe: ProbeSettings = field(default_factory=ProbeSettings)
    head: RewardHead = MISSING
    # Layers of the base, from the first, that reward and value model run through.
    layers: int | None = setting(at_least=1, null="all")
    # The first layer that the adapter sits on. Those below stay as they are, and no gradient runs through them.
    first_layer: int = setting(at_least=0)
    principles: bool = MISSING  # false: trained and asked without principles (plain RLAIF, an ablation)
    # Rows of one pair that are trained on together and count as ONE row of train.batch_size and micro_batch_size. What
    # their inputs begin with (response and instruction) is computed once for all of them.
    rows_together: int = setting(at_least=1)
    # Weight of the mean squared difference of a response's scores under the same principles in two wordings, among rows
    # that are trained on together; 0 = it is measured only.
    consistency: float = setting(at_least=0)
    # The layers' products are computed in bf16 while the reward model is trained, where the device has a matrix unit
    # for it (a GPU from Ampere on, a CPU with AMX); weights, sums and the head stay in fp32.
    autocast: bool = MISSING
    max_length: int = setting(at_least=1)  # tokens of the whole input
    max_instruction_tokens: int = setting(at_least=1)  # longer instructions are cut at their start
    max_response_tokens: int = setting(at_least=1)  # longer responses are cut at their end
    train: SupervisedSettings = field(default_factory=SupervisedSettings)
