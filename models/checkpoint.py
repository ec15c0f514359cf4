"""Reads a CLIP or SigLIP checkpoint directory: weights, tokenizer, and how its input is made.

Owns every fact of the bundle's manifest that comes from the checkpoint. Knows nothing of ONNX.
"""

from __future__ import annotations

import hashlib
import json
import pickle
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from transformers import CLIPModel, SiglipModel

from models.errors import CheckpointError
from models.layout import CONFIG, OPEN_CLIP_CONFIG
from models.open_clip import read_open_clip
from models.preparation import image_spec, text_spec

if TYPE_CHECKING:
    from pathlib import Path

    from photo_search.model_bundle import ImageSpec, TextSpec

MODELS = {"clip": CLIPModel, "siglip": SiglipModel}
"""By the ``model_type`` of config.json. SigLIP 2 of fixed resolution is of type siglip, too."""


_MISREAD = (OSError, ValueError, LookupError, AttributeError, TypeError, RuntimeError, EOFError)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A CLIP or a SigLIP, ready to be exported.

    Attributes:
        model: float32, in eval mode, with attention that traces well.
        tokenizer_json: The tokenizer's file, byte for byte.
        image: How pixels are prepared.
        text: How text is prepared.
    """

    model: CLIPModel | SiglipModel
    tokenizer_json: bytes
    image: ImageSpec
    text: TextSpec

    @property
    def dimension(self) -> int:
        """Length of the embeddings."""
        if isinstance(self.model, SiglipModel):
            return int(self.model.config.text_config.projection_size)
        return int(self.model.config.projection_dim)

    @property
    def vocabulary(self) -> int:
        """How many token ids the text tower knows."""
        return int(self.model.config.text_config.vocab_size)

    @property
    def size_bytes(self) -> int:
        """What the weights take as float32."""
        return sum(4 * weight.numel() for weight in self.model.parameters())

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
        directory: Holds config.json, weights, tokenizer.json and preprocessor_config.json; or
            open_clip's own configuration and weights, and tokenizer.json.

    Raises:
        CheckpointError: A file is missing or says something that this exporter does not know.
    """
    is_open_clip = not (directory / CONFIG).exists() and (directory / OPEN_CLIP_CONFIG).exists()
    try:
        tokenizer_json = (directory / "tokenizer.json").read_bytes()
        model, preprocessor = (read_open_clip if is_open_clip else _read_transformers)(directory)
    # What a damaged or foreign file gives depends on its format.
    except (*_MISREAD, SafetensorError, pickle.UnpicklingError) as cause:
        message = f"checkpoint {directory} cannot be read: {cause}"
        raise CheckpointError(message) from cause
    texts, vision = model.config.text_config, model.config.vision_config
    return Checkpoint(
        model=model,
        tokenizer_json=tokenizer_json,
        image=image_spec(preprocessor, size=vision.image_size, crops=isinstance(model, CLIPModel)),
        text=text_spec(
            tokenizer_json,
            kind=model.config.model_type,
            context_length=texts.max_position_embeddings,
            vocabulary=texts.vocab_size,
        ),
    )


def _preprocessor(directory: Path) -> dict[str, Any]:
    """Read how pixels are prepared; transformers 5 writes it into the processor's file."""
    path = directory / "preprocessor_config.json"
    if path.exists():
        facts: dict[str, Any] = json.loads(path.read_bytes())
    else:
        facts = json.loads((directory / "processor_config.json").read_bytes())["image_processor"]
    return facts


def _read_transformers(directory: Path) -> tuple[CLIPModel | SiglipModel, dict[str, Any]]:
    kind = json.loads((directory / CONFIG).read_bytes()).get("model_type")
    if kind not in MODELS:
        message = f"checkpoint {directory} is of type {kind}; known are {', '.join(MODELS)}"
        if kind == "siglip2":
            message += " (which SigLIP 2 of fixed resolution is; this one, NaFlex, is of any)"
        raise CheckpointError(message)
    preprocessor = _preprocessor(directory)
    model, report = MODELS[kind].from_pretrained(
        directory,
        dtype=torch.float32,
        attn_implementation="eager",
        local_files_only=True,
        output_loading_info=True,
    )
    # transformers would fill what is missing with random numbers, and only warn.
    if missing := sorted(report["missing_keys"]):
        message = f"the weights in {directory} lack {missing[0]} and {len(missing) - 1} more"
        raise CheckpointError(message)
    return model.eval(), preprocessor
