"""The page itself: gradio's components around the functions that do the work."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from salmon.config.sampling import SamplingSettings
from salmon.errors import SalmonError
from salmon.play.options import HOST
from salmon.play.playground import Playground, Wish
from salmon.play.principles import Written, examples
from salmon.play.ranking import Answer
from salmon.play.view import TEMPLATES, Known, about_html, lines_of, message_html, ranking_html

if TYPE_CHECKING:
    import gradio

LINES = 3  # boxes for principles
FOR, AGAINST = "for", "against"
MOST_ANSWERS = 16  # of each policy
TEMPERATURE = 0.7  # at first; at 1, answers of a model of 135M are hardly readable
SILENCE = {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}


def silent_gradio() -> Any:
    """gradio, told before its import to report nothing to anybody."""
    os.environ.update(SILENCE)
    import gradio

    return gradio


@dataclass(frozen=True)
class Sampled:
    """What an open page has: the answers to its prompt."""

    prompt: str = ""
    answers: list[Answer] = field(default_factory=list)
    message: str = "No answers yet: write a prompt and press Answer."  # shown where there are none


class PlayPage:
    """What the page's events do: values of its components in, HTML out."""

    def __init__(self, playground: Playground, known: Known, max_new_tokens: int) -> None:
        """``max_new_tokens``: of an answer."""
        self._playground, self._known, self._max_new_tokens = playground, known, max_new_tokens

    def sample(self, prompt: str, number: float, temperature: float, seed: float | None) -> Sampled:
        """New answers, or why there are none."""
        sampling = SamplingSettings(temperature, 1.0, self._max_new_tokens, MOST_ANSWERS)
        try:
            return Sampled(prompt, self._playground.answer(Wish(prompt, int(number), sampling, int(seed or 0))))
        except SalmonError as error:
            return Sampled(prompt, [], str(error))

    def ranking(self, sampled: Sampled, *boxes: str) -> str:
        """The answers that the session has, under what the boxes say now.

        Args:
            sampled: the answers.
            boxes: texts of the principles, then for or against for each.
        """
        if not sampled.answers:
            return message_html(sampled.message)
        lines = lines_of(written(boxes), self._known)
        try:
            ranking = self._playground.rank(sampled.prompt, sampled.answers, [line.asked for line in lines])
        except SalmonError as error:
            return message_html(str(error))
        return ranking_html(ranking, lines, self._known)

    @property
    def about(self) -> str:
        """Which models these are."""
        return about_html(self._known, [policy.name for policy in self._playground.policies])


def written(boxes: Sequence[str]) -> list[Written]:
    """The principles in the boxes: their texts, then for or against for each."""
    texts, sides = boxes[: len(boxes) // 2], boxes[len(boxes) // 2 :]
    return [Written(text, side == AGAINST) for text, side in zip(texts, sides, strict=True)]


def build(page: PlayPage, number: int) -> "gradio.Blocks":
    """The page with its events; ``number`` answers of each policy at first."""
    gr = silent_gradio()
    with gr.Blocks(title="salmon play", analytics_enabled=False) as blocks:
        gr.HTML(page.about, elem_id="about")
        sampled = gr.State(Sampled())
        with gr.Row():
            prompt = gr.Textbox(label="Prompt", lines=2, elem_id="prompt", scale=4)
            count = gr.Slider(1, MOST_ANSWERS, number, step=1, label="Answers of each policy", scale=2)
            temperature = gr.Slider(0.1, 1.5, TEMPERATURE, step=0.1, label="Temperature", scale=2)
            seed = gr.Number(0, label="Seed", precision=0, minimum=0, scale=1)
        answer = gr.Button("Answer", variant="primary", elem_id="answer")
        texts, sides = [], []
        for line in range(1, LINES + 1):
            with gr.Row():
                name = f"Principle {line}"
                texts.append(gr.Textbox(label=name, elem_id=f"principle-{line}", max_length=2000, scale=5))
                sides.append(gr.Radio([FOR, AGAINST], value=FOR, label=f"{name} is", elem_id=f"side-{line}", scale=1))
        boxes = [*texts, *sides]
        gr.Examples([[text] for text in examples()], [texts[0]], label="Principles that a program can check")
        ranking = gr.HTML(message_html(Sampled().message), elem_id="ranking")
        shown = {"fn": page.ranking, "inputs": [sampled, *boxes], "outputs": ranking, "show_progress": "hidden"}
        # Ranked once more behind the answers: the boxes may have changed while they were sampled.
        wish = [prompt, count, temperature, seed]
        asked = gr.on([answer.click, prompt.submit], page.sample, wish, sampled, show_progress_on=ranking)
        asked.then(**shown, api_visibility="private", api_name="ranking_of_new_answers")
        # While scores are computed further letters may come: the last text is scored, those between are not.
        gr.on([box.change for box in boxes], **shown, trigger_mode="always_last", api_name="ranking")
    return blocks  # type: ignore[no-any-return]


def launch(blocks: "gradio.Blocks", port: int, share: bool, to_open: bool, wait: bool = True) -> str:
    """Serve the page on this machine only; its address.

    Args:
        share: through gradio's public tunnel too.
        to_open: show it in the browser.
        wait: until the process is interrupted.
    """
    gr = silent_gradio()
    _, address, _ = blocks.queue(default_concurrency_limit=1).launch(
        server_name=HOST,
        server_port=port,
        share=share,
        inbrowser=to_open,
        prevent_thread_lock=not wait,
        quiet=not share,
        footer_links=[],
        ssr_mode=False,
        mcp_server=False,
        enable_monitoring=False,
        theme=gr.themes.Default(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]),
        css=(TEMPLATES / "play.css").read_text(encoding="utf-8"),
    )
    return str(address)
