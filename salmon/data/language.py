"""Which language a text is in, where that can be told."""

MIN_CHARS = 24  # below this, detection is guessing
MIN_PROBABILITY = 0.9


def detect_language(text: str) -> str | None:
    """ISO 639-1 code ("zh" for both Chinese scripts), or None for short, mixed or symbol-only text.

    The same text always gives the same answer (langdetect itself draws from a global generator).
    """
    from langdetect import DetectorFactory, LangDetectException, detect_langs

    wide = sum(ord(character) > 0x2E80 for character in text)  # CJK says more in fewer characters
    if len(text.strip()) + 3 * wide < MIN_CHARS:
        return None
    DetectorFactory.seed = 0
    try:
        best = detect_langs(text)[0]
    except LangDetectException:
        return None
    return best.lang.split("-")[0] if best.prob >= MIN_PROBABILITY else None
