"""The page, served in this process with a reward model that obeys: what is on the page can be told from outside."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from salmon.play.app import PlayPage, build, launch
from salmon.play.found import ShownPolicy
from salmon.play.playground import Playground, Wish
from salmon.play.principles import AskedPrinciple
from salmon.play.ranking import Answer, Ranking, rank
from salmon.play.training_texts import TrainingTexts
from salmon.play.view import Known

SCRIPT = "<script>document.title = 'taken'</script><img src=x onerror=\"document.title = 'taken'\">"
SHORT, LONG = "Carp.", "- Carp live in ponds.\n- Pike live in lakes, and hunt for smaller fish."


class Obedient(Playground):
    """Scores by the checks of what is asked; without a check, by nothing."""

    def __init__(self) -> None:
        self.policies = (ShownPolicy("sft", None), ShownPolicy("ppo_best", None))

    def answer(self, wish: Wish) -> list[Answer]:
        return [Answer("sft", LONG, True), Answer("ppo_best", SHORT, True), Answer("sft", SCRIPT, False)]

    def rank(self, prompt: str, answers: Sequence[Answer], asked: Sequence[AskedPrinciple]) -> Ranking:
        rows = []
        for answer in answers:
            alone = [float(one.verdict(prompt, answer.text) or 0) if one.verdict else 0.0 for one in asked]
            rows.append([sum(alone), *(alone if len(alone) > 1 else ())])
        return rank(prompt, answers, asked, rows)


@contextmanager
def served() -> Iterator[str]:
    """The address of the page."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page = PlayPage(Obedient(), Known("reward-1", True, TrainingTexts({}, None, None), None), 8)
    blocks = build(page, 8)
    try:
        yield launch(blocks, port, share=False, to_open=False, wait=False)
    finally:
        blocks.close(verbose=False)
