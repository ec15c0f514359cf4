"""ModelBundle: the directory of files that turns text and pictures into embeddings of one space.

``make model`` writes bundles; this module reads and checks them. Knows nothing of how
a bundle is run.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.checksums import check_files, manifest_sha256
from photo_search.errors import ModelError
from photo_search.post_transform import (
    PostTransform,
    read_post_transform,
    transformed_fingerprint,
)

MANIFEST_NAME = "model.json"
FORMAT = 1
_REQUIRED_FILES = ("tokenizer.json", "text.onnx", "image.onnx")
_TOWERS = ("text", "image")  # how the names of their graphs and weights begin
_MIN_CONTEXT_LENGTH = 3  # start, one token, end


class ResizeRule(StrEnum):
    """How a picture becomes square."""

    SHORTEST_EDGE_CROP = "shortest_edge_crop"
    """Short side to size, then the centre is cut out (CLIP)."""
    SQUASH = "squash"
    """Both sides to size, whatever the shape (SigLIP)."""
    SQUASH_BILINEAR = "squash_bilinear"
    """The same by a bilinear filter instead of a bicubic one (SigLIP 2)."""


class TextCleaning(StrEnum):
    """What happens to a text before it is tokenized."""

    CLIP = "clip"
    """ftfy, HTML entities, white space, case: as CLIP's reference code."""
    SIGLIP = "siglip"
    """Punctuation goes, white space becomes single spaces: as SigLIP's reference code."""
    NONE = "none"


class Pooling(StrEnum):
    """Which token's output is the text's embedding."""

    FIRST_EOT = "first_eot"
    LAST_TOKEN = "last_token"  # noqa: S105 - a place in a sequence, no secret
    HEAD = "head"


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """How pixels are prepared: side of the square input, resize rule, mean and std of R, G, B."""

    size: int
    resize: ResizeRule
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class TextSpec:
    """How text is prepared.

    Attributes:
        context_length: Most token ids that the text tower takes.
        lowercase: Whether case is dropped.
        clean: What is mended before tokenizing.
        start_token_id: Opens every sequence; None where nothing does.
        end_token_id: Ends every sequence, also a cut one.
        pad_token_id: Fills shorter rows of a batch.
        pooling: Which token is pooled.
        causal: Whether a token sees only those before it; then what follows the end token cannot
            change the embedding and is not computed.
    """

    context_length: int
    lowercase: bool
    clean: TextCleaning
    start_token_id: int | None
    end_token_id: int
    pad_token_id: int
    pooling: Pooling
    causal: bool

    @property
    def most_tokens(self) -> int:
        """How many token ids of a text there is room for, beside those that open and end it."""
        return self.context_length - (1 if self.start_token_id is None else 2)


@dataclass(frozen=True, slots=True)
class ModelBundle:
    """A checked bundle.

    Attributes:
        directory: Where its files lie.
        checkpoint: The weights' name.
        revision: Their pinned commit or run.
        licence: Their licence.
        dimension: Length D of the embeddings, after the post-transform where there is one.
        precision: ``fp32``, ``fp16`` or ``int8``.
        fingerprint: Identity of the embedding space: equal ones may be compared, others never.
        build: Identity of how it runs; may differ between ingest and query.
        image: How pixels are prepared.
        text: How text is prepared.
        text_mean: ``(D,)`` mean of the unit embeddings of a sample of texts.
        image_mean: ``(D,)`` the same of pictures. A post-transform has moved both along.
        post_transform: What happens to embeddings after the towers; None for nothing.
        unchecked: sha256 of files, by name, that whoever loads them is to check.
    """

    directory: Path
    checkpoint: str
    revision: str
    licence: str
    dimension: int
    precision: str
    fingerprint: str
    build: str
    image: ImageSpec
    text: TextSpec
    text_mean: Float32Array
    image_mean: Float32Array
    post_transform: PostTransform | None
    unchecked: Mapping[str, str] = field(default_factory=dict)

    @property
    def tower_dimension(self) -> int:
        """Length of what the towers give."""
        return self.post_transform.dimension_in if self.post_transform else self.dimension

    @property
    def tokenizer_path(self) -> Path:
        """The `tokenizers` library's file."""
        return self.directory / "tokenizer.json"

    def graph_path(self, tower: str, *, on_gpu: bool = False) -> Path:
        """The graph of the ``text`` or ``image`` tower; of fp16, GPUs have one of their own."""
        in_fp16 = on_gpu and self.precision == "fp16"
        return self.directory / f"{tower}{'.fp16' if in_fp16 else ''}.onnx"

    def check_tower(self, tower: str) -> None:
        """Check what was left unchecked of the ``text`` or ``image`` tower; see check_files."""
        names = [name for name in self.unchecked if name.partition(".")[0] == tower]
        check_files(self.directory, {name: self.unchecked[name] for name in names})


