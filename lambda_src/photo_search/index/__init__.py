"""The photo index: what every engine offers, and how one is opened by URL.

Engines (one module each) are imported only when a URL asks for them.
"""

from __future__ import annotations

from photo_search.index.protocol import (
    WINDOW,
    EmbeddedPhoto,
    Facet,
    FacetCount,
    FacetCounts,
    Filters,
    Hit,
    HitPage,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
    TextQuery,
)
from photo_search.index.url import (
    create_index,
    import_engine,
    is_embedded,
    is_published,
    open_index,
)

__all__ = [
    "WINDOW",
    "EmbeddedPhoto",
    "Facet",
    "FacetCount",
    "FacetCounts",
    "Filters",
    "Hit",
    "HitPage",
    "HybridQuery",
    "KnnQuery",
    "PhotoIndex",
    "TextQuery",
    "create_index",
    "import_engine",
    "is_embedded",
    "is_published",
    "open_index",
]
