"""What each way of storing embeddings costs in recall, bytes and time, on drawn rows.

``python -m benchmarks.coded_rows``; on one's own photos: ``photo-search ingest verify --shards``.
"""

from __future__ import annotations

from benchmarks.knn import Cone
from benchmarks.machine import Figure, report
from ingest.quantisation import TextQueries, measure_compression

_PHOTOS, _TEXTS = 25_000, 100


def main() -> None:
    """Measure and print."""
    cone = Cone()
    rows, texts = cone.images(_PHOTOS), cone.texts(_TEXTS)
    queries = TextQueries(texts, texts.mean(axis=0))
    figures: list[dict[str, Figure]] = [
        {
            "stored as": one.name,
            "recall@10": one.recall_at_10,
            "of texts": one.text_recall_at_10 or 0.0,
            "bytes": one.size_bytes,
            "bytes read": one.scanned_bytes,
            "p50_ms": one.p50_ms,
            "p90_ms": one.p90_ms,
        }
        for one in measure_compression(rows, texts=queries)
    ]
    report("coded_rows", figures)


if __name__ == "__main__":
    main()
