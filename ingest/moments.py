"""Fits a post-transform: mean and second moments of a collection, and the axes they give.

Sums are float64 and of one pass, so that memory does not grow with the collection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from photo_search.arrays import Float32Array
from photo_search.post_transform import PostTransform

Float64Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Moments:
    """Of the embeddings of pictures.

    Attributes:
        mean: ``(D,)``.
        second: ``(D, D)``, mean of the outer product of each row with itself.
    """

    mean: Float64Array
    second: Float64Array


def measure_moments(parts: Iterable[Float32Array], dimension: int) -> Moments:
    """Average over all rows of ``(B, D)`` parts; there is at least one row."""
    count, total = 0, np.zeros(dimension)
    products = np.zeros((dimension, dimension))
    for part in parts:
        rows = part.astype(np.float64)  # (B, D)
        count += len(rows)
        total += rows.sum(axis=0)
        products += rows.T @ rows
    return Moments(total / count, products / count)


def fit_transform(
    moments: Moments, *, text_mean: Float32Array, dimension: int | None, centre: bool
) -> PostTransform:
    """Fit centring, PCA, or both.

    Args:
        moments: Of the collection's pictures.
        text_mean: ``(D,)``, taken off texts when centring.
        dimension: How many axes of most variance to keep; None keeps the axes as they are.
        centre: False takes the axes of most second moment about zero.

    Returns:
        The transform; its axes are the eigenvectors, each with its largest value positive, so that
        the same moments give the same axes.
    """
    nowhere = np.zeros_like(text_mean)
    matrix = None
    if dimension is not None:
        mean = moments.mean if centre else np.zeros_like(moments.mean)
        _, axes = np.linalg.eigh(moments.second - np.outer(mean, mean))  # ascending; (D, D)
        kept = axes[:, ::-1][:, :dimension]  # (D, d)
        largest = np.abs(kept).argmax(axis=0)
        signs = np.sign(kept[largest, np.arange(dimension)])
        matrix = np.ascontiguousarray(kept * signs, dtype=np.float32)
    return PostTransform(
        text_mean=text_mean.astype(np.float32) if centre else nowhere,
        image_mean=moments.mean.astype(np.float32) if centre else nowhere,
        matrix=matrix,
    )
