"""The indexes behind one alias: made, found, swapped, dropped.

A photo collection is reached by the alias of its URL, such as ``photos``. Behind it lie indexes
that are filled once and never renamed: ``photos-<space>-<time>-<random>``, where ``<space>`` stands
for the embedding space. Each has up to three aliases:

- ``photos``: the newest, for people and other programs;
- ``photos-<space>``: the newest of its embedding space. Searches go there, so that a program with
  the model of yesterday is answered by the index of yesterday while a new model moves in;
- ``<index>-write``: itself alone. Writes go there and insist on an alias, so that no write can
  bring an index back that was dropped meanwhile.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from photo_search.errors import FingerprintMismatch, IndexNotFound, PhotoIndexError
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_errors import RefusedRequest
from photo_search.index.opensearch_schema import (
    IndexFacts,
    check_schema_version,
    facts_from_mapping,
    index_body,
    meta_body,
)

Json = dict[str, Any]

_OPEN_TIMEOUT_S = 4.0  # a query may wait for it, twice
_SPACE_CHARACTERS = 12
_EXISTS = "resource_already_exists_exception"
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]")


@dataclass(frozen=True, slots=True)
class FoundIndex:
    """An index of ours."""

    name: str
    facts: IndexFacts

    @property
    def write_alias(self) -> str:
        """Where writes go."""
        return f"{self.name}-write"


@dataclass(frozen=True, slots=True)
class Generation:
    """An index behind the alias and its place among them.

    Attributes:
        index: The index.
        aliases: Its aliases.
        created_ms: When it was made, in milliseconds since 1970.
    """

    index: FoundIndex
    aliases: frozenset[str]
    created_ms: int

    @property
    def is_searched(self) -> bool:
        """Whether an alias leads here, other than the one for writes."""
        return bool(self.aliases - {self.index.write_alias})


class Catalogue:
    """What lies behind one alias on one server."""

    def __init__(self, connection: OpenSearchConnection, alias: str) -> None:
        """Join them; nothing is sent."""
        self._connection = connection
        self.alias = alias

    def space_alias(self, fingerprint: str) -> str:
        """The alias of one embedding space."""
        return f"{self.alias}-{_space(fingerprint)}"

    def find(self, fingerprint: str) -> FoundIndex:
        """The index that answers queries of an embedding space.

        Raises:
            IndexNotFound: There is none.
            FingerprintMismatch: There is one of another space alone.
        """
        try:
            return self._checked(self.space_alias(fingerprint), fingerprint)
        except IndexNotFound:
            pass
        # An index that somebody named by hand, or one of another space.
        return self._checked(self.alias, fingerprint)

    def create(self, facts: IndexFacts, *, aliases: Sequence[str] = ()) -> FoundIndex:
        """Make an empty index, reached by no alias but its own and those given.

        Raises:
            PhotoIndexError: The server is too old for the profile, or refuses the index.
        """
        body = index_body(facts, server=self._connection.version())
        moment = datetime.now(UTC).strftime("%Y%m%d%H%M%S")
        index = FoundIndex(
            f"{self.space_alias(facts.fingerprint)}-{moment}-{secrets.token_hex(2)}", facts
        )
        body["aliases"] = {name: {} for name in (*aliases, index.write_alias)}

        def put() -> None:
            try:
                self._connection.request("PUT", index.name, "", body=body)
            except RefusedRequest as error:
                # The name is random: who made it, if not the last try, whose answer was lost?
                if error.kind != _EXISTS:
                    raise

        self._connection.insist(put)
        return index

    def facts(self, index: str) -> IndexFacts:
        """What an index, or the one behind an alias, says of itself.

        Raises:
            IndexNotFound: There is none.
            IndexCorrupt: It is none of ours.
        """
        return self._read(index).facts

    def note(self, index: FoundIndex, **facts: object) -> FoundIndex:
        """Change what an index says of itself: ``filled_to``, ``is_ready``."""
        changed = FoundIndex(index.name, replace(index.facts, **facts))  # type: ignore[arg-type]
        self._connection.insist(
            lambda: self._connection.request(
                "PUT", index.name, "_mapping", body=meta_body(changed.facts)
            )
        )
        return changed

    def generations(self) -> list[Generation]:
        """Every index of ours that was made for the alias, the oldest first."""
        pattern = f"{self.alias}-*"
        found = self._connection.insist(
            lambda: self._connection.request(
                "GET", pattern, "", parameters={"flat_settings": "true"}
            )
        )
        ours = re.compile(rf"{re.escape(self.alias)}-[a-z0-9]+-[0-9]{{14}}-[0-9a-f]{{4}}")
        return sorted(
            (
                Generation(
                    FoundIndex(name, facts_from_mapping(body["mappings"], index=name)),
                    frozenset(body["aliases"]),
                    int(body["settings"]["index.creation_date"]),
                )
                for name, body in found.items()
                if ours.fullmatch(name)
            ),
            key=lambda generation: (generation.created_ms, generation.index.name),
        )

    def swap(self, index: FoundIndex) -> None:
        """Let the aliases lead to an index, and to no other, in one step."""
        aliases = (self.alias, self.space_alias(index.facts.fingerprint))
        actions: list[Json] = [
            {"remove": {"index": name, "alias": alias, "must_exist": False}}
            for alias in aliases
            for name in self._behind(alias)
            if name != index.name
        ]
        actions += [{"add": {"index": index.name, "alias": alias}} for alias in aliases]
        self._connection.insist(
            lambda: self._connection.request("POST", "", "_aliases", body={"actions": actions})
        )

    def drop(self, index: FoundIndex) -> None:
        """Delete an index and its aliases."""
        self._connection.insist(
            lambda: self._connection.request(
                "DELETE", index.name, "", parameters={"ignore_unavailable": "true"}
            )
        )

    def change_settings(self, index: FoundIndex, settings: Json) -> None:
        """Change an index's settings."""
        self._connection.insist(
            lambda: self._connection.request("PUT", index.name, "_settings", body=settings)
        )

    def _behind(self, alias: str) -> list[str]:
        """Every index that an alias leads to, also one that somebody named by hand."""
        try:
            found = self._connection.insist(
                lambda: self._connection.request("GET", "_alias", alias)
            )
        except IndexNotFound:
            return []
        return sorted(found)

    def _checked(self, alias: str, fingerprint: str) -> FoundIndex:
        found = self._read(alias)
        check_schema_version(found.facts, index=found.name)
        if found.facts.fingerprint != fingerprint:
            msg = (
                f"{alias} at {self._connection.server} ({found.name}) holds embeddings of "
                f"{found.facts.fingerprint}, the model is {fingerprint}: load shards of this "
                "model, which makes an index beside the other"
            )
            raise FingerprintMismatch(msg)
        return found

    def _read(self, alias: str) -> FoundIndex:
        answer = self._connection.insist_briefly(
            lambda: self._connection.request("GET", alias, "_mapping", timeout_s=_OPEN_TIMEOUT_S)
        )
        if len(answer) != 1:
            msg = (
                f"{alias} leads to {len(answer)} indexes ({', '.join(sorted(answer))}), not to "
                "one: take the alias off the others, or load the shards anew"
            )
            raise PhotoIndexError(msg)
        ((name, body),) = answer.items()
        return FoundIndex(name, facts_from_mapping(body["mappings"], index=name))


def _space(fingerprint: str) -> str:
    """A short name of an embedding space; that it is the right one is for ``_meta`` to say."""
    return _NOT_IN_A_NAME.sub("", fingerprint.lower())[:_SPACE_CHARACTERS] or "space"
