"""Reads a transformers CLIP checkpoint directory: weights, tokenizer, and how its input is made.

Owns every fact of the bundle's manifest that comes from the checkpoint. Knows nothing of ONNX.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from tokenizers import Tokenizer
from transformers import CLIPModel

from models.errors import CheckpointError

if TYPE_CHECKING:
    from pathlib import Path

START_TOKEN = "<|startoftext|>"  # noqa: S105 - a word of the vocabulary, not a secret
END_TOKEN = "<|endoftext|>"  # noqa: S105 - likewise
_BICUBIC = 3  # Pillow's number, as preprocessor_config.json has it


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """The manifest's ``image`` section."""

    size: int
    resize: str
    mean: list[float]
    std: list[float]


@dataclass(frozen=True, slots=True)
class TextFacts:
    """The manifest's ``text`` section."""

    context_length: int
    lowercase: bool
    clean: str
    start_token_id: int
    end_token_id: int
    pad_token_id: int
    pooling: str
    causal: bool


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A CLIP, ready to be exported.

    Attributes:
        model: float32, in eval mode, with attention that traces well.
        tokenizer_json: The tokenizer's file, byte for byte.
        image: How pixels are prepared.
        text: How text is prepared.
    """

    model: CLIPModel
    tokenizer_json: bytes
    image: ImageFacts
    text: TextFacts

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        return int(self.model.config.projection_dim)

    @property
    def vocabulary(self) -> int:
        """How many token ids the text tower knows."""
        return int(self.model.config.text_config.vocab_size)

    def fingerprint(self) -> str:
        """Name the embedding space: equal for equal weights, tokenizer and preparation only.

        Returns:
            sha256, hexadecimal, over the weights as float32, the tokenizer's bytes, and the
            sections of the manifest that decide what a vector means.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.contiguous().to(torch.float32).numpy().tobytes())
        digest.update(self.tokenizer_json)
        space = {
            "image": asdict(self.image),
            "text": asdict(self.text),
            "dimension": self.dimension,
            "post_transform": None,
        }
        digest.update(json.dumps(space, sort_keys=True).encode())
        return digest.hexdigest()


def read_checkpoint(directory: Path) -> Checkpoint:
    """Read a checkpoint from a local directory, as ``save_pretrained`` or the hub lays it out.

    Args:
        directory: Holds config.json, weights, tokenizer.json and preprocessor_config.json.

    Raises:
        CheckpointError: A file is missing or says something that this exporter does not know.
    """
    try:
        tokenizer_json = (directory / "tokenizer.json").read_bytes()
        preprocessor = json.loads((directory / "preprocessor_config.json").read_bytes())
        kind = json.loads((directory / "config.json").read_bytes()).get("model_type")
    except (OSError, ValueError) as cause:
        message = f"checkpoint {directory} cannot be read: {cause}"
        raise CheckpointError(message) from cause
    if kind != "clip":
        message = f"checkpoint {directory} is of type {kind}; this exporter knows clip"
        raise CheckpointError(message)
    model = CLIPModel.from_pretrained(
        directory, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    )
    return Checkpoint(
        model=model.eval(),
        tokenizer_json=tokenizer_json,
        image=_image_facts(preprocessor, size=model.config.vision_config.image_size),
        text=_text_facts(tokenizer_json, context=model.config.text_config.max_position_embeddings),
    )


def _image_facts(preprocessor: dict[str, Any], *, size: int) -> ImageFacts:
    if preprocessor.get("resample", _BICUBIC) != _BICUBIC:
        message = f"resample {preprocessor['resample']}: only {_BICUBIC}, bicubic, is known"
        raise CheckpointError(message)
    sides = {_side(preprocessor[key]) for key in ("size", "crop_size") if key in preprocessor}
    if sides != {size}:
        message = f"preprocessor makes pictures of {sorted(sides)}, the vision tower takes {size}"
        raise CheckpointError(message)
    crops = preprocessor.get("do_center_crop", True)
    return ImageFacts(
        size=size,
        resize="shortest_edge_crop" if crops else "squash",
        mean=[float(value) for value in preprocessor["image_mean"]],
        std=[float(value) for value in preprocessor["image_std"]],
    )


def _side(value: int | dict[str, int]) -> int:
    """Read a size, which older files write as a number and newer ones as a mapping."""
    if isinstance(value, int):
        return value
    sides = set(value.values())
    if len(sides) != 1:
        message = f"size {value} is not a square"
        raise CheckpointError(message)
    return sides.pop()


def _text_facts(tokenizer_json: bytes, *, context: int) -> TextFacts:
    tokenizer = Tokenizer.from_str(tokenizer_json.decode("utf-8"))
    start, end = tokenizer.token_to_id(START_TOKEN), tokenizer.token_to_id(END_TOKEN)
    if start is None or end is None:
        message = f"tokenizer.json lacks {START_TOKEN} or {END_TOKEN}"
        raise CheckpointError(message)
    return TextFacts(
        context_length=context,
        lowercase='"Lowercase"' in tokenizer_json.decode("utf-8"),
        clean="clip",
        start_token_id=start,
        end_token_id=end,
        # Not the configuration's: OpenAI's says 1, and after the first end token all do the same.
        pad_token_id=end,
        pooling="first_eot",
        causal=True,
    )
