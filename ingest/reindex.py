"""`load` into OpenSearch: a new index is filled beside the old one, verified, and swapped in.

Searches go on all the while. Whatever stops a load, the next one goes on with the index that it
finds half filled.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from ingest.faiss_guard import refuse_without_faiss
from ingest.generations import current_generation, drop_left_over, drop_rolled_back
from ingest.index_filling import IndexFilling
from ingest.load_report import LoadOptions, LoadReport, write_dead_letters
from ingest.shard_reader import ShardReader
from ingest.verify import EXACT_WITHIN_S
from photo_search.errors import PhotoIndexError
from photo_search.index import EmbeddedPhoto, KnnQuery
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue, FoundIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import (
    IndexFacts,
    loaded_settings,
    loading_settings,
    needs_faiss,
)

__all__ = ["LoadOptions", "LoadReport", "load"]

_SAMPLE_PHOTOS = 50
_LEAST_FOUND_SHARE = 0.95
_NEAR_COSINE = 0.999  # float16 rounds a cosine of 1 to no less
_SHRUNK_SHARE = 0.5
_MERGE_TIMEOUT_S = 3600.0
_REPLICAS_TIMEOUT_S, _HEALTH_TIMEOUT_S = 600.0, 30.0


def load(
    shards: Path, connection: OpenSearchConnection, alias: str, options: LoadOptions
) -> LoadReport:
    """Fill a new index with what the shards say and swap it in.

    Args:
        shards: A directory of one embedding space's shards; only read.
        connection: The server.
        alias: What the collection is reached by.
        options: How to work.

    Raises:
        SourceInvalid: There are no shards, or one is damaged.
        PhotoIndexError: The new index fails its verification, or the server refuses; the aliases
            lead where they led.
        IndexUnavailable: The server did not answer for long; the next run goes on.
    """
    return _Load(shards, connection, alias, options).run()


class _Load:
    """One load."""

    def __init__(
        self, shards: Path, connection: OpenSearchConnection, alias: str, options: LoadOptions
    ) -> None:
        self._reader = ShardReader.open(shards)
        self._connection = connection
        self._catalogue = Catalogue(connection, alias)
        self._options = options
        self._report = LoadReport()

    def run(self) -> LoadReport:
        report = self._report
        self._timed("create", self._open_new)
        report.index, report.full_name = self._index.index.name, self._index.name
        try:
            self._timed("fill", self._filling.fill)
            self._timed("finish", self._finish)
            self._timed("verify", self._verify)
            self._timed("swap", self._swap)
        finally:
            if self._options.dead_letters is not None:
                write_dead_letters(self._options.dead_letters, report.rejected)
        return report

    def _open_new(self) -> None:
        """Find the index that an earlier load left half filled, or make one."""
        refuse_without_faiss(self._connection, self._options.profile)
        facts = IndexFacts(
            fingerprint=self._reader.fingerprint,
            dimension=self._reader.dimension,
            profile=self._options.profile,
            # It is empty: whatever comes is of the shards as they are now, or newer.
            filled_to=self._reader.last_shard,
            is_ready=False,
        )
        space = (facts.fingerprint, facts.dimension, facts.profile)
        begun = [
            one
            for one in self._catalogue.generations()
            if not one.index.facts.is_ready
            # Of older shards than it has been filled from, one cannot tell what is up to date.
            and one.index.facts.filled_to <= self._reader.last_shard
            and space
            == (one.index.facts.fingerprint, one.index.facts.dimension, one.index.facts.profile)
        ]
        index = begun[-1].index if begun else self._catalogue.create(facts)
        if begun:
            self._report.notes.append(f"went on with {index.name}")
        # One whose load died right after its swap is searched, and keeps its copies meanwhile.
        if not (begun and begun[-1].is_searched):
            self._catalogue.change_settings(index, loading_settings(facts.profile))
        self._index = OpenSearchIndex.of(self._connection, self._catalogue, index)
        self._filling = IndexFilling(
            self._reader, self._index, self._catalogue, self._options, self._report
        )

    def _finish(self) -> None:
        """Make the index fit to be searched: graph, copies, warm caches."""
        index, connection = self._index.index, self._connection
        self._catalogue.change_settings(index, loaded_settings(index.facts.profile))
        self._index.refresh()
        connection.insist(
            lambda: connection.request(
                "POST",
                index.name,
                "_forcemerge",
                parameters={"max_num_segments": "1"},
                timeout_s=_MERGE_TIMEOUT_S,
            )
        )
        self._index.refresh()
        self._await_copies(index)
        if needs_faiss(index.facts.profile):
            connection.insist(
                lambda: connection.request(
                    "GET", "_plugins", f"_knn/warmup/{index.name}", timeout_s=_MERGE_TIMEOUT_S
                )
            )

    def _await_copies(self, index: FoundIndex) -> None:
        give_up_s = time.monotonic() + _REPLICAS_TIMEOUT_S
        while time.monotonic() < give_up_s:
            health = self._connection.insist(
                lambda: self._connection.request(
                    "GET",
                    "_cluster",
                    f"health/{index.name}",
                    parameters={"timeout": "20s", "level": "indices"},
                    timeout_s=_HEALTH_TIMEOUT_S,
                )
            )
            if health["status"] == "green":
                return
            time.sleep(1)
        self._report.notes.append("not all copies of the index are there yet")

    def _verify(self) -> None:
        """Count, and see whether a sample of photos finds itself."""
        report, live = self._report, self._filling.reader.live
        report.photos = self._connection.insist(self._index.count)
        expected = len(live) - len(report.rejected)
        if report.photos != expected:
            msg = (
                f"{report.index} has {report.photos} photos, the shards {expected}; it was not "
                "swapped in: run the same again"
            )
            raise PhotoIndexError(msg)
        self._refuse_shrinking()
        accepted = sorted(live.keys() - report.rejected.keys())
        sample = set(random.sample(accepted, min(_SAMPLE_PHOTOS, len(accepted))))
        lost = [
            embedded
            for photos in self._filling.reader.read(lambda photo_id, _: photo_id in sample)
            for embedded in photos
            if not self._finds(embedded)
        ]
        report.found_share = 1 - len(lost) / len(sample) if sample else 1.0
        if report.found_share < _LEAST_FOUND_SHARE:
            # Tells whether the graph is at fault or what was stored.
            exactly = sum(self._finds(embedded, exact=True) for embedded in lost)
            msg = (
                f"{report.index} does not find {len(lost)} of {len(sample)} photos by their own "
                f"embedding ({exactly} of them it finds by exact search); it was not swapped in: "
                "run the same again, which fills another"
            )
            self._give_up()
            raise PhotoIndexError(msg)

    def _give_up(self) -> None:
        """Delete the new index: to go on with it would end the same way."""
        name = self._index.index.name
        searched = any(
            one.index.name == name and one.is_searched for one in self._catalogue.generations()
        )
        if not searched:
            self._catalogue.drop(self._index.index)

    def _finds(self, embedded: EmbeddedPhoto, *, exact: bool = False) -> bool:
        within_s = EXACT_WITHIN_S if exact else None
        query = KnnQuery(embedded.embedding, k=10, exact=exact, timeout_s=within_s)
        hits = self._connection.insist(lambda: self._index.knn(query)).hits
        # Others may have the same embedding, and then any of them is right.
        return bool(hits) and (
            embedded.photo.photo_id in {hit.photo.photo_id for hit in hits}
            or hits[-1].score >= _NEAR_COSINE
        )

    def _refuse_shrinking(self) -> None:
        if self._options.allow_smaller:
            return
        alias = self._catalogue.alias
        current = current_generation(self._catalogue.generations(), alias)
        if current is None:
            return
        other = OpenSearchIndex.of(self._connection, self._catalogue, current.index)
        before = self._connection.insist(other.count)
        if self._report.photos < _SHRUNK_SHARE * before:
            msg = (
                f"{self._report.index} has {self._report.photos} photos, the index behind {alias} "
                f"has {before}; --allow-smaller lets it be, or give another alias"
            )
            raise PhotoIndexError(msg)

    def _swap(self) -> None:
        self._report.dropped += drop_rolled_back(self._catalogue, self._index.index)
        self._catalogue.swap(self._index.index)
        # A delta that came since the last look went to the old index alone.
        self._filling.fill()
        self._index.refresh()
        self._index.index = self._catalogue.note(self._index.index, is_ready=True)
        self._report.filled_to = self._index.index.facts.filled_to
        self._report.photos = self._connection.insist(self._index.count)
        self._report.dropped += drop_left_over(
            self._catalogue, self._index.index, keep=self._options.keep
        )

    def _timed(self, stage: str, step: Callable[[], None]) -> None:
        start_s = time.perf_counter()
        try:
            step()
        finally:
            self._report.seconds[stage] = round(time.perf_counter() - start_s, 3)
