"""From what a person typed to the words that a photo must hold, the same for every engine."""

from __future__ import annotations

import re
from unicodedata import category

# The 33 words that Lucene's EnglishAnalyzer leaves out (ENGLISH_STOP_WORDS_SET): nearly every
# caption has them, so they tell nothing, and one that lacks them should be found too.
_STOP_WORDS = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "but",
        "by",
        "for",
        "if",
        "in",
        "into",
        "is",
        "it",
        "no",
        "not",
        "of",
        "on",
        "or",
        "such",
        "that",
        "the",
        "their",
        "then",
        "there",
        "these",
        "they",
        "this",
        "to",
        "was",
        "will",
        "with",
    ]
)
_POSSESSIVE = re.compile(r"['’]s(?!\w)", re.IGNORECASE)

LATIN_LETTERS = {
    "Æ": "AE",
    "æ": "ae",
    "Œ": "OE",
    "œ": "oe",
    "Ø": "O",
    "ø": "o",
    "Ð": "D",
    "ð": "d",
    "Đ": "D",
    "đ": "d",
    "Ł": "L",
    "ł": "l",
    "Þ": "TH",
    "þ": "th",
    "ẞ": "SS",
    "ß": "ss",
    "ı": "i",
}
"""Letters that are found by plain ones, as "Tromso" finds Tromsø, and that no removal of accents
makes plain. Lucene's ASCIIFoldingFilter agrees."""
_TO_PLAIN = str.maketrans(LATIN_LETTERS)


def plain_letters(text: str) -> str:
    """The text with LATIN_LETTERS made plain; accents stay."""
    return text.translate(_TO_PLAIN)


def search_words(text: str) -> tuple[str, ...]:
    """Split a query at white space into words worth looking for.

    Returns:
        Each word once, in plain letters, without a possessive ending and punctuation around it;
        without those that hold no letter or digit, and without stop words, unless there is nothing
        else.
    """
    plain = _POSSESSIVE.sub("", text.replace("\0", " "))
    words = dict.fromkeys(_bare(word) for word in plain_letters(plain).split())
    words.pop("", None)
    telling = tuple(word for word in words if word.lower() not in _STOP_WORDS)
    return telling or tuple(words)


def _bare(word: str) -> str:
    """The word without what stands around it; empty where it holds no letter or digit."""
    if not any(character.isalnum() for character in word):
        return ""
    return word.strip("".join({c for c in word if not (c.isalnum() or category(c)[0] == "M")}))
