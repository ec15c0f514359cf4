"""Where the searches of an index go: to an alias that follows swaps, or to the index itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from photo_search.errors import FingerprintMismatch
from photo_search.index.opensearch_answer import hits_of
from photo_search.index.opensearch_catalogue import Catalogue, FoundIndex
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import rescores

Json = dict[str, Any]
Body = Callable[[bool], Json]
"""Makes a search, told whether candidates are to be scored by full precision."""


class SearchTarget:
    """Searches by name and looks at each index that answers for the first time. Safe in threads."""

    def __init__(
        self, connection: OpenSearchConnection, catalogue: Catalogue, name: str, index: FoundIndex
    ) -> None:
        """Start with the index that lies there now.

        Args:
            connection: The server.
            catalogue: Tells what an index holds.
            name: Of the alias or index.
            index: The index.
        """
        self.name = name
        self._connection = connection
        self._catalogue = catalogue
        self._fingerprint = index.facts.fingerprint
        # Indexes known to hold this embedding space, and whether they need rescoring; every answer
        # names the one it came from.
        self._rescores_of = {index.name: rescores(index.facts.profile)}
        self._rescores = self._rescores_of[index.name]

    def search(self, body: Json, timeout_s: float | None = None) -> Json:
        """Search within a time, or within the connection's own.

        Raises:
            FingerprintMismatch: The alias now leads to an index of another embedding space.
            IndexUnavailable: No answer in time.
        """
        return self.search_vectors(lambda _: body, timeout_s)

    def search_vectors(self, body: Body, timeout_s: float | None = None) -> Json:
        """The same, and once more where the alias has moved to an index that needs rescoring."""
        asked = self._rescores
        answer = self._connection.search(self.name, body(asked), timeout_s=timeout_s)
        self._rescores = self._needs_rescoring(answer, otherwise=asked)
        again = body(self._rescores)
        if self._rescores != asked and again != body(asked):
            answer = self._connection.search(self.name, again, timeout_s=timeout_s)
            self._needs_rescoring(answer, otherwise=asked)
        return answer

    def _needs_rescoring(self, answer: Json, *, otherwise: bool) -> bool:
        names = {hit["_index"] for hit in hits_of(answer)}
        for name in names - self._rescores_of.keys():
            facts = self._catalogue.facts(name)
            if facts.fingerprint != self._fingerprint:
                msg = (
                    f"{self.name} now leads to {name}, with embeddings of {facts.fingerprint}; "
                    f"the model is {self._fingerprint}"
                )
                raise FingerprintMismatch(msg)
            self._rescores_of[name] = rescores(facts.profile)
        return any(self._rescores_of[name] for name in names) if names else otherwise
