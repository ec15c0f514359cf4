"""Figures of retrieval: how often the right thing is among the first k.

Owns the arithmetic, on embeddings that it is given; knows no model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.demo_clip.truth import BoolArray, is_true, rows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from models.world.captions import Caption
    from models.world.scene import Scene

Float32Array: TypeAlias = NDArray[np.float32]

RANKS = (1, 5, 10)
DEPTH = 10


def recall(cosines: Float32Array, true: BoolArray) -> dict[int, float]:
    """Give the share of rows with something true among their first 1, 5 and 10 columns.

    Args:
        cosines: ``(N, M)``, queries by candidates.
        true: ``(N, M)``, what counts as right.
    """
    order = np.argsort(-cosines, axis=1, kind="stable")[:, : max(RANKS)]
    hits = np.take_along_axis(true, order, axis=1)
    return {k: float(hits[:, :k].any(axis=1).mean()) for k in RANKS}


@dataclass(frozen=True, slots=True)
class FamilyPrecision:
    """Precision@10 over a family's queries, what chance would give, and each query's own."""

    precision: float
    chance: float
    query_count: int
    by_query: dict[str, float]


def precision_by_family(
    families: Mapping[str, Sequence[Caption]],
    encode: Callable[[list[str]], Float32Array],
    images: Float32Array,
    scenes: Sequence[Scene],
) -> dict[str, FamilyPrecision]:
    """Measure precision@10 for each family of queries.

    Args:
        families: Queries by family.
        encode: Texts to ``(N, D)`` unit embeddings.
        images: ``(M, D)`` unit embeddings of the pictures.
        scenes: What the pictures show, in the same order.

    Returns:
        One figure per family. A query with fewer than 10 true pictures is held to as many as
        there are; one with none is left out.
    """
    scene_rows = rows(scenes)
    figures: dict[str, FamilyPrecision] = {}
    for family, captions in families.items():
        true = is_true(rows(captions), scene_rows)
        answerable = np.flatnonzero(true.sum(axis=1)).tolist()
        if not answerable:
            continue
        true = true[answerable]
        texts = [captions[index].text for index in answerable]
        order = np.argsort(-(encode(texts) @ images.T), axis=1, kind="stable")[:, :DEPTH]
        hits = np.take_along_axis(true, order, axis=1).sum(axis=1)
        precisions = hits / np.minimum(true.sum(axis=1), DEPTH)
        figures[family] = FamilyPrecision(
            precision=float(precisions.mean()),
            chance=float(true.mean()),
            query_count=len(texts),
            by_query=dict(zip(texts, map(float, precisions), strict=True)),
        )
    return figures
