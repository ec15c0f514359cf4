"""PostTransform: centring and PCA of embeddings after the towers, for queries and photos alike.

It travels with the bundle and is part of the fingerprint: a transformed space is another space.
Knows nothing of how it is fitted.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.errors import ModelError
from photo_search.unit_norm import normalised

# Storing a unit column as float32 changes each value by at most 2**-24 of itself, so an inner
# product of two columns by at most 2**-23 = 1.2e-7 (Cauchy-Schwarz); an eigensolver in float64 adds
# next to nothing. Eight times that still tells a rotation from any other matrix.
_ORTHONORMAL_WITHIN = 1e-6


class TransformKind(StrEnum):
    """What a transform does before rows are scaled to unit length again."""

    CENTRE = "centre"
    PCA = "pca"
    CENTRED_PCA = "centred_pca"


@dataclass(frozen=True, slots=True)
class PostTransform:
    """``normalise((embedding - mean of its modality) @ matrix)``.

    Texts and pictures lie in two cones: each is centred by its own mean, since the pictures' mean
    taken off a text leaves the gap between the cones in it
    (docs/decisions/0006-post-transform.md).

    Attributes:
        text_mean: ``(D,)``; zeros where nothing is centred.
        image_mean: ``(D,)``, likewise.
        matrix: ``(D, d)``, orthonormal columns, d < D; None leaves the axes as they are.
    """

    text_mean: Float32Array
    image_mean: Float32Array
    matrix: Float32Array | None

    def __post_init__(self) -> None:
        """Check shapes, types and values.

        Raises:
            ModelError: They are those of no transform; the message names what is wrong.
        """
        if problem := self._problem():
            msg = f"a post-transform cannot be used: {problem}"
            raise ModelError(msg)

    @property
    def dimension_in(self) -> int:
        """Length D of what the towers give."""
        return len(self.image_mean)

    @property
    def dimension_out(self) -> int:
        """Length d of what an index stores."""
        return self.dimension_in if self.matrix is None else self.matrix.shape[1]

    @property
    def is_centred(self) -> bool:
        """Whether a mean is taken off."""
        return bool(self.text_mean.any() or self.image_mean.any())

    @property
    def kind(self) -> TransformKind:
        """What the transform does."""
        if self.matrix is None:
            return TransformKind.CENTRE
        return TransformKind.CENTRED_PCA if self.is_centred else TransformKind.PCA

    def apply_to_texts(self, embedding: Float32Array) -> Float32Array:
        """Move texts ``(..., D)`` to unit rows ``(..., d)`` of the transformed space.

        Raises:
            ModelError: Nothing is left of a row.
        """
        return normalised(self._projected(embedding - self.text_mean))

    def apply_to_images(self, embedding: Float32Array) -> Float32Array:
        """Move pictures ``(..., D)`` to unit rows ``(..., d)`` of the transformed space.

        Raises:
            ModelError: Nothing is left of a row.
        """
        return normalised(self._projected(embedding - self.image_mean))

    def moved_means(
        self, text_mean: Float32Array, image_mean: Float32Array
    ) -> tuple[Float32Array, Float32Array]:
        """Where a bundle's two means ``(D,)`` come to lie, ``(d,)``; a mean has no unit length."""
        return (
            self._projected(text_mean - self.text_mean),
            self._projected(image_mean - self.image_mean),
        )

    def _projected(self, rows: Float32Array) -> Float32Array:
        return rows if self.matrix is None else rows @ self.matrix  # (..., d)

    def _problem(self) -> str | None:
        for name, array in arrays_of(self).items():
            if array.dtype != np.float32 or not np.isfinite(array).all():
                return f"{name} is not of finite float32 values"
        if self.image_mean.ndim != 1 or self.text_mean.shape != self.image_mean.shape:
            return f"means have the shapes {self.text_mean.shape} and {self.image_mean.shape}"
        if self.matrix is None:
            return None
        shape, dimension = self.matrix.shape, self.dimension_in
        if len(shape) != 2 or shape[0] != dimension or not 1 <= shape[1] < dimension:
            return f"matrix has shape {shape}, not ({dimension}, 1 to {dimension - 1})"
        columns = self.matrix.astype(np.float64)
        off = float(np.abs(columns.T @ columns - np.eye(shape[1])).max())
        if off > _ORTHONORMAL_WITHIN:
            return f"columns of matrix are orthonormal within {off:.1e}, not {_ORTHONORMAL_WITHIN}"
        return None


def arrays_of(transform: PostTransform) -> dict[str, Float32Array]:
    """The arrays by name, in the order in which they are stored and hashed."""
    arrays = {"text_mean": transform.text_mean, "image_mean": transform.image_mean}
    return arrays if transform.matrix is None else arrays | {"matrix": transform.matrix}


def transformed_fingerprint(source_fingerprint: str, transform: PostTransform) -> str:
    """Name the space that a transform makes of another.

    Returns:
        sha256, hexadecimal, over the source's fingerprint and the names, shapes and little-endian
        float32 values of the arrays.
    """
    digest = hashlib.sha256(f"{source_fingerprint}\n".encode())
    for name, array in arrays_of(transform).items():
        digest.update(f"{name} {array.shape}\n".encode())
        digest.update(array.astype("<f4").tobytes())
    return digest.hexdigest()


def write_post_transform(file: BinaryIO, transform: PostTransform) -> None:
    """Write a transform as the npz file that a bundle holds."""
    np.savez(file, allow_pickle=False, **arrays_of(transform))


def read_post_transform(path: Path) -> PostTransform:
    """Read a bundle's npz file.

    Raises:
        ModelError: It cannot be read or holds no transform; the message names it.
    """
    # They cost milliseconds of a cold start, which only a transformed bundle shall pay.
    from zipfile import BadZipFile
    from zlib import error as ZlibError  # noqa: N812 - the library's name says nothing by itself

    try:
        # Opened here: numpy leaves its own file open where the archive is damaged.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        return PostTransform(**{"matrix": None, **arrays})
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        EOFError,
        BadZipFile,
        ZlibError,
        ModelError,
    ) as error:
        msg = f"{path} holds no post-transform: {error}"
        raise ModelError(msg) from error
