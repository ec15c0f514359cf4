"""How well an index answers, measured on the photos in it: recall against exact search, time, size.

Queries are photos of the index, each left out of its own answer.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from photo_search.errors import PhotoIndexError
from photo_search.index import EmbeddedPhoto, HitPage, KnnQuery, PhotoIndex

K = 10
QUERIES = 100
EXACT_WITHIN_S = 300.0
"""An exact search compares every photo: of many millions that takes longer than people wait."""


@dataclass(frozen=True, slots=True)
class IndexFigure:
    """What was measured.

    Attributes:
        index: Its name.
        photos: How many it holds.
        queries: How many were asked.
        recall_at_10: Mean share of the true 10 nearest that a search finds.
        p50_ms: Median time of a search for 10.
        p90_ms: Time that nine of ten searches stay within.
        exact_p50_ms: Median time of an exact search.
        bytes_per_photo: What a photo takes on the disk, with all that is known of it.
    """

    index: str
    photos: int
    queries: int
    recall_at_10: float
    p50_ms: float
    p90_ms: float
    exact_p50_ms: float
    bytes_per_photo: float


def measure_index(index: PhotoIndex, *, queries: int = QUERIES, seed: int = 0) -> IndexFigure:
    """Measure an index with a sample of its own photos.

    Args:
        index: The index.
        queries: Most photos to ask for; of fewer photos, all.
        seed: Which photos.

    Raises:
        PhotoIndexError: It holds fewer than two photos.
    """
    chosen = sample(index.photo_ids(), queries, seed=seed)
    photos = [found for photo_id in chosen if (found := index.get(photo_id)) is not None]
    count = index.count()
    if len(photos) < 2:
        msg = f"{index.name} holds {count} photos; to measure it takes 2 at least"
        raise PhotoIndexError(msg)
    _ask(index, photos[0], exact=False)  # what the first one pays for is not the index's own time
    recalls, times_ms, exact_times_ms = [], [], []
    for photo in photos:
        page, time_ms = _ask(index, photo, exact=False)
        truth, exact_time_ms = _ask(index, photo, exact=True)
        recalls.append(recall(page, truth))
        times_ms.append(time_ms)
        exact_times_ms.append(exact_time_ms)
    return IndexFigure(
        index=index.name,
        photos=count,
        queries=len(photos),
        recall_at_10=statistics.fmean(recalls),
        p50_ms=statistics.median(times_ms),
        p90_ms=statistics.quantiles(times_ms, n=10, method="inclusive")[-1],
        exact_p50_ms=statistics.median(exact_times_ms),
        bytes_per_photo=index.size_bytes() / count,
    )


def sample(photo_ids: Iterable[str], count: int, *, seed: int) -> list[str]:
    """Choose ids evenly from a stream of unknown length (Vitter's algorithm R, TOMS 1985)."""
    draw = random.Random(seed)  # noqa: S311 - a sample, no secret
    chosen: list[str] = []
    for number, photo_id in enumerate(photo_ids):
        if number < count:
            chosen.append(photo_id)
        elif (place := draw.randint(0, number)) < count:
            chosen[place] = photo_id
    return chosen


def recall(found: HitPage, truth: HitPage, *, k: int = K) -> float:
    """Share of the k true nearest that were found.

    Args:
        found: The answer; its own scores do not count, since an engine may have rounded them.
        truth: Exact search's answer, better one of more than k: among them, one as near as the
            k-th counts as true.
        k: How many.
    """
    nearest = truth.hits[:k]
    if not nearest:
        return 1.0
    true_ids = {hit.photo.photo_id for hit in truth.hits if hit.score >= nearest[-1].score}
    right = sum(hit.photo.photo_id in true_ids for hit in found.hits[:k])
    return right / len(nearest)


def table(figures: Sequence[IndexFigure]) -> str:
    """The figures as lines for a person."""
    head = (
        "photos",
        "queries",
        "recall@10",
        "p50 ms",
        "p90 ms",
        "exact ms",
        "bytes/photo",
        "index",
    )
    rows = [
        (
            str(one.photos),
            str(one.queries),
            f"{one.recall_at_10:.3f}",
            f"{one.p50_ms:.1f}",
            f"{one.p90_ms:.1f}",
            f"{one.exact_p50_ms:.1f}",
            f"{one.bytes_per_photo:.0f}",
            one.index,
        )
        for one in figures
    ]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
        for row in (head, *rows)
    )


def _ask(index: PhotoIndex, photo: EmbeddedPhoto, *, exact: bool) -> tuple[HitPage, float]:
    k = 2 * K if exact else K  # beyond the tenth of an exact answer lie its ties
    query = KnnQuery(
        photo.embedding,
        k=k,
        excluded_photo_id=photo.photo.photo_id,
        exact=exact,
        timeout_s=EXACT_WITHIN_S if exact else None,
    )
    start_s = time.perf_counter()
    page = index.knn(query)
    return page, (time.perf_counter() - start_s) * 1000
