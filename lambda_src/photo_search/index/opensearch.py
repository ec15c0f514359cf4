"""OpenSearchIndex: photos, words and embeddings in an index of an OpenSearch server or domain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Self

import numpy as np

from photo_search.errors import (
    FingerprintMismatch,
    IndexCorrupt,
    IndexNotFound,
    IndexReadOnly,
    PhotoIndexError,
)
from photo_search.index import opensearch_query as q
from photo_search.index.checks import checked_batch, checked_embedding, is_photo_id
from photo_search.index.opensearch_answer import (
    facets_of,
    hits_of,
    knn_hits,
    page_of,
    ranks,
    scored_hits,
    total_of,
)
from photo_search.index.opensearch_bulk import (
    Action,
    Outcome,
    chunks,
    delete_action,
    rejected_error,
    store_action,
    write_chunk,
)
from photo_search.index.opensearch_catalogue import Catalogue, FoundIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_document import photo_from_source
from photo_search.index.opensearch_errors import RefusedRequest
from photo_search.index.opensearch_hybrid import HybridSearch
from photo_search.index.opensearch_schema import DEFAULT_PROFILE, IndexFacts
from photo_search.index.opensearch_target import SearchTarget
from photo_search.index.protocol import (
    EmbeddedPhoto,
    FacetCounts,
    HitPage,
    HybridQuery,
    KnnQuery,
    TextQuery,
)
from photo_search.unit_norm import normalised

_IDS_PER_READ = 10_000  # as many as OpenSearch gives at once


class OpenSearchIndex:
    """A photo index on an OpenSearch server; see PhotoIndex. Safe in threads.

    Opened by alias, it follows the alias when a new index of the same embedding space is swapped
    in. Writes go to the index that was there when it was opened.
    """

    def __init__(
        self,
        connection: OpenSearchConnection,
        catalogue: Catalogue,
        index: FoundIndex,
        *,
        target: str,
        writable: bool,
    ) -> None:
        """Use an index that was found; ``open``, ``create`` and ``of`` are the ways in.

        Args:
            connection: The server.
            catalogue: What lies behind the alias.
            index: The index.
            target: Where searches go: an alias that follows swaps, or the index itself.
            writable: Whether it may be written to.
        """
        self._connection = connection
        self.index = index
        self._target = SearchTarget(connection, catalogue, target, index)
        self._writable = writable
        self._server_fuses = True
        self._hybrid = HybridSearch(
            self._target.search_vectors, timeout_s=connection.search_timeout_s
        )

    @classmethod
    def open(cls, connection: OpenSearchConnection, alias: str, *, fingerprint: str) -> Self:
        """Open an existing index for reading.

        Raises:
            IndexNotFound: There is no index behind the alias.
            FingerprintMismatch: It holds another embedding space.
        """
        catalogue = Catalogue(connection, alias)
        found = catalogue.find(fingerprint)
        space = catalogue.space_alias(fingerprint)
        target = space if found.name.startswith(f"{space}-") else alias
        return cls(connection, catalogue, found, target=target, writable=False)

    @classmethod
    def create(
        cls,
        connection: OpenSearchConnection,
        alias: str,
        *,
        fingerprint: str,
        dimension: int,
        profile: str = DEFAULT_PROFILE,
    ) -> Self:
        """Open an index for writing; where there is none of this embedding space, make it.

        One of another space stays as it is, and the alias goes on leading to it.

        Raises:
            PhotoIndexError: The index there has another dimension, or cannot be made.
        """
        catalogue = Catalogue(connection, alias)
        facts = IndexFacts(fingerprint=fingerprint, dimension=dimension, profile=profile)
        space = catalogue.space_alias(fingerprint)
        try:
            found = catalogue.find(fingerprint)
        except IndexNotFound:
            found = catalogue.create(facts, aliases=(alias, space))
        except FingerprintMismatch:
            found = catalogue.create(facts, aliases=(space,))
        if found.facts.dimension != dimension:
            msg = (
                f"the index {found.name} has {found.facts.dimension} dimensions, "
                f"the model {dimension}"
            )
            raise PhotoIndexError(msg)
        return cls.of(connection, catalogue, found)

    @classmethod
    def of(cls, connection: OpenSearchConnection, catalogue: Catalogue, index: FoundIndex) -> Self:
        """Open one very index, whatever the aliases do, for reading and writing."""
        return cls(connection, catalogue, index, target=index.name, writable=True)

    @property
    def name(self) -> str:
        """Server and index."""
        return f"{self._connection.server}/{self.index.name}"

    @property
    def fingerprint(self) -> str:
        """Identity of the embedding space of everything stored here."""
        return self.index.facts.fingerprint

    @property
    def dimension(self) -> int:
        """Length D of the embeddings."""
        return self.index.facts.dimension

    def upsert(self, photos: Sequence[EmbeddedPhoto]) -> None:
        """Store photos; of two with the same photo_id the last one counts."""
        batch = checked_batch(photos, self.dimension)
        outcome = self.write([store_action(embedded) for embedded in batch.values()])
        if batch:
            self.refresh()
        if outcome.rejected:
            raise rejected_error(outcome.rejected, index=self.name)

    def delete(self, photo_ids: Sequence[str]) -> int:
        """Take photos out and return how many there were."""
        # The server refuses a whole request for one id that no photo can have.
        stored = filter(is_photo_id, dict.fromkeys(photo_ids))
        outcome = self.write([delete_action(photo_id) for photo_id in stored])
        if photo_ids:
            self.refresh()
        if outcome.rejected:
            raise rejected_error(outcome.rejected, index=self.name)
        return outcome.deleted

    def write(self, actions: Sequence[Action]) -> Outcome:
        """Store and take out; searches see it after ``refresh``, or at the index's own pace.

        Raises:
            IndexReadOnly: The index was opened for reading, or takes no writes.
            IndexUnavailable: The server did not take them in time; repeating is harmless.
        """
        if not self._writable:
            msg = f"{self.name} was opened for reading"
            raise IndexReadOnly(msg)
        outcome = Outcome()
        for chunk in chunks(actions):
            outcome.add(write_chunk(self._connection, self.index.write_alias, chunk))
        return outcome

    def refresh(self) -> None:
        """Let searches see what was written."""
        self._connection.insist(
            lambda: self._connection.request("POST", self.index.write_alias, "_refresh")
        )

    def knn(self, query: KnnQuery) -> HitPage:
        """Find the photos nearest to an embedding; the score is the cosine."""
        checked_embedding(query.embedding, self.dimension, owner="the query")
        answer = self._target.search_vectors(
            lambda rescores: q.knn_body(query, rescores=rescores), query.timeout_s
        )
        facets = self._facets_of_window(query) if query.exact else facets_of(answer, query.facets)
        return page_of(answer, knn_hits(answer), query.offset, facets)

    def match_text(self, query: TextQuery) -> HitPage:
        """Find the photos that hold every word; the score is BM25, higher is better."""
        answer = self._target.search(q.text_body(query), query.timeout_s)
        facets = facets_of(answer, query.facets)
        return page_of(answer, scored_hits(answer), query.offset, facets)

    def hybrid(self, query: HybridQuery) -> HitPage:
        """Find photos by embedding and words, fused by the server where it can."""
        checked_embedding(query.embedding, self.dimension, owner="the query")
        # A server counts facets over all that matches, and breaks ties by no id.
        if not self._server_fuses or query.exact or query.facets:
            return self._hybrid.page(query)
        try:
            answer = self._target.search_vectors(
                lambda rescores: q.hybrid_body(query, rescores=rescores), query.timeout_s
            )
        except RefusedRequest:
            # A server without the plugin knows neither the query nor the pipeline's step. One that
            # takes the query in parts is not asked again; otherwise the query itself is at fault.
            page = self._hybrid.page(query)
            self._server_fuses = False
            return page
        return page_of(answer, scored_hits(answer), query.offset, {})

    def get(self, photo_id: str) -> EmbeddedPhoto | None:
        """Look one photo up; its embedding was rounded to float16 and is of unit norm again."""
        # Not by GET with the id in the path: a client makes something else of an id like "..".
        found = hits_of(self._target.search(q.photo_body(photo_id)))
        if not found:
            return None
        photo = photo_from_source(found[0]["_source"], index=found[0]["_index"])
        embedding = np.asarray(found[0]["_source"].get("embedding"), np.float32)  # (D,)
        if embedding.shape != (self.dimension,):
            msg = f"{found[0]['_index']} holds photo {photo_id!r} without its embedding"
            raise IndexCorrupt(msg)
        return EmbeddedPhoto(photo, normalised(embedding))

    def photo_ids(self) -> Iterator[str]:
        """Every id, ascending; what is stored meanwhile may or may not be among them."""
        last: str | None = None
        while True:
            search = partial(self._target.search, q.ids_body(last, _IDS_PER_READ))
            answer = self._connection.insist(search)
            photo_ids = [str(hit["sort"][0]) for hit in hits_of(answer)]
            if not photo_ids:
                return
            yield from photo_ids
            last = photo_ids[-1]

    def count(self) -> int:
        """Number of photos."""
        return total_of(self._target.search(q.count_body()))

    def size_bytes(self) -> int:
        """What one copy of the index takes on the server's disks."""
        answer = self._connection.insist(
            lambda: self._connection.request("GET", self._target.name, "_stats/store")
        )
        return int(answer["_all"]["primaries"]["store"]["size_in_bytes"])

    def close(self) -> None:
        """Close the connections."""
        self._hybrid.close()
        self._connection.close()

    def _facets_of_window(self, query: KnnQuery) -> FacetCounts:
        """Exact search scores every photo, and a search counts all that it scores."""
        if not query.facets:
            return {}
        window = ranks(self._target.search(q.knn_window_body(query), query.timeout_s))
        counted = [photo_id for photo_id, _ in window]
        answer = self._target.search(
            q.photos_body([], counted=counted, facets=query.facets), query.timeout_s
        )
        return facets_of(answer, query.facets)
