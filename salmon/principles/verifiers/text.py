"""Words, sentences, list items of a text in any script, Markdown or not. No dictionary, no model."""

import re
import unicodedata

# Scripts without spaces have about two (Han, kana) or four (Thai, Lao, Burmese, Khmer; marks removed) signs a word.
_TWO = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_FOUR = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"
_SIGN = rf"[^\W_{_TWO}{_FOUR}]"
_WORD = re.compile(rf"\d+(?:[.,]\d+)+|{_SIGN}+(?:['-]{_SIGN}+)*|[{_TWO}]{{1,2}}|[{_FOUR}]{{1,4}}")

_FENCE = re.compile(r"^[ \t]*(`{3,}(?=[^`\n]*$)|~{3,}).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_INLINE_CODE = re.compile(r"(?<!`)(`{1,3})[^`\n]+\1(?!`)")

_MARKER = re.compile(
    r"^(?P<indent>[ \t>]*)(?:[-*+•◦▪‣●○·–][ \t]|(?P<number>(?:\*\*|__)?\(?\d{1,3}[.)](?:\*\*|__)?[ \t]|\d{1,3}[、．]|"
    r"\(?[a-zA-Z]\)[ \t]|[①-⑳]|[一二三四五六七八九十]{1,3}、))[ \t]*(?=.*[^\W_])",
    re.MULTILINE,
)
_INLINE_MARKER = re.compile(r"(?:^|(?<=[\s:.;!?,]))\(?(\d{1,3})[.)][ \t]+(?=\S)", re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(?=.*[^\W_])", re.MULTILINE)
STRUCTURES = (_MARKER, _HEADING)  # what begins a list item or a heading
_IN_WORD = re.compile(r"[^\W_]")

_NOT_BEHIND = "".join(
    rf"(?<!\b{short})" for short in (r"e\.g", r"i\.e", "etc", "vs", "[MD]r", "Mrs", "Ms", "Prof", "St", "[A-HJ-Z]")
)
_SENTENCE_END = re.compile(
    rf"{_NOT_BEHIND}(?<![.!?\u2026])[.!?\u2026]++[\"')\]*_»]*+(?=\s|$)|[。！？؟।॥]+[」』”’）)]*|\n+"
)


def without_code(text: str) -> str:
    """The text without fenced code blocks; one that is never closed lasts to the end."""
    return _FENCE.sub("\n", text) if "```" in text or "~~~" in text else text


def plain(text: str) -> str:
    """What phrases are looked for in: no code, straight quotes, no invisible characters, wide forms made normal."""
    text = _INLINE_CODE.sub(" ", without_code(text))
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"'}))
    return "".join(c for c in text if unicodedata.category(c) != "Cf")


def plain_places(text: str) -> tuple[str, list[int]] | None:
    """``plain(text)``, and of each of its characters the place in ``text``; None where they cannot be told."""
    shown, places = text, list(range(len(text)))
    for pattern, put in ((_FENCE, "\n"), (_INLINE_CODE, " ")):
        for code in reversed(list(pattern.finditer(shown))):
            places[code.start() : code.end()] = [places[code.start()]]
            shown = f"{shown[: code.start()]}{put}{shown[code.end() :]}"
    whole = plain(text)
    if shown != whole:
        pairs = [(char, place) for one, place in zip(shown, places, strict=True) for char in plain(one)]
        shown, places = "".join(char for char, _ in pairs), [place for _, place in pairs]
    return (shown, places) if shown == whole else None


def words(text: str) -> list[str]:
    """Words in lower case; "don't", "well-known" and "1,000.5" are one each.

    Chinese and Japanese: every two characters of a run are a word; Thai, Lao, Burmese, Khmer: every four letters.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.replace("\u2019", "'"))
        # Vowel signs and accents are no letters to a regular expression: they would tear words apart.
        text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Mc", "Me", "Cf"))
    return _WORD.findall(text.casefold())


def num_words(text: str) -> int:
    return len(words(text))


def is_word(text: str) -> bool:
    """Letters only, with apostrophes or hyphens inside."""
    return re.fullmatch(r"[^\W\d_]+(?:['-][^\W\d_]+)*", text) is not None


def sentences(text: str) -> list[str]:
    """Parts with a word in them that end with . ! ? (or their like in other scripts) or a line; without code.

    Markers of lists, usual abbreviations ("e.g.", "Dr.", initials) and decimal points end nothing.
    """
    text = without_markers(without_code(text))
    parts, start = [], 0
    for end in _SENTENCE_END.finditer(text):
        parts.append(text[start : end.end()].strip())
        start = end.end()
    return [part for part in [*parts, text[start:].strip()] if num_words(part)]


def without_markers(text: str) -> str:
    """The text without the markers of list items and headings; what stood behind one begins a line."""
    for marker in reversed(_inline_run(text)):
        text = f"{text[: marker.start()]}\n{text[marker.end() :]}"
    return _HEADING.sub("", _MARKER.sub("", text))


def num_items(text: str) -> int:
    """List items outside code, of the outermost level only.

    An item is a line that begins with a bullet (-, *, +, •), a number ("1.", "1)", "(1)") or a letter ("a)"), and
    a word behind it. Numbers 1., 2., ... in this order within lines count too, where "1." begins a line or follows
    punctuation. Bullets below a numbered item, or items that are further indented, belong to the item above.
    """
    text = without_code(text)
    kinds = [(len(marker["indent"].expandtabs(4)), marker["number"] is None) for marker in _MARKER.finditer(text)]
    return max(kinds.count((min(kinds)[0], kinds[0][1])) if kinds else 0, len(_inline_run(text)))


def num_structures(text: str) -> int:
    """List items of any level, headings and rows of tables, outside code."""
    text = without_code(text)
    items = max(len(_MARKER.findall(text)), len(_inline_run(text)))
    return items + len(_HEADING.findall(text)) + sum(map(_is_table_row, text.split("\n")))


def _is_table_row(line: str) -> bool:
    """A word between two bars that enclose the line."""
    cells = line.strip(" \t")
    return len(cells) > 1 and cells[0] == cells[-1] == "|" and _IN_WORD.search(cells) is not None


def _inline_run(text: str) -> list[re.Match[str]]:
    """The longest run of markers 1., 2., 3., ...; empty if it has only one member."""
    longest: list[re.Match[str]] = []
    run: list[re.Match[str]] = []
    for marker in _INLINE_MARKER.finditer(text):
        before = text[max(0, marker.start() - 4) : marker.start()].rstrip(" \t")[-1:]
        if int(marker[1]) == 1 and (not before or before in "\n:.;!?"):
            run = [marker]
        elif run and int(marker[1]) == len(run) + 1:
            run.append(marker)
        longest = run if len(run) > max(len(longest), 1) else longest
    return longest
