"""Addresses of web pages, and hashtags."""

import re

import numpy as np

from salmon.principles.parametric.editing import pick
from salmon.principles.parametric.family import Family
from salmon.principles.parametric.restructuring import content_words, finish, insert_either, padded
from salmon.principles.verifiers.text import without_code

_URL = re.compile(r"(?:https?://|\bwww\.)[^\s)>\]]+", re.IGNORECASE)
_HASHTAG = re.compile(r"(?<![\w&/#])#[^\W\d_]\w*")
_SITES = (
    "example.org",
    "example.com",
    "www.example.net",
    "library.example.org",
    "news.example.com",
    "wiki.example.net",
)
_POINTERS = (
    "More about this is found at {}.",
    "See {}.",
    "A longer text stands here: {}.",
    "The source is {}.",
    "Further reading: {}.",
    "The figures come from {}.",
    "There is a map on {}.",
    "The whole story can be read at {}.",
)
_PLACES = ("the town library", "the handbook", "the second chapter", "the usual place", "the notice board", "page two")
_TAGS = ("tips", "today", "life", "learning", "facts", "ideas", "goodtoknow", "everyday", "reading", "question")


def _urls(_prompt: str, response: str, _parameter: str) -> float:
    return len(_URL.findall(response))


def _hashtags(_prompt: str, response: str, _parameter: str) -> float:
    return len(_HASHTAG.findall(without_code(response)))