def read_model_bundle(directory: Path, *, towers_later: bool = False) -> ModelBundle:
    """Read a bundle and check the sha256 of every file in it, and of the manifest itself.

    Args:
        directory: Holds the bundle.
        towers_later: Leave the towers' files, nearly all bytes, to whoever loads them.

    Raises:
        ModelError: The manifest or a file is missing, malformed or altered; the message names it.
    """
    manifest_path = directory / MANIFEST_NAME
    try:
        manifest_bytes = manifest_path.read_bytes()
    except OSError as error:
        msg = f"{manifest_path} cannot be read ({error.strerror}); MODEL_DIR must be a model bundle"
        raise ModelError(msg) from error
    try:
        manifest = json.loads(manifest_bytes)
        _check_manifest(manifest, manifest_path)
        files = _checksums(directory, manifest["files"])
        later = {name for name in files if towers_later and name.partition(".")[0] in _TOWERS}
        check_files(directory, {name: files[name] for name in files if name not in later})
        bundle = _parse(directory, manifest, build=hashlib.sha256(manifest_bytes).hexdigest()[:16])
        bundle = replace(bundle, unchecked={name: files[name] for name in later})
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError) as error:
        msg = f"{manifest_path} is no manifest of format {FORMAT}: {error!r}"
        raise ModelError(msg) from error
    except RecursionError as error:
        msg = f"{manifest_path} is nested too deeply"
        raise ModelError(msg) from error
    if problem := _problem(bundle):
        msg = f"{manifest_path}: {problem}"
        raise ModelError(msg)
    return bundle


def _check_manifest(manifest: dict[str, Any], path: Path) -> None:
    if manifest["format"] != FORMAT:
        found = manifest["format"]
        msg = f"{path} is of format {found!r}; this version of photo-search reads {FORMAT}"
        raise ModelError(msg)
    if manifest["manifest_sha256"] != manifest_sha256(manifest):
        msg = f"{path} does not have the sha256 that it names; the bundle was altered"
        raise ModelError(msg)


def _checksums(directory: Path, files: dict[str, dict[str, Any]]) -> dict[str, str]:
    for name in _REQUIRED_FILES:
        if name not in files:
            msg = f"{directory / MANIFEST_NAME} lists no {name}"
            raise ModelError(msg)
    for name in files:
        if Path(name).name != name:
            msg = f"{directory / MANIFEST_NAME} lists {name!r}, which is not a plain file name"
            raise ModelError(msg)
    return {name: str(facts["sha256"]) for name, facts in files.items()}


def _parse(directory: Path, manifest: dict[str, Any], *, build: str) -> ModelBundle:
    return ModelBundle(
        directory=directory,
        checkpoint=str(manifest["checkpoint"]),
        revision=str(manifest["revision"]),
        licence=str(manifest["licence"]),
        dimension=int(manifest["dimension"]),
        precision=str(manifest["precision"]),
        fingerprint=str(manifest["fingerprint"]),
        build=build,
        image=_image_spec(manifest["image"]),
        text=_text_spec(manifest["text"]),
        text_mean=np.asarray(manifest["mean_embedding"]["text"], dtype=np.float32),
        image_mean=np.asarray(manifest["mean_embedding"]["image"], dtype=np.float32),
        post_transform=_post_transform(directory, manifest),
    )


def _image_spec(section: dict[str, Any]) -> ImageSpec:
    """Read the manifest's ``image``, which is the spec's fields by name."""
    return ImageSpec(
        size=int(section["size"]),
        resize=ResizeRule(section["resize"]),
        mean=_three(section["mean"]),
        std=_three(section["std"]),
    )


def _text_spec(section: dict[str, Any]) -> TextSpec:
    """Read the manifest's ``text``, which is the spec's fields by name."""
    start = section["start_token_id"]
    return TextSpec(
        context_length=int(section["context_length"]),
        lowercase=bool(section["lowercase"]),
        clean=TextCleaning(section["clean"]),
        start_token_id=None if start is None else int(start),
        end_token_id=int(section["end_token_id"]),
        pad_token_id=int(section["pad_token_id"]),
        pooling=Pooling(section["pooling"]),
        causal=bool(section["causal"]),
    )


def _post_transform(directory: Path, manifest: dict[str, Any]) -> PostTransform | None:
    facts = manifest["post_transform"]
    if facts is None:
        return None
    if facts["file"] not in manifest["files"]:
        msg = f"files lists no {facts['file']!r}, the post_transform"
        raise ValueError(msg)
    transform = read_post_transform(directory / facts["file"])
    said = (facts["kind"], facts["dimension_in"], manifest["dimension"])
    found = (transform.kind, transform.dimension_in, transform.dimension_out)
    if said != found:
        msg = f"post_transform is said to be {said}, {facts['file']} has {found}"
        raise ValueError(msg)
    fingerprint = transformed_fingerprint(facts["source_fingerprint"], transform)
    if manifest["fingerprint"] != fingerprint:
        msg = f"fingerprint is {manifest['fingerprint']!r}; the post_transform makes {fingerprint}"
        raise ValueError(msg)
    return transform


def _problem(bundle: ModelBundle) -> str | None:
    """What is wrong with values that are well-formed; None where nothing is."""
    image, text = bundle.image, bundle.text
    if min(image.size, bundle.dimension) < 1 or text.context_length < _MIN_CONTEXT_LENGTH:
        return "image.size, dimension or text.context_length is too small"
    if not all(map(math.isfinite, image.mean + image.std)) or min(image.std) <= 0:
        return "image.mean must be finite and image.std positive"
    for name, mean in (("text", bundle.text_mean), ("image", bundle.image_mean)):
        if mean.shape != (bundle.dimension,):
            return f"mean_embedding.{name} is not {bundle.dimension} numbers"
    return None


def _three(values: list[float]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue
