"""How the sentences and paragraphs of an answer relate: kinds in proportion, lengths in steps, words that link them."""

import numpy as np

from eval.ifbench.families.checked import bare_sentences, checked_family, number
from salmon.principles.parametric.editing import pick

_QUESTIONS = (
    "Why is that so?",
    "Who would have thought of it?",
    "What comes next?",
    "Does that help?",
    "Is it really that simple?",
    "How does one begin?",
)
_CALLS = ("What a day!", "Try it!", "How nice!", "Just begin!", "It works!", "Look here!")


def _two_to_one(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    count = int(rng.integers(1, 3))
    told = bare_sentences(answer, 2 * count, rng)
    other = int(rng.choice([n for n in (0, 1, 2, 3, 4) if n != count]))
    return _mixed(told, count, 0, rng), _mixed(told, other, 0, rng)


def _balance(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    count = int(rng.integers(1, 3))
    told = bare_sentences(answer, count, rng)
    questions, calls = (int(n) for n in rng.integers(0, 4, 2))
    return _mixed(told, count, count, rng), _mixed(told, questions, calls, rng)


def _mixed(told: list[str], questions: int, calls: int, rng: np.random.Generator) -> str:
    """Statements in their order, with questions and calls in between."""
    asked = [str(text) for text in rng.permutation(_QUESTIONS)[:questions]]
    called = [str(text) for text in rng.permutation(_CALLS)[:calls]]
    texts = [f"{sentence}." for sentence in told]
    for text in (*asked, *called):
        texts.insert(int(rng.integers(1, len(texts) + 1)), text)
    return " ".join(texts)


def _chained(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    sentences = bare_sentences(answer, int(rng.integers(2, 5)), rng)
    chain = [sentences[0]]
    for sentence in sentences[1:]:
        chain.append(f"{chain[-1].split()[-1].capitalize()} – {sentence}")
    if rng.random() < 0.5:  # the other one takes up the first word instead
        loose = [
            *sentences[:1],
            *(f"{one.split()[0]} – {two}" for one, two in zip(sentences, sentences[1:], strict=False)),
        ]
        return " ".join(f"{text}." for text in chain), " ".join(f"{text}." for text in loose)
    return " ".join(f"{text}." for text in chain), " ".join(f"{text}." for text in sentences)


def _circled(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    sentences = bare_sentences(answer, int(rng.integers(1, 4)), rng)
    circles = [f"{text}, {text.split()[0].strip('(').lower()}." for text in sentences]
    ends = ("", ", too", ", one by one", ", as they say") if rng.random() < 0.7 else ("",)
    return "\n".join(circles), "\n".join(f"{text}{pick(ends, rng)}." for text in sentences)


def _steps(_prompt: str, answer: str, parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    step, count = int(parameter), int(rng.integers(2, 5))
    first = int(rng.integers(2, 6))
    lengths = [first + place * step for place in range(count)]
    words = " ".join(bare_sentences(answer, 8, rng)).translate(str.maketrans("", "", ".!?:;,")).split()
    other = {0: [first] * count, 1: lengths[::-1], 2: [n + place for place, n in enumerate(lengths)]}
    return _cut(words, lengths), _cut(words, other[int(rng.integers(3))])


def _cut(words: list[str], lengths: list[int]) -> str:
    """Sentences of so many words each, of words as they come."""
    texts, start = [], 0
    for length in lengths:
        texts.append(" ".join(words[start : start + length]).capitalize() + ".")
        start += length
    return " ".join(texts)


def _lettered(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Sentence after sentence has more words in a row that begin alike."""
    count = int(rng.integers(2, 5))
    begin = bare_sentences(answer, 1, rng)[0].split()[:2]
    texts = [f"{' '.join(begin)}."] if len(begin) == 2 and begin[0][0].lower() != begin[1][0].lower() else []
    rows = ["Big boats.", "Seven small ships.", "Many merry men marched.", "Old owls over our orchard."][:count]
    ordered = [*texts, *rows]
    return " ".join(ordered), " ".join(str(text) for text in rng.permutation(ordered)) if pick("ab", rng) == "a" else (
        " ".join(reversed(ordered))
    )


SENTENCES = (
    checked_family(
        "ratio:sentence_type",
        _two_to_one,
        topics=(
            "twice as many statements as questions",
            "two declarative sentences for each question",
            "statements and questions in a ratio of two to one",
        ),
        absence=("another ratio of statements to questions than two to one", "questions in no fixed proportion"),
        wanted=(
            "There should be exactly two statements for every question.",
            "Count the sentences: the questions are half as many as the statements.",
            "Keep statements and questions at two to one.",
            "Any other proportion than two statements to a question is wrong.",
        ),
        unwanted=(
            "There should not be exactly two statements for every question.",
            "Count the sentences: the questions must not be half as many as the statements.",
            "Keep away from two to one for statements and questions.",
            "The proportion of two statements to a question is wrong.",
        ),
    ),
    checked_family(
        "ratio:sentence_balance",
        _balance,
        topics=(
            "as many questions as statements and as many exclamations as both",
            "statements, questions and exclamations in equal numbers",
            "an even balance of the three types of sentences",
        ),
        absence=("unequal numbers of statements, questions and exclamations", "one type of sentence that prevails"),
        wanted=(
            "Statements, questions and exclamations must be equally many.",
            "For each sentence with a full stop there is one with ? and one with !.",
            "No type of sentence may be more frequent than another.",
            "Give each of the three types of sentences the same share.",
        ),
        unwanted=(
            "Statements, questions and exclamations must not be equally many.",
            "It should not be that each sentence with a full stop is matched by one with ? and one with !.",
            "Some type of sentence has to be more frequent than another.",
            "Do not give each of the three types of sentences the same share.",
        ),
    ),
    checked_family(
        "words:last_first",
        _chained,
        topics=(
            "sentences that begin with the last word of the sentence before",
            "a chain in which the final word of a sentence opens the next one",
            "linked sentences, each taking up the word that ended the one before",
        ),
        absence=("sentences that open with a new word", "sentences that are not linked by a shared word"),
        wanted=(
            "Each sentence has to start with the word that the sentence before ended with.",
            "Take the final word of a sentence and open the next one with it, all through the text.",
            "The last word of one sentence and the first word of the next must be the same.",
            "Chain the sentences by repeating the closing word as the opening word.",
        ),
        unwanted=(
            "Sentences must not all start with the word that the sentence before ended with.",
            "Do not take the final word of a sentence and open the next one with it.",
            "The last word of one sentence and the first word of the next must differ somewhere.",
            "Do not chain the sentences by repeating the closing word as the opening word.",
        ),
    ),
    checked_family(
        "words:paragraph_last_first",
        _circled,
        topics=(
            "paragraphs that end with the word they began with",
            "the same word at both ends of every paragraph",
            "paragraphs whose first word comes back as the last one",
        ),
        absence=("paragraphs that close with another word than their first", "different words at the two ends"),
        wanted=(
            "Every paragraph has to close with the word that opened it.",
            "The first and the last word of each paragraph must be the same.",
            "Let a paragraph come full circle, back to its first word.",
            "A paragraph whose last word is not its first one is wrong.",
        ),
        unwanted=(
            "Paragraphs must not all close with the word that opened them.",
            "The first and the last word of some paragraph must differ.",
            "Do not let a paragraph come full circle, back to its first word.",
            "A text in which each paragraph ends with its first word is wrong.",
        ),
    ),
    checked_family(
        "sentence:increment",
        _steps,
        arguments=number("small_n"),
        parameters=("1", "2", "3"),
        topics=(
            "sentences that grow in words by {p} each time",
            "a length of sentences that rises in steps of {p}",
            "sentence lengths with a constant increase, which is {p} in words",
        ),
        absence=("sentences that do not grow by {p} each time", "sentence lengths without a constant increase"),
        wanted=(
            "From each sentence to the next, the number of words must rise by exactly {p}.",
            "Let the sentences get longer and longer, always by the same number of words: {p}.",
            "Count the words of two neighbouring sentences: the later one must be ahead by {p}.",
            "The word counts of the sentences should form steps of {p}.",
        ),
        unwanted=(
            "From each sentence to the next, the number of words must not always rise by exactly {p}.",
            "Do not let the sentences get longer and longer, always by the same number of words: {p}.",
            "Count the words of neighbouring sentences: the later one must not always be ahead by {p}.",
            "The word counts of the sentences should not form steps of {p}.",
        ),
    ),
    checked_family(
        "sentence:alliteration_increment",
        _lettered,
        topics=(
            "sentences with more alliteration than the one before",
            "alliteration that grows from sentence to sentence",
            "a longer and longer row of words that begin alike",
        ),
        absence=("alliteration that does not grow", "sentences with less alliteration than the one before"),
        wanted=(
            "Each sentence needs a longer row of words with the same initial than the sentence before it.",
            "Let the alliteration grow with every sentence.",
            "Compare neighbouring sentences: the later one must alliterate more.",
            "The number of words that begin alike has to rise from one sentence to the next.",
        ),
        unwanted=(
            "It must not be that each sentence has a longer row of words with the same initial than the one before it.",
            "Do not let the alliteration grow with every sentence.",
            "Compare neighbouring sentences: somewhere the later one must not alliterate more.",
            "The number of words that begin alike should not rise from one sentence to the next.",
        ),
    ),
)
