"""lm-eval's Hugging Face model on our shared base, with the shared beginning of prompts computed once."""

from collections.abc import Sequence
from pathlib import Path

import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from lm_eval.models.utils import normalize_gen_kwargs, postprocess_generated_text

from eval.generation.batches import in_batches
from eval.generation.greedy import greedy_answers
from eval.lm_eval.output_cache import OutputCache, request_key
from salmon.models.base import SharedModel
from salmon.models.packing.continuations import Continuations
from salmon.models.packing.layout import common_prefix_length
from salmon.runtime.progress import Progress

Request = tuple[tuple[str, str], list[int], list[int]]  # (texts, context tokens, continuation tokens)


class PrefixLM(HFLM):
    """``HFLM`` with the adapter that is active; its results differ from HFLM's own by rounding only.

    All TruthfulQA prompts start with the same 115 tokens of examples, a question is asked with about 8
    choices, and most choices of MC1 are among those of MC2; all prompts of a BBH task start with the same 3
    examples. The common prefix, each question and equal requests are computed once.
    """

    def __init__(self, shared: SharedModel, batch_size: int, cache: Path | None = None):
        """
        Args:
            cache: file of the outputs of this model and adapter, which are not computed again.
        """
        super().__init__(
            pretrained=shared.model,
            tokenizer=shared.tokenizer,
            batch_size=batch_size,
            max_length=shared.context,
            softmax_dtype=torch.float32,
        )
        self.shared = shared
        self.outputs = OutputCache(cache)
        self.cut: set[str] = set()  # requests that lost their beginning, which did not fit the context

    def loglikelihood(self, requests: list[Instance], disable_tqdm: bool = True) -> list[tuple[float, bool]]:
        return super().loglikelihood(requests, disable_tqdm=True)

    def _loglikelihood_tokens(
        self, requests: list[Request], disable_tqdm: bool = True, override_bs: int | None = None
    ) -> list[tuple[float, bool]]:
        """(log-probability of the continuation in nats, whether greedy decoding would give it) of each request."""
        keys = [request_key("loglikelihood", *texts) for texts, _, _ in requests]
        asked = dict(zip(keys, requests, strict=True))
        lengths = {key: len(context) + len(continuation) for key, (_, context, continuation) in asked.items()}
        # The last token is not fed in: it predicts nothing that is asked for.
        long = [key for key, length in lengths.items() if length > self.max_length + 1]
        self.cut.update(long)
        todo = {key: asked[key] for key in asked if self.outputs.get(key) is None}
        progress = Progress(len(asked), "choices", start=len(asked) - len(todo))
        # Equal contexts stand together, so that a batch computes each once.
        fit = sorted(todo.keys() - self.cut, key=lambda key: (len(todo[key][1]), todo[key][1], lengths[key], key))
        if fit:
            self._score(fit, todo, progress)
        left = [key for key in long if key in todo]
        if left:
            scored = super()._loglikelihood_tokens([todo[key] for key in left], True)  # cuts from the left
            self.outputs.add(dict(zip(left, map(list, scored), strict=True)))
            progress.advance(len(left))
        return [(logprob, greedy) for logprob, greedy in map(self.outputs.get, keys)]

    @torch.no_grad()
    def _score(self, order: Sequence[str], requests: dict[str, Request], progress: Progress) -> None:
        length = common_prefix_length([requests[key][1] for key in order])
        packed = Continuations(self.shared, requests[order[0]][1][:length])

        def score(keys: Sequence[str]) -> None:
            pairs = [(requests[key][1][length:], requests[key][2]) for key in keys]
            answers = packed.likelihoods(pairs)
            self.outputs.add({key: [found.logprob, found.greedy] for key, found in zip(keys, answers, strict=True)})

        self.batch_size_per_gpu = in_batches(order, self.batch_size, score, progress)

    def generate_until(self, requests: list[Instance], disable_tqdm: bool = True) -> list[str]:
        """Greedy answers up to the first stop text of each request's task."""
        keys = [request_key("generate", *request.args) for request in requests]
        asked = dict(zip(keys, requests, strict=True))
        done = sum(self.outputs.get(key) is not None for key in asked)
        progress = Progress(len(asked), "answers", start=done)
        groups: dict[tuple[str | None, str], dict[str, Instance]] = {}
        for key, request in asked.items():
            groups.setdefault((request.task_name, str(request.args[1])), {})[key] = request
        for group in groups.values():
            self._generate_group(group, progress)
        return [self.outputs.get(key) for key in keys]

    def _generate_group(self, requests: dict[str, Instance], progress: Progress) -> None:
        settings = normalize_gen_kwargs(next(iter(requests.values())).args[1], self.max_gen_toks)
        prompts = {key: self.tok_encode(request.args[0]) for key, request in requests.items()}
        room = self.max_length - settings["max_gen_toks"]
        long = {key for key, prompt in prompts.items() if len(prompt) > room}
        self.cut |= long
        todo = [key for key in requests if self.outputs.get(key) is None]
        fit = [key for key in todo if key not in long and not settings["do_sample"]]
        left = {key: requests[key] for key in todo if key in long or settings["do_sample"]}
        if left:  # samples; cuts from the left
            texts = super().generate_until(list(left.values()), disable_tqdm=True)
            self.outputs.add(dict(zip(left, texts, strict=True)))
            progress.advance(len(left))

        def answer(keys: Sequence[str]) -> None:
            generations = greedy_answers(
                self.shared, [prompts[key] for key in keys], settings["max_gen_toks"], settings["until"]
            )
            texts = [self.tok_decode(generation.ids) for generation in generations]
            self.outputs.add(
                {
                    key: postprocess_generated_text(text, settings["until"], None)
                    for key, text in zip(keys, texts, strict=True)
                }
            )

        self.batch_size_per_gpu = in_batches(fit, self.batch_size, answer, progress)
