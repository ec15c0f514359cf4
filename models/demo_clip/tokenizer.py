"""Trains the demo model's tokenizer, in the shape of CLIP's own tokenizer.json.

Owns the vocabulary. One runtime tokenizer must serve both files, so the pipeline (normaliser,
splitting pattern, byte alphabet, end-of-word mark, template) is CLIP's; only the merges differ.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

if TYPE_CHECKING:
    from collections.abc import Iterable

START_TOKEN = "<|startoftext|>"  # noqa: S105 - a word of the vocabulary, not a secret
END_TOKEN = "<|endoftext|>"  # noqa: S105 - likewise
END_OF_WORD = "</w>"
MERGES = 440
# openai/CLIP clip/simple_tokenizer.py, as written in openai/clip-vit-base-patch32 tokenizer.json
CLIP_PATTERN = (
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"
)


def train_tokenizer(texts: Iterable[str], *, merges: int = MERGES) -> Tokenizer:
    """Learn byte-level BPE merges from texts.

    Args:
        texts: What the model will read; order does not matter beyond ties.
        merges: At most so many merges; the vocabulary is 512 byte tokens, the merges, and the two
            special tokens, which come last as in CLIP.

    Returns:
        A tokenizer that encodes any text: each of the 256 bytes is a token, both inside a word
        and at its end, so nothing is unknown.
    """
    learner = Tokenizer(BPE(continuing_subword_prefix="", end_of_word_suffix=END_OF_WORD))
    _add_clip_splitting(learner)
    trainer = BpeTrainer(
        vocab_size=512 + merges,
        min_frequency=2,
        show_progress=False,
        end_of_word_suffix=END_OF_WORD,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
    )
    learner.train_from_iterator(texts, trainer)
    learned = json.loads(learner.to_str())["model"]["merges"]
    pairs = [tuple(pair) if isinstance(pair, list) else tuple(pair.split(" ")) for pair in learned]
    return _assemble(pairs[:merges])


def _assemble(pairs: list[tuple[str, str]]) -> Tokenizer:
    """Build the tokenizer from merges: the trainer only knows the word ends that it has seen."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = [*alphabet, *(letter + END_OF_WORD for letter in alphabet)]
    words += [left + right for left, right in pairs]
    words = [*dict.fromkeys(words), START_TOKEN, END_TOKEN]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(
        BPE(
            vocab=vocabulary,
            merges=pairs,
            unk_token=END_TOKEN,
            continuing_subword_prefix="",
            end_of_word_suffix=END_OF_WORD,
        )
    )
    _add_clip_splitting(tokenizer)
    tokenizer.add_special_tokens([START_TOKEN, END_TOKEN])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(
        (END_TOKEN, vocabulary[END_TOKEN]),
        (START_TOKEN, vocabulary[START_TOKEN]),
        trim_offsets=False,
        add_prefix_space=False,
    )
    return tokenizer


def _add_clip_splitting(tokenizer: Tokenizer) -> None:
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFC(),
            normalizers.Replace(Regex(r"\s+"), " "),
            normalizers.Lowercase(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(CLIP_PATTERN), behavior="removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
