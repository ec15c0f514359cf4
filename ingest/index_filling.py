"""Filling an index on a server with what the shards say, as often as they say something new."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from ingest.load_report import LoadOptions, LoadReport
from ingest.ordered_map import map_in_order
from ingest.progress import Progress, progress_bar
from ingest.shard_files import list_shards
from ingest.shard_reader import LivePhoto, ShardReader
from photo_search.errors import PhotoIndexError
from photo_search.index import EmbeddedPhoto
from photo_search.index.checks import checked_batch
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_bulk import Action, Outcome, delete_action, store_action
from photo_search.index.opensearch_catalogue import Catalogue

_MOST_LATE_WRITES = 3
_MOMENT_BITS = 42  # milliseconds since 1970 until 2109; above them there is room for 2 M shards


class IndexFilling:
    """Brings one index up to a directory of shards; may be stopped at any point and begun again.

    Each write has a version: by the shard that it comes from, then by time. A request that was
    given up for lost may still be carried out, after later ones; the server then leaves it. What
    others do to a photo without a version adds one to it; the next look at the shards outranks it.

    Attributes:
        reader: The shards as they were read last.
        index: The index; what it says of itself changes with each step.
    """

    def __init__(
        self,
        reader: ShardReader,
        index: OpenSearchIndex,
        catalogue: Catalogue,
        options: LoadOptions,
        report: LoadReport,
    ) -> None:
        """Prepare; nothing is written.

        Args:
            reader: The shards.
            index: The index, with nothing in it that is newer.
            catalogue: Where the index belongs.
            options: How to work.
            report: Told what is stored and what is refused.
        """
        self.reader = reader
        self.index = index
        self._catalogue = catalogue
        self._options = options
        self._report = report
        self._moment_ms = 0

    def fill(self) -> None:
        """Catch up with the shards, those that come meanwhile too."""
        self._catch_up()
        while list_shards(self.reader.directory).current[-1].number > self.reader.last_shard:
            self.reader = ShardReader.open(self.reader.directory)
            self._catch_up()
        for _ in range(_MOST_LATE_WRITES):
            if self._is_filled():
                break
            self._catch_up()

    def _is_filled(self) -> bool:
        """Whether exactly the right photos are there.

        A write that was given up for lost may be carried out late, and bring back a photo that is
        gone by now.
        """
        self.index.refresh()
        wanted = self.reader.live.keys() - self._report.rejected.keys()
        return set(self.index.photo_ids()) == wanted

    def _catch_up(self) -> None:
        """Bring the new index up to the shards as they were read last."""
        reader, facts = self.reader, self.index.index.facts
        # Later than the last time, whatever became of the clock.
        self._moment_ms = max(self._moment_ms + 1, time.time_ns() // 1_000_000)
        self.index.refresh()
        present = set(self.index.photo_ids())

        def is_wanted(photo_id: str, live: LivePhoto) -> bool:
            return live.shard > facts.filled_to or photo_id not in present

        wanted = sum(is_wanted(photo_id, live) for photo_id, live in reader.live.items())
        with progress_bar(
            len(reader.live), done=len(reader.live) - wanted, quiet=self._options.quiet
        ) as progress:
            self._store(reader.read(is_wanted), progress)
        # What the server now refuses, it may hold as an older shard had it.
        gone = (present - reader.live.keys()) | (present & self._report.rejected.keys())
        if gone:
            version = self._version(reader.last_shard)
            deletions = [delete_action(photo_id, version=version) for photo_id in sorted(gone)]
            self._write([deletions], lambda _: None)
        self.index.index = self._catalogue.note(self.index.index, filled_to=reader.last_shard)
        # Of a photo that a later shard mended, the old reason is past.
        self._report.rejected = {
            photo_id: reason
            for photo_id, reason in self._report.rejected.items()
            if photo_id in reader.live
        }

    def _store(self, batches: Iterable[list[EmbeddedPhoto]], progress: Progress) -> None:
        def actions() -> Iterator[list[Action]]:
            for batch in batches:
                ready = []
                for embedded in batch:
                    self._report.rejected.pop(embedded.photo.photo_id, None)
                    try:
                        checked_batch([embedded], self.index.dimension)
                        shard = self.reader.live[embedded.photo.photo_id].shard
                        ready.append(store_action(embedded, version=self._version(shard)))
                    except PhotoIndexError as error:
                        self._report.rejected[embedded.photo.photo_id] = str(error)
                yield ready

        def count(outcome: Outcome) -> None:
            self._report.stored += outcome.stored
            self._report.rejected |= outcome.rejected
            progress.update(outcome.stored + outcome.kept + len(outcome.rejected))

        self._write(actions(), count)

    def _version(self, shard: int) -> int:
        return (shard << _MOMENT_BITS) + self._moment_ms

    def _write(self, batches: Iterable[list[Action]], count: Callable[[Outcome], object]) -> None:
        with ThreadPoolExecutor(self._options.threads) as threads:
            window = 2 * self._options.threads
            for outcome in map_in_order(threads, self.index.write, batches, window=window):
                count(outcome)
