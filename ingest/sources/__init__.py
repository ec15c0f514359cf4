"""Where photos come from; each module yields SourcePhotos, sorted, with what is known of them."""

from __future__ import annotations

from ingest.sources.source import Listing, PhotoSource, SourcePhoto

__all__ = ["Listing", "PhotoSource", "SourcePhoto"]
