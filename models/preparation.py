"""How a checkpoint's input is made, read from the files beside its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer

from models.errors import CheckpointError
from photo_search.model_bundle import ImageSpec, Pooling, ResizeRule, TextCleaning, TextSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

# Pillow's numbers, as preprocessor_config.json has them.
_BILINEAR, _BICUBIC = 2, 3
_RESIZE_RULES = {
    (True, _BICUBIC): ResizeRule.SHORTEST_EDGE_CROP,
    (False, _BICUBIC): ResizeRule.SQUASH,
    (False, _BILINEAR): ResizeRule.SQUASH_BILINEAR,
}


def image_spec(preprocessor: Mapping[str, Any], *, size: int, crops: bool) -> ImageSpec:
    """Read preprocessor_config.json.

    Args:
        preprocessor: Its content.
        size: Side of the square that the vision tower takes.
        crops: Whether the model's kind crops where the file does not say.

    Raises:
        CheckpointError: It says something that the core does not know how to do.
    """
    crops = preprocessor.get("do_center_crop", crops)
    resample = preprocessor.get("resample", _BICUBIC)
    if (crops, resample) not in _RESIZE_RULES:
        message = (
            f"resample {resample} {'with' if crops else 'without'} do_center_crop is not known; "
            f"{_BICUBIC} (bicubic) is, and {_BILINEAR} (bilinear) without"
        )
        raise CheckpointError(message)
    keys = ("size", "crop_size") if crops else ("size",)
    try:
        sides = {_side(preprocessor[key]) for key in keys if preprocessor.get(key)}
        means, stds = preprocessor["image_mean"], preprocessor["image_std"]
        mean, std = _three(means), _three(stds)
    except (LookupError, TypeError, ValueError) as cause:
        message = f"the preprocessor's configuration cannot be read: {cause!r}"
        raise CheckpointError(message) from cause
    if sides != {size}:
        message = f"preprocessor makes pictures of {sorted(sides)}, the vision tower takes {size}"
        raise CheckpointError(message)
    return ImageSpec(size=size, resize=_RESIZE_RULES[crops, resample], mean=mean, std=std)


def _side(value: int | dict[str, int | None]) -> int:
    """Read a size, which older files write as a number and newer ones as a mapping."""
    if isinstance(value, int):
        return value
    sides = {side for side in value.values() if side is not None}
    if len(sides) != 1:
        message = f"size {value} is not a square"
        raise CheckpointError(message)
    return sides.pop()


def _three(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def text_spec(
    tokenizer_json: bytes, *, kind: str, context_length: int, vocabulary: int
) -> TextSpec:
    """Tell how text is prepared, which the tokenizer's file says only in part.

    Args:
        tokenizer_json: The file.
        kind: The ``model_type``, clip or siglip.
        context_length: How many tokens the text tower takes.
        vocabulary: How many it knows.

    Raises:
        CheckpointError: The tokenizer is none, is another model's, or has no end token.
    """
    try:
        content = tokenizer_json.decode("utf-8")
        tokenizer = Tokenizer.from_str(content)
    except Exception as cause:  # the library raises Exception itself
        message = f"tokenizer.json is no tokenizer: {cause}"
        raise CheckpointError(message) from cause
    if tokenizer.get_vocab_size() > vocabulary:
        message = (
            f"tokenizer.json has {tokenizer.get_vocab_size()} tokens, "
            f"the text tower knows {vocabulary}"
        )
        raise CheckpointError(message)
    if kind == "clip":
        return _clip(tokenizer, context_length, lowercase='"Lowercase"' in content)
    return _siglip(tokenizer, context_length)


def _clip(tokenizer: Tokenizer, context_length: int, *, lowercase: bool) -> TextSpec:
    end = _token(tokenizer, "<|endoftext|>")
    return TextSpec(
        context_length=context_length,
        lowercase=lowercase,
        clean=TextCleaning.CLIP,
        start_token_id=_token(tokenizer, "<|startoftext|>"),
        end_token_id=end,
        # Not the configuration's: OpenAI's says 1, and after the first end token all do the same.
        pad_token_id=end,
        pooling=Pooling.FIRST_EOT,
        causal=True,
    )


def _siglip(tokenizer: Tokenizer, context_length: int) -> TextSpec:
    """Do what SiglipTokenizer and Siglip2Tokenizer do, to the length that the towers know alone.

    The first has T5's vocabulary, pads with the end token and drops punctuation; the second has
    Gemma's, a token of its own to pad with, and keeps it.
    """
    is_second = tokenizer.token_to_id("<eos>") is not None
    end, pad = ("<eos>", "<pad>") if is_second else ("</s>", "</s>")
    return TextSpec(
        context_length=context_length,
        lowercase=True,
        clean=TextCleaning.NONE if is_second else TextCleaning.SIGLIP,
        start_token_id=None,
        end_token_id=_token(tokenizer, end),
        pad_token_id=_token(tokenizer, pad),
        pooling=Pooling.LAST_TOKEN,
        causal=False,
    )


def _token(tokenizer: Tokenizer, token: str) -> int:
    token_id: int | None = tokenizer.token_to_id(token)
    if token_id is None:
        message = f"tokenizer.json lacks {token}"
        raise CheckpointError(message)
    return token_id
