"""Text to token ids, as CLIP's and SigLIP's reference code make them. Knows no model runtime.

The bundle's ``tokenizer.json`` supplies the vocabulary and how words are split. Cleaning, the start
and end tokens, cutting and padding are done here, so that two files of the same vocabulary give the
same ids whatever else their authors configured. A special token that a user types is read as the
characters it is made of, so nobody can end a text early (CLIPTokenizer would).

Known differences from open_clip 3.3.0: its own names ``<start_of_text>`` and ``<end_of_text>`` are
no special tokens here; ASCII text that was HTML-escaped three times or more is unescaped only
twice, and entities in capitals that HTML does not know (``&EACUTE;``) stay; letters newer than the
`tokenizers` library's Unicode tables, U+017F after an apostrophe, and marks on a dotted capital I
split differently.
"""

from __future__ import annotations

import html
import re
import string
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tokenizers

from photo_search.arrays import Int64Array
from photo_search.errors import InvalidQuery, ModelError
from photo_search.model_bundle import TextCleaning, TextSpec

# What ftfy 6.3.1 removes from ASCII text: terminal codes, and controls other than white space.
_ASCII_CONTROLS = re.compile("\x1b\\[[0-9;]*[a-zA-Z]|[\x00-\x08\x0b\x0e-\x1f\x7f]")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
# CLIPTokenizer's splitting pattern keeps these words whole; open_clip's splits them like this.
_TYPED_SPECIAL_TOKEN = re.compile(r"<\|(startoftext|endoftext)\|>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Tokens:
    """``token_ids`` is ``(B, L)``; ``truncated`` tells for each text whether its end was cut."""

    token_ids: Int64Array
    truncated: tuple[bool, ...]


class Tokenizer:
    """Makes the text tower's input. Safe in threads."""

    def __init__(self, path: Path, spec: TextSpec) -> None:
        """Read a ``tokenizer.json``.

        Args:
            path: The file.
            spec: How its tokens become the text tower's input.

        Raises:
            ModelError: The file is missing or no tokenizer.
        """
        self._spec = spec
        self._tokenizer = _read(path)

    def tokenize(self, texts: Sequence[str]) -> Tokens:
        """Clean texts and turn them into token ids.

        Args:
            texts: B texts; one that is longer than the model reads is cut.

        Raises:
            InvalidQuery: A text is empty after cleaning.
        """
        rows = [self._encode(text) for text in texts]
        truncated = tuple(len(row) > self._spec.most_tokens for row in rows)
        return Tokens(as_model_input(rows, self._spec), truncated)

    def _encode(self, text: str) -> list[int]:
        """Ids of one text, neither cut nor wrapped in the start and end tokens."""
        if self._spec.clean is TextCleaning.CLIP:
            text = _cleaned(text)
        elif self._spec.clean is TextCleaning.SIGLIP:
            text = " ".join(text.translate(_NO_PUNCTUATION).split())
        if self._spec.lowercase:
            text = text.lower()
        ids = self._tokenizer.encode(text, add_special_tokens=False).ids if text.strip() else []
        if not ids:
            msg = "text is empty after cleaning"
            raise InvalidQuery(msg)
        return ids


def as_model_input(rows: Sequence[Sequence[int]], spec: TextSpec) -> Int64Array:
    """Cut, wrap and pad the bare ids of texts.

    Returns:
        ``(B, L)`` ids; each row is the start token where there is one, the text, the end token,
        then padding. L is the context length; for a causal tower it is only what the longest row
        needs, as what follows the end token cannot change the embedding (77 against 16 ids: max
        |diff| 0.0).
    """
    start = [] if spec.start_token_id is None else [spec.start_token_id]
    whole = [[*start, *row[: spec.most_tokens], spec.end_token_id] for row in rows]
    length = max(map(len, whole), default=0) if spec.causal else spec.context_length
    token_ids = np.full((len(rows), length), spec.pad_token_id, dtype=np.int64)  # (B, L)
    for ids, row in zip(token_ids, whole, strict=True):
        ids[: len(row)] = row
    return token_ids


def _cleaned(text: str) -> str:
    """Do what openai/CLIP's ``basic_clean`` and ``whitespace_clean`` do (simple_tokenizer.py)."""
    if _unescaped(text).isascii():
        text = _ASCII_CONTROLS.sub("", text)
    else:
        import ftfy  # takes 0.1 s, and would change nothing else in plain ASCII

        text = ftfy.fix_text(text)
    return _TYPED_SPECIAL_TOKEN.sub(r"<| \1 |>", " ".join(_unescaped(text).split()))


def _unescaped(text: str) -> str:
    return html.unescape(html.unescape(text))


def _read(path: Path) -> tokenizers.Tokenizer:
    try:
        tokenizer = tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises Exception itself
        msg = f"{path} is no tokenizer: {error}"
        raise ModelError(msg) from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    # Read typed special tokens as characters.
    tokenizer.encode_special_tokens = True
    return tokenizer
