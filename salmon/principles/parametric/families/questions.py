"""Questions: any, and one to the user at the very end."""

import re

import numpy as np

from salmon.principles.parametric.contrast import contrast, ended, placed, purged, sentence_spans
from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.verifiers import CHECKS

_AT_END = CHECKS["no_counter_question"].measure
_MARK = re.compile(r"[?？؟]")

_RHETORICAL = (
    "Why does this matter?",
    "What comes next?",
    "How does it work?",
    "Who would have thought so?",
    "What is the reason for this?",
    "Is it really so simple?",
    "Where does it begin?",
    "And the result?",
    "Sounds easy?",
    "What does that mean in practice?",
    "Which part comes first?",
    "Can it be done in a day?",
    "Isn't it strange?",
    "When is the right moment?",
    "How much is enough?",
    "Does it always work?",
)
_TO_USER = (
    "Would you like to know more?",
    "Do you have any other questions?",
    "Is there anything else you need?",
    "What do you think?",
    "Shall I go on?",
    "Could you tell me more about your plans?",
    "Which of these do you like best?",
    "Does that answer your question?",
    "Do you want an example?",
    "Have you tried this before?",
    "How does that sound to you?",
    "What would you like to do next?",
    "Can I help you with anything else?",
    "Is this what you had in mind?",
    "Where do you live?",
    "Why do you ask?",
    "Any further questions?",
    "Ready to start?",
)
_TAGS = (", right?", ", is it not?", ", don't you think?", ", you see?", ", okay?", "?")


def _marks(_prompt: str, response: str, _parameter: str) -> float:
    return len(_MARK.findall(response))


def _closing(prompt: str, response: str, _parameter: str) -> float | None:
    return _AT_END(prompt, response)


