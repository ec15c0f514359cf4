"""Reciprocal rank fusion: one ranking out of that by embedding and that by words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from photo_search.index.protocol import WINDOW

RANK_CONSTANT = 60
"""Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion", SIGIR 2009; OpenSearch's default too."""


@dataclass(frozen=True, slots=True)
class FusedRank:
    """A photo of the fused ranking; ``cosine`` is None where only its words were found."""

    photo_id: str
    score: float
    cosine: float | None


def fuse(
    by_embedding: Sequence[tuple[str, float]], by_words: Sequence[str]
) -> tuple[FusedRank, ...]:
    """Fuse two rankings; a photo's score is the sum of ``1 / (RANK_CONSTANT + rank)``, rank from 1.

    Args:
        by_embedding: Ids and cosines, nearest first.
        by_words: Ids, best first.

    Returns:
        At most WINDOW photos by falling score, ties by photo_id.
    """
    scores: dict[str, float] = {}
    for ranking in ([photo_id for photo_id, _ in by_embedding], by_words):
        for rank, photo_id in enumerate(ranking, start=1):
            scores[photo_id] = scores.get(photo_id, 0.0) + 1 / (RANK_CONSTANT + rank)
    cosines = dict(by_embedding)
    ranked = sorted(scores, key=lambda photo_id: (-scores[photo_id], photo_id))
    return tuple(
        FusedRank(photo_id, scores[photo_id], cosines.get(photo_id)) for photo_id in ranked[:WINDOW]
    )
