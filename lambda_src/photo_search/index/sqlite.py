"""SqliteIndex: the embedded engine. Photos, words and embeddings in one file, exact k-NN in numpy.

Readers in any thread or process see whole batches only, and see them as soon as they are stored.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from photo_search.errors import IndexNotFound, PhotoIndexError
from photo_search.index.checks import NORM_TOLERANCE, checked_batch, checked_embedding
from photo_search.index.embedding_blocks import EmbeddingBlocks
from photo_search.index.protocol import (
    WINDOW,
    EmbeddedPhoto,
    FacetCounts,
    Hit,
    HitPage,
    HybridQuery,
    KnnQuery,
    TextQuery,
    knn_part,
    whole_window,
)
from photo_search.index.ranking import RankedPage, ranked_page
from photo_search.index.sqlite_blocks import BlockWriter, load_blocks, read_embedding
from photo_search.index.sqlite_facets import facet_counts
from photo_search.index.sqlite_file import BUSY_TIMEOUT_S, Damaged, SqliteFile, settle_log
from photo_search.index.sqlite_hybrid import fused_page
from photo_search.index.sqlite_photos import (
    insert_photo,
    photo_ids_after,
    photo_ids_at,
    photo_with_id,
    photos_at,
    remove_photos,
    slots_matching,
    slots_matching_words,
    slots_of,
)
from photo_search.index.sqlite_schema import Facts, create_tables, read_facts, read_revision

_IDS_PER_READ = 10_000


class SqliteIndex:
    """A photo index in one SQLite file; see PhotoIndex. Safe in threads."""

    def __init__(self, file: SqliteFile, facts: Facts, blocks: EmbeddingBlocks | None) -> None:
        """Use a checked file; ``open`` and ``create`` are the ways in."""
        self._file = file
        self._facts = facts
        self._blocks = blocks
        self._blocks_lock = threading.Lock()

    @classmethod
    def open(cls, path: Path, *, fingerprint: str, immutable: bool = False) -> Self:
        """Open an existing index for reading and read its embeddings into memory.

        Nobody may write it, anywhere, where it is said to be immutable.

        Raises:
            IndexNotFound: There is no index at the path.
            FingerprintMismatch: The index holds another embedding space.
            IndexCorrupt: The file is damaged or no index.
        """
        if not path.is_file():
            msg = f"there is no index at {path}"
            raise IndexNotFound(msg)
        file = SqliteFile(path, writable=False, immutable=immutable)
        return cls._opened(file, fingerprint, load=True)

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        fingerprint: str,
        dimension: int,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> Self:
        """Open an index for writing; where there is none, make it and the folders above it.

        Args:
            path: The file.
            fingerprint: Embedding space of everything stored.
            dimension: D.
            busy_timeout_s: How long a write waits for another process's.

        Raises:
            FingerprintMismatch: The index there holds another embedding space.
            PhotoIndexError: The index there has another dimension, or is unusable.
            DiskFull: There is no room for a new file.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            msg = f"the index {path} cannot be made: {error}"
            raise PhotoIndexError(msg) from error
        file = SqliteFile(path, writable=True, busy_timeout_s=busy_timeout_s)
        with file.writing() as connection:
            create_tables(connection, Facts(fingerprint, dimension))
        index = cls._opened(file, fingerprint, load=False)
        if index.dimension != dimension:
            index.close()
            msg = f"the index {path} has {index.dimension} dimensions, the model {dimension}"
            raise PhotoIndexError(msg)
        return index

    @classmethod
    def _opened(cls, file: SqliteFile, fingerprint: str, *, load: bool) -> Self:
        try:
            with file.reading() as connection:
                facts = read_facts(connection, file.path, fingerprint=fingerprint)
                blocks = load_blocks(connection, None, facts.dimension) if load else None
        except PhotoIndexError:
            file.close()
            raise
        return cls(file, facts, blocks)

    @property
    def name(self) -> str:
        """The file."""
        return str(self._file.path)

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space of everything stored here."""
        return self._facts.fingerprint

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""
        return self._facts.dimension

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Store photos in one transaction; of two with the same photo_id the last one counts."""
        if not photos:
            return
        by_id = checked_batch(photos, self.dimension)
        embeddings = np.stack([embedded.embedding for embedded in by_id.values()])  # (B, D)
        with self._file.writing() as connection:
            writer = BlockWriter(connection, self.dimension)
            taken = slots_of(connection, by_id)
            remove_photos(connection, taken.values())
            free = iter(writer.take_slots(len(by_id) - len(taken)))
            slots = [taken[photo_id] if photo_id in taken else next(free) for photo_id in by_id]
            for embedded, slot in zip(by_id.values(), slots, strict=True):
                insert_photo(connection, embedded.photo, slot)
            writer.write(slots, embeddings.astype("<f2"))
            writer.finish()

    def delete(self, photo_ids: Sequence[str]) -> int:
        """Take photos out in one transaction and return how many there were."""
        with self._file.writing() as connection:
            taken = slots_of(connection, photo_ids)
            if taken:
                writer = BlockWriter(connection, self.dimension)
                remove_photos(connection, taken.values())
                writer.free_slots(taken.values())
                writer.finish()
            return len(taken)

    def knn(self, query: KnnQuery) -> HitPage:
        """Find the photos nearest to an embedding; the score is the cosine."""
        checked_embedding(query.embedding, self.dimension, owner="the query")
        with self._file.reading() as connection:
            page = self._ranked(connection, query)
            photos = photos_at(connection, page.slots)
            window = self._ranked(connection, whole_window(query)).slots if query.facets else ()
            facets = facet_counts(connection, window, query.facets)
        hits = tuple(Hit(p, score=c, cosine=c) for p, c in zip(photos, page.cosines, strict=True))
        return HitPage(hits, has_more=page.has_more, facets=facets)

    def match_text(self, query: TextQuery) -> HitPage:
        """Find the photos that hold every word; the score is BM25, higher is better."""
        limit = min(query.k + 1, WINDOW - query.offset)  # one more tells whether more follow
        with self._file.reading() as connection:
            found = slots_matching_words(
                connection, query.text, query.filters, offset=query.offset, limit=limit
            )
            photos = photos_at(connection, [slot for slot, _ in found[: query.k]])
            facets: FacetCounts = {}
            if query.facets:
                every = slots_matching_words(connection, query.text, query.filters, limit=-1)
                facets = facet_counts(connection, [slot for slot, _ in every], query.facets)
        hits = tuple(
            Hit(photo, score=score, cosine=None)
            for photo, (_, score) in zip(photos, found, strict=False)
        )
        return HitPage(hits, has_more=len(found) > query.k, facets=facets)

    def hybrid(self, query: HybridQuery) -> HitPage:
        """Find photos by embedding and words; both rankings see the same state of the index."""
        checked_embedding(query.embedding, self.dimension, owner="the query")
        with self._file.reading() as connection:
            nearest = self._ranked(connection, knn_part(query))
            return fused_page(connection, query, nearest)

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        """Look one photo up; its embedding was rounded to float16 and is of unit norm again."""
        with self._file.reading() as connection:
            found = photo_with_id(connection, photo_id)
            if found is None:
                return None
            slot, photo = found
            return EmbeddedPhoto(photo, read_embedding(connection, slot, self.dimension))

    def photo_ids(self) -> Iterator[str]:
        """Every id, ascending; what is stored meanwhile may or may not be among them."""
        last: str | None = None
        while True:
            with self._file.reading() as connection:
                photo_ids = photo_ids_after(connection, last, _IDS_PER_READ)
            if not photo_ids:
                return
            yield from photo_ids
            last = photo_ids[-1]

    def count(self) -> int:
        """Number of photos."""
        with self._file.reading() as connection:
            return int(connection.execute("SELECT count(*) FROM photos").fetchone()[0])

    def size_bytes(self) -> int:
        """What the index takes on the disk, its log included."""
        with self._file.reading() as connection:
            pages, page_bytes = (
                int(connection.execute(f"PRAGMA {name}").fetchone()[0])
                for name in ("page_count", "page_size")
            )
        return pages * page_bytes

    def publish(self, path: Path) -> None:
        """Write a copy, packed and complete in one file, that may lie where nobody can write.

        Raises:
            DiskFull: There is no room; what was at ``path`` is as before.
            IndexUnavailable: A process has the file at ``path`` open with a log of its own.
            PhotoIndexError: The copy failed.
        """
        partial = path.with_name(f"{path.name}.partial")
        partial.unlink(missing_ok=True)
        try:
            self._file.copy_to(partial)
            settle_log(path)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Release connections and memory."""
        self._file.close()
        self._blocks = None

    def _ranked(self, connection: sqlite3.Connection, query: KnnQuery) -> RankedPage:
        blocks = self._current_blocks(connection)
        allowed = slots_matching(connection, query.filters)
        slots, cosines = blocks.cosines(query.embedding, allowed=allowed, exact=query.exact)
        if not np.all(np.abs(cosines) <= 1 + 2 * NORM_TOLERANCE):  # also true for NaN
            msg = "bytes of an embedding were altered"
            raise Damaged(msg)
        kept = np.ones(len(slots), np.bool_)
        if query.excluded_photo_id is not None:
            kept &= slots != slots_of(connection, [query.excluded_photo_id]).get(
                query.excluded_photo_id, -1
            )
        if query.min_cosine is not None:
            kept &= cosines >= query.min_cosine
        page = ranked_page(
            slots[kept],
            cosines[kept],
            offset=query.offset,
            k=query.k,
            photo_ids=lambda tied: photo_ids_at(connection, tied),
        )
        # Rounding can lift a cosine a little over 1.
        return replace(page, cosines=tuple(np.clip(page.cosines, -1, 1).tolist()))

    def _current_blocks(self, connection: sqlite3.Connection) -> EmbeddingBlocks:
        """The embeddings as this transaction sees them; what changed is read, the rest is kept."""
        # The first read fixes what a transaction sees: under the lock, never less than the last.
        with self._blocks_lock:
            blocks = self._blocks
            if blocks is None or blocks.revision != read_revision(connection):
                blocks = load_blocks(connection, blocks, self.dimension)
                self._blocks = blocks
            return blocks
