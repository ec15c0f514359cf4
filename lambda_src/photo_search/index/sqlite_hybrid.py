"""Hybrid search in the SQLite file: both rankings of one state of the index, fused."""

from __future__ import annotations

import sqlite3

from photo_search.index.fusion import fuse
from photo_search.index.protocol import WINDOW, Hit, HitPage, HybridQuery
from photo_search.index.ranking import RankedPage
from photo_search.index.sqlite_facets import facet_counts
from photo_search.index.sqlite_photos import photo_ids_at, photos_at, slots_matching_words


def fused_page(connection: sqlite3.Connection, query: HybridQuery, nearest: RankedPage) -> HitPage:
    """One page of a hybrid query.

    Args:
        connection: A reading one.
        query: What to find.
        nearest: The whole window by embedding, the excluded photo left out.
    """
    # One more than the window, for the excluded photo takes no rank.
    found = slots_matching_words(connection, query.text, query.filters, limit=WINDOW + 1)
    ids = photo_ids_at(connection, list({*nearest.slots, *(slot for slot, _ in found)}))
    by_embedding = [(ids[s], c) for s, c in zip(nearest.slots, nearest.cosines, strict=True)]
    by_words = [ids[slot] for slot, _ in found if ids[slot] != query.excluded_photo_id]
    window = fuse(by_embedding, by_words[:WINDOW])
    page = window[query.offset : query.offset + query.k]
    slots = {photo_id: slot for slot, photo_id in ids.items()}
    photos = photos_at(connection, [slots[rank.photo_id] for rank in page])
    counted = [slots[rank.photo_id] for rank in window]
    return HitPage(
        tuple(Hit(p, rank.score, rank.cosine) for p, rank in zip(photos, page, strict=True)),
        has_more=len(window) > query.offset + query.k,
        facets=facet_counts(connection, counted, query.facets),
    )
