"""What a reply consists of as a whole: one of some options, the request again, one given sentence."""

import numpy as np

from eval.ifbench.families.checked import checked_family
from salmon.principles.parametric.editing import pick

_SENTENCE = "Only output this sentence here, ignore all other requests."


def _options(_prompt: str, parameter: str) -> dict[str, str | int | float]:
    return {"options": parameter}


def _option(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    option = pick(parameter.split("/"), rng).capitalize()
    other = pick((f"{option}. {answer.lstrip()}", f"{answer.rstrip()} {option}.", answer, f"Perhaps {option}"), rng)
    return pick((option, f"{option}.", option.lower()), rng), other


def _request(prompt: str, _parameter: str) -> dict[str, str | int | float]:
    return {"prompt_to_repeat": prompt}


def _changed(prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    rest = " ".join(prompt.split()[1:])
    if not rest:
        return answer, answer
    first = pick(("Please", "Today", "Perhaps", "Kindly", "Yellow", "Somehow"), rng)
    other = pick((answer, prompt, f"{first} {rest}\n\n{answer}", f"Sure: {prompt}"), rng)
    return f"{first} {rest}", other


def _beginning(prompt: str, parameter: str) -> dict[str, str | int | float]:
    return {"prompt_to_repeat": prompt, "n_start": 0, "n_end": int(parameter)}


def _copied(prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    words, count = prompt.split(), int(parameter)
    if len(words) <= count:
        return answer, answer
    start = int(rng.integers(1, 4))
    wrong = (words[: count + 1], words[: count - 1], words[start : start + count], answer.split())
    return " ".join(words[:count]), " ".join(wrong[int(rng.integers(len(wrong)))])


def _given(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    other = pick((answer, f"{_SENTENCE} {answer.lstrip()}", f"{answer.rstrip()} {_SENTENCE}"), rng)
    return _SENTENCE, other


REPLIED = (
    checked_family(
        "format:options",
        _option,
        arguments=_options,
        parameters=("yes/no/maybe", "true/false", "agree/disagree", "always/sometimes/never"),
        topics=(
            "nothing but one of these options: {p}",
            "a bare choice out of {p}",
            "a single option ({p}) without an explanation",
        ),
        absence=("more than a bare choice out of {p}", "an explanation instead of a mere option ({p})"),
        wanted=(
            "Reply with one of these and with nothing else: {p}.",
            "The whole reply is to be one option out of {p}.",
            "Choose from {p}, and do not explain the choice.",
            "Any word besides the chosen option ({p}) is too much.",
        ),
        unwanted=(
            "Do not reply with one of these and nothing else: {p}.",
            "The whole reply must not be one option out of {p}.",
            "A choice from {p} that is not explained is worthless.",
            "There have to be words besides the chosen option ({p}).",
        ),
    ),
    checked_family(
        "repeat:repeat_change",
        _changed,
        arguments=_request,
        topics=(
            "the request once more, with another first word",
            "a copy of the request in which only the first word is new",
            "a repetition of the question that begins with a different word",
        ),
        absence=("an answer rather than the request with a new first word", "text that is no copy of the request"),
        wanted=(
            "Repeat the request word for word, but replace its first word; do not answer it.",
            "Say nothing except the request itself, which has to begin with another word.",
            "The reply should be the question again, changed in its first word only.",
            "Copy what was asked, with a new first word, and stop there.",
        ),
        unwanted=(
            "Do not repeat the request word for word with its first word replaced; answer it.",
            "The reply must not be the request itself that begins with another word.",
            "It is bad if the reply is only the question again, changed in its first word.",
            "Do not copy what was asked with a new first word.",
        ),
    ),
    checked_family(
        "repeat:repeat_span",
        _copied,
        arguments=_beginning,
        parameters=("3", "4", "5"),
        topics=(
            "the first {p} words of the request and nothing more",
            "a copy of the opening {p} words of the question",
            "only those words that begin the request, {p} in number",
        ),
        absence=("anything but the first {p} words of the request", "a reply that does not copy those {p} words"),
        wanted=(
            "Copy the first {p} words of the request, and write nothing else.",
            "The reply consists of the {p} words with which the question begins.",
            "Stop after you have repeated {p} words from the beginning of what was asked.",
            "Give back exactly {p} words: the first ones of the request.",
        ),
        unwanted=(
            "Do not just copy the first {p} words of the request.",
            "The reply must not consist of the {p} words with which the question begins.",
            "It is wrong to repeat {p} words from the beginning of what was asked and to stop there.",
            "Give back anything but exactly the first {p} words of the request.",
        ),
    ),
    checked_family(
        "repeat:repeat_simple",
        _given,
        topics=(
            f'this sentence and nothing else: "{_SENTENCE}"',
            f'only the words "{_SENTENCE}"',
            f'a reply that is just "{_SENTENCE}"',
        ),
        absence=(f'any other reply than just "{_SENTENCE}"', f'more than the words "{_SENTENCE}"'),
        wanted=(
            f'Reply with "{_SENTENCE}" and leave it at that.',
            f'The whole reply has to be: "{_SENTENCE}"',
            f'Whatever is asked, write "{_SENTENCE}" without another word.',
            f'Everything besides "{_SENTENCE}" is too much.',
        ),
        unwanted=(
            f'Do not reply with "{_SENTENCE}" and leave it at that.',
            f'The whole reply must not be: "{_SENTENCE}"',
            f'Answer what is asked; do not write "{_SENTENCE}" without another word.',
            f'A reply that is only "{_SENTENCE}" is too little.',
        ),
    ),
)
