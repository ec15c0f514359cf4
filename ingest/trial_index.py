"""An index to measure a profile with: filled from shards, deleted afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ingest.reindex import LoadOptions, load
from ingest.shard_reader import ShardReader
from photo_search.index import PhotoIndex
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection


@contextmanager
def trial_index(
    shards: Path, connection: OpenSearchConnection, alias: str, profile: str, *, quiet: bool = False
) -> Iterator[PhotoIndex]:
    """Fill an index of a profile behind an alias of its own.

    Args:
        shards: A directory of one embedding space's shards.
        connection: The server.
        alias: The collection's, which stays as it is; the trial's begins with it.
        profile: How the index keeps embeddings.
        quiet: No progress bar.

    Yields:
        The index, open for reading.

    Raises:
        SourceInvalid: There are no shards, or one is damaged.
        PhotoIndexError: There is no such profile, or the server refuses the index.
        IndexUnavailable: The server did not answer for long.
    """
    catalogue = Catalogue(connection, f"{alias}-trial-{secrets.token_hex(3)}")
    fingerprint = ShardReader.open(shards).fingerprint
    try:
        load(shards, connection, catalogue.alias, LoadOptions(profile=profile, quiet=quiet))
        yield OpenSearchIndex.open(connection, catalogue.alias, fingerprint=fingerprint)
    finally:
        for generation in catalogue.generations():
            catalogue.drop(generation.index)