def _edit_link(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """A sentence that points to an address against one that points to a place, or a word with a link behind it."""
    plain = re.sub(r" {2,}", " ", _URL.sub("the page", answer))
    words = content_words(plain)
    path = (words[int(rng.integers(len(words)))] if words else "page").lower()
    site = pick(_SITES, rng)
    url = ("" if site.startswith("www") else "https://") + site + pick(("", f"/{path}", f"/{path}.html"), rng)
    if words and rng.random() < 0.4:
        word = words[int(rng.integers(len(words)))]
        form = pick(("[{word}]({url})", "{word} ({url})", "{word} <{url}>"), rng)
        found = re.search(rf"\b{word}\b", plain)
        if found:
            return plain[: found.start()] + form.format(word=word, url=url) + plain[found.end() :], padded(plain, rng)
    pointer = pick(_POINTERS, rng)
    more, other = insert_either(plain, (pointer.format(url), pointer.format(pick(_PLACES, rng))), rng)
    return more, other if rng.random() < 0.6 else padded(plain, rng)


def _edit_hashtag(_prompt: str, answer: str, _parameter: str, rng: np.random.Generator) -> tuple[str, str]:
    """Tags behind the answer, or words of it as tags; in the other answer the same words without the sign."""
    plain = _HASHTAG.sub(lambda found: found[0][1:], answer)
    words = content_words(plain)
    if words and rng.random() < 0.5:
        chosen = [words[int(place)] for place in rng.permutation(len(words))[: int(rng.integers(1, 4))]]
        tagged = plain
        for word in chosen:
            tagged = re.sub(rf"(?<![\w#&/'-]){word}\b", f"#{word}", tagged, count=1)
        if _HASHTAG.search(tagged):
            return tagged, padded(plain, rng)
    pool = [*(word.lower() for word in words[:6]), *_TAGS]
    tags = [pool[int(place)] for place in rng.permutation(len(pool))[: int(rng.integers(1, 5))]]
    gap = pick((" ", "\n\n", "\n"), rng)
    more = plain.rstrip() + gap + " ".join(f"#{tag}" for tag in tags)
    return more, f"{finish(plain)} {', '.join(tags).capitalize()}." if rng.random() < 0.4 else plain


LINK = Family(
    name="link",
    measure=_urls,
    edit=_edit_link,
    topics=(
        "a link",
        "links",
        "a web address",
        "a URL",
        "addresses that begin with https",
        "a hyperlink",
        "references to web pages",
        "a link to a source",
        "something to click on",
        "internet addresses",
        "the address of a site",
    ),
    absence=(
        "text without links",
        "no web addresses",
        "an answer free of URLs",
        "explanations rather than addresses of web pages",
        "words only, with nothing to click on",
        "no references to the internet",
        "a text that points to no site",
        "link-free writing",
    ),
    wanted=(
        "The response should contain a link.",
        "Give a web address.",
        "Links are welcome.",
        "I want something to click on.",
        "A reply without a URL loses points.",
        "Point the reader to a page on the internet, address included.",
        "Do not forget the link.",
        "The user likes to read on elsewhere, so say at which address.",
        "Of two answers, take the one with a hyperlink.",
        "At least one https address should be there.",
        "Send me to a website.",
        "If no page is linked, the text is incomplete.",
        "Sources should be given as URLs.",
        "It is never wrong to add a link.",
        "Like an online encyclopedia, the text should link to other pages.",
        "A clickable address earns extra marks.",
        "With a link, please.",
        "Claims without an address behind them convince nobody.",
        "Be generous with URLs.",
    ),
    unwanted=(
        "The response should not contain a link.",
        "Give no web address.",
        "Links are unwelcome.",
        "I want nothing to click on.",
        "A reply with a URL loses points.",
        "Do not point the reader to a page on the internet.",
        "Leave the link out.",
        "The user has no internet connection, so an address is of no use.",
        "Of two answers, take the one without a hyperlink.",
        "Not one https address should be there.",
        "Do not send me to a website.",
        "If a page is linked, the text is spoilt.",
        "Sources should never be given as URLs.",
        "It is always wrong to add a link.",
        "Like a printed book, the text should stand on its own without links.",
        "A clickable address costs marks.",
        "Without links, please.",
        "Addresses look like spam, and nobody trusts a text with one.",
        "Be sparing with URLs, best of all use none.",
    ),
)

HASHTAG = Family(
    name="hashtag",
    measure=_hashtags,
    edit=_edit_hashtag,
    topics=(
        "hashtags",
        "a hashtag",
        "tags with #",
        "keywords that begin with a hash sign",
        "words tagged as on social media",
        "#tags",
        "social media tags",
        "a trail of hashtags",
        "one or more #words",
        "hash signs in front of words",
    ),
    absence=(
        "text without hashtags",
        "no #tags",
        "untagged words",
        "words without hash signs",
        "plain keywords in place of hashtags",
        "writing that is free of tags",
        "no social media tags",
        "sentences without any #word",
    ),
    wanted=(
        "The response should have a hashtag.",
        "Add hashtags.",
        "Hashtags are welcome.",
        "I would like to see some #tags.",
        "A reply without a hashtag loses points.",
        "Put a hash sign in front of key words.",
        "Write it like a post that wants to be found by its tags.",
        "Do not leave out the hashtags.",
        "The user collects #words, so offer a few.",
        "Of two answers, take the one with tags.",
        "Tag it!",
        "If nothing is tagged, nobody will find the post.",
        "The more hashtags, the merrier.",
        "At least one word must carry a #.",
        "Such a text needs its tags as a parcel needs its label.",
        "There is nothing wrong with hashtags.",
        "Tagged writing is worth a point more.",
        "Some hashtags, please.",
        "Never post without a tag.",
    ),
    unwanted=(
        "The response should not have a hashtag.",
        "Add no hashtags.",
        "Hashtags are unwelcome.",
        "I would hate to see any #tags.",
        "A reply with a hashtag loses points.",
        "Put no hash sign in front of key words.",
        "Write it like a letter, not like a post that wants to be found by its tags.",
        "Leave out the hashtags.",
        "The user is tired of #words, so spare them.",
        "Of two answers, take the one without tags.",
        "Do not tag it.",
        "If anything is tagged, the text looks like advertising.",
        "The fewer hashtags, the better.",
        "Not one word may carry a #.",
        "Such a text needs tags as little as a fish needs a bicycle.",
        "There is no room for hashtags.",
        "Tagged writing is worth a point less.",
        "No hashtags, please.",
        "Always post without tags.",
    ),
)

FAMILIES = (LINK, HASHTAG)