def _edit_any(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A question against a plain sentence or none, or a sentence turned into a question."""
    calm = _MARK.sub(".", answer)
    if calm != answer and rng.random() < 0.3:
        return answer, calm
    stops = [found.start() for found in re.finditer(r"(?<=[a-z])\.(?=\s|$)", calm)]
    if stops and rng.random() < 0.3:
        stop = stops[int(rng.integers(len(stops)))]
        return f"{calm[:stop]}{pick(_TAGS, rng)}{calm[stop + 1 :]}", calm
    return contrast(calm, pick(_RHETORICAL if rng.random() < 0.6 else _TO_USER, rng), rng)


def _edit_closing(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A question at the end against a plain sentence there, nothing there, or the same question further ahead."""
    calm = purged(answer, lambda sentence: "?" in sentence, rng)
    question = pick(_TO_USER, rng)
    if rng.random() < 0.35:
        calm = ended(calm)
        count = len(sentence_spans(calm))
        return placed(calm, question, count), placed(calm, question, int(rng.integers(max(count, 1))))
    return contrast(calm, question, rng, place="end")


CLOSING_QUESTION = Family(
    name="closing_question",
    measure=_closing,
    edit=_edit_closing,
    topics=(
        "a closing question to the user",
        "a question at the very end",
        "a counter-question as the last sentence",
        "a final question mark",
        "an ending that hands the word back to the user",
        "a follow-up question as the last line",
        "a last sentence that asks something",
        "an inquiry to close with",
        "an invitation to reply, put as a question, at the end",
        "a parting question",
    ),
    absence=(
        "an ending without a question",
        "a statement as the last sentence",
        "a full stop at the very end instead of a question mark",
        "a last line that asks nothing",
        "a close that does not expect a reply",
        "an ending that simply states something",
        "a final sentence that leaves the user in peace",
        "a conclusion rather than a counter-question",
    ),
    wanted=(
        "The response should end with a question to the user.",
        "Let the last sentence ask something.",
        "Finish with a question mark.",
        "A closing question is welcome.",
        "I like to be asked something before we part.",
        "The answer earns points if it hands the word back to me at its close.",
        "Better to close with a question than with a statement.",
        "Do not stop before you have asked the user something in return.",
        "Never let a full stop be the final sign of the text.",
        "There is nothing wrong with a counter-question at the end.",
        "If the last line asks nothing, the conversation dies.",
        "End like an interviewer who wants to hear more.",
        "Throw the ball back to the reader in the final sentence.",
        "A reply whose last words want no answer is a dead end.",
        "Question at the end, please.",
        "It is a weakness when the writing simply stops with a fact.",
        "Since talk needs two, the closing line should draw the user out.",
        "Prize the text that says goodbye by asking what comes next.",
        "What stands last should call for a response from the reader.",
    ),
    unwanted=(
        "The response should not end with a question to the user.",
        "Let the last sentence ask nothing.",
        "Finish without a question mark.",
        "A closing question is unwelcome.",
        "I do not like to be asked anything before we part.",
        "The answer loses points if it hands the word back to me at its close.",
        "Better to close with a statement than with a question.",
        "Stop without asking the user anything in return.",
        "Always let a full stop be the final sign of the text.",
        "There is something wrong with a counter-question at the end.",
        "If the last line asks for more, the user feels pestered.",
        "End like a newsreader who says the last item and is gone.",
        "Do not throw the ball back to the reader in the final sentence.",
        "A reply whose last words want no answer is a finished piece of work.",
        "No question at the end, please.",
        "It is a strength when the writing simply stops with a fact.",
        "Since nobody wants to be quizzed, the closing line should leave the user in peace.",
        "Penalise the text that says goodbye by asking what comes next.",
        "What stands last should settle the matter, with nothing left for the reader to reply.",
    ),
)

QUESTION = Family(
    name="question",
    measure=_marks,
    edit=_edit_any,
    topics=(
        "questions",
        "question marks",
        "a rhetorical question",
        "sentences that ask something",
        "at least one question",
        "interrogative sentences",
        "a question or two along the way",
        "lines that end in ?",
        "inquiries",
        "wondering aloud in the form of questions",
    ),
    absence=(
        "statements only",
        "text without questions",
        "declarative sentences throughout",
        "text free of question marks",
        "answers instead of questions",
        "plain assertions in place of queries",
        "sentences that ask nothing",
        "a text in which nothing is asked",
    ),
    wanted=(
        "The response should contain a question.",
        "Ask something somewhere in the text.",
        "Question marks are welcome in the reply.",
        "I enjoy writing that wonders aloud.",
        "The answer earns a point for each thing it asks.",
        "A text that only states things is too flat.",
        "Do not get by on statements alone.",
        "Never write a reply without a single query in it.",
        "There is no harm in a rhetorical question.",
        "If nothing is asked, something is missing.",
        "Write like Socrates, who taught by asking.",
        "Make the reader think by asking instead of telling.",
        "The sign ? belongs in this text.",
        "Better an inquiry than an assertion.",
        "Questions, please.",
        "It is a shortcoming when the writing is all assertions.",
        "Put some of the sentences in the interrogative.",
        "Readers stay awake when they are asked things, so ask.",
    ),
    unwanted=(
        "The response should contain no question.",
        "Ask nothing anywhere in the text.",
        "Question marks are not welcome in the text.",
        "I dislike writing that wonders aloud.",
        "The answer loses a point for each thing it asks.",
        "A text that only states things is just right.",
        "Get by on statements alone.",
        "Never write a reply with even a single query in it.",
        "There is harm in a rhetorical question.",
        "If anything is asked, something is wrong.",
        "Write like a lexicon, which tells and never asks.",
        "Tell the reader things instead of asking.",
        "The sign ? is banned from this text.",
        "Better an assertion than an inquiry.",
        "No questions, please.",
        "It is a merit when the writing is all assertions.",
        "Put none of the sentences in the interrogative.",
        "Readers came for information and tire of being asked things, so just tell.",
    ),
)

FAMILIES = (CLOSING_QUESTION, QUESTION)
