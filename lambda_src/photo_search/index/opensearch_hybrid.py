"""Hybrid search on a server that does not fuse by itself: two rankings at once, fused here."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from photo_search.errors import IndexUnavailable
from photo_search.index.fusion import FusedRank, fuse
from photo_search.index.opensearch_answer import facets_of, hits_of, ranks
from photo_search.index.opensearch_document import photo_from_source
from photo_search.index.opensearch_query import knn_ranks_body, photos_body, text_ranks_body
from photo_search.index.opensearch_target import Body
from photo_search.index.protocol import FacetCounts, Hit, HitPage, HybridQuery

Json = dict[str, Any]

_THREADS = 8


class HybridSearch:
    """Fuses the rankings of one index. Safe in threads."""

    def __init__(self, search: Callable[[Body, float | None], Json], *, timeout_s: float) -> None:
        """Prepare; no thread runs yet.

        Args:
            search: Sends a search within a time in seconds.
            timeout_s: What a query may take that says no other.
        """
        self._search = search
        self._timeout_s = timeout_s
        self._pool: ThreadPoolExecutor | None = None
        self._lock = threading.Lock()

    def page(self, query: HybridQuery) -> HitPage:
        """One page; all searches together keep the query's time-out.

        Raises:
            IndexUnavailable: No answer in time.
        """
        within_s = query.timeout_s or self._timeout_s
        deadline_s = time.monotonic() + within_s

        def search(body: Body) -> Json:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                msg = f"a hybrid search took longer than {within_s} s"
                raise IndexUnavailable(msg)
            return self._search(body, left_s)

        waiting = self._threads().submit(
            search, lambda rescores: knn_ranks_body(query, rescores=rescores)
        )
        by_words = search(lambda _: text_ranks_body(query))
        by_embedding = waiting.result()
        window = fuse(ranks(by_embedding), [photo_id for photo_id, _ in ranks(by_words)])
        page = window[query.offset : query.offset + query.k]
        hits, facets = _photos(search, query, page, window)
        return HitPage(hits, has_more=len(window) > query.offset + query.k, facets=facets)

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="hybrid")
            return self._pool


def _photos(
    search: Callable[[Body], Json],
    query: HybridQuery,
    page: Sequence[FusedRank],
    window: Sequence[FusedRank],
) -> tuple[tuple[Hit, ...], FacetCounts]:
    if not page and not query.facets:
        return (), {}
    counted = [rank.photo_id for rank in window] if query.facets else []
    body = photos_body([rank.photo_id for rank in page], counted=counted, facets=query.facets)
    answer = search(lambda _: body)
    photos = {
        hit["_source"]["photo_id"]: photo_from_source(hit["_source"], index=hit["_index"])
        for hit in hits_of(answer)
    }
    hits = tuple(
        Hit(photos[rank.photo_id], score=rank.score, cosine=rank.cosine)
        for rank in page
        if rank.photo_id in photos  # those taken out between the searches are not
    )
    return hits, facets_of(answer, query.facets)
