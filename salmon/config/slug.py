"""File names made of free text."""

import hashlib
import re


def slug(text: str) -> str:
    """The text with one ``_`` for every run of characters that a file name had better not have."""
    return re.sub(r"[^\w.,=+()-]+", "_", text, flags=re.ASCII)


def text_digest(text: str) -> str:
    """8 hex digits that tell texts apart whose slugs are alike or were cut."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]
