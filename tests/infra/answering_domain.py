"""An OpenSearch domain of one shard in memory: enough for ingest and search to run to their end.

It tells what the project's own code asks of a domain, verb and path; what it answers to a query is
every photo there is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from tests.core.index.stand_in_server import Reply, Request, error_reply

Json = dict[str, Any]
_SAME = 2.0  # the score of an embedding that is the query's own


class AnsweringDomain:
    """Answers as a domain would; hand it to a ``StandIn``."""

    def __init__(self) -> None:
        self._indexes: dict[str, Json] = {}
        self._photos: dict[str, dict[str, Json]] = {}

    def __call__(self, request: Request) -> Reply:
        for verb, pattern, answer in self._routes():
            found = re.fullmatch(pattern, request.path)
            if request.method == verb and found:
                return answer(request, *found.groups())
        msg = f"the domain of the tests knows no {request.method} {request.path}"
        raise AssertionError(msg)

    def _routes(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        def fine(_request: Request, *_groups: str) -> Reply:
            return Reply(200, {"acknowledged": True})

        return [
            ("GET", "/", lambda _: Reply(200, {"version": {"number": "3.5.0"}})),
            ("GET", "/_nodes", lambda _: Reply(200, {"nodes": {}})),
            ("GET", "/_alias/(.+)", self._aliases),
            ("POST", "/_aliases", self._change_aliases),
            ("GET", "/_cluster/health/.+", lambda *_: Reply(200, {"status": "green"})),
            ("GET", "/_plugins/_knn/warmup/.+", fine),
            ("GET", "/([^/]+)/_mapping", self._mapping),
            ("PUT", "/([^/]+)/_mapping", self._change_mapping),
            ("PUT", "/[^/]+/_settings", fine),
            ("GET", "/[^/]+/_stats/store", self._size),
            ("POST", "/[^/]+/(?:_refresh|_forcemerge)", fine),
            ("POST", "/([^/]+)/_bulk", self._bulk),
            ("POST", "/([^/]+)/_search", self._search),
            ("GET", "/([^/_]+)", self._describe),
            ("PUT", "/([^/_]+)", self._create),
            ("DELETE", "/([^/_]+)", self._drop),
        ]

    def _behind(self, name: str) -> list[str]:
        pattern = re.escape(name).replace(r"\*", ".*")
        return [
            index
            for index, body in self._indexes.items()
            if re.fullmatch(pattern, index) or name in body["aliases"]
        ]

    def _describe(self, _request: Request, name: str) -> Reply:
        return Reply(200, {index: self._indexes[index] for index in self._behind(name)})

    def _create(self, request: Request, name: str) -> Reply:
        body = request.json
        settings = {"index.creation_date": str(1_000 + len(self._indexes))}
        self._indexes[name] = body | {"settings": settings}
        self._photos[name] = {}
        return Reply(200, {"acknowledged": True})

    def _drop(self, _request: Request, name: str) -> Reply:
        del self._indexes[name], self._photos[name]
        return Reply(200, {"acknowledged": True})

    def _mapping(self, _request: Request, name: str) -> Reply:
        found = {one: {"mappings": self._indexes[one]["mappings"]} for one in self._behind(name)}
        return Reply(200, found) if found else error_reply(404, "index_not_found_exception")

    def _change_mapping(self, request: Request, name: str) -> Reply:
        (index,) = self._behind(name)
        self._indexes[index]["mappings"] |= request.json
        return Reply(200, {"acknowledged": True})

    def _aliases(self, _request: Request, name: str) -> Reply:
        found: Json = {one: {"aliases": {name: {}}} for one in self._behind(name)}
        return Reply(200, found) if found else error_reply(404, "aliases_not_found_exception")

    def _change_aliases(self, request: Request) -> Reply:
        for action in request.json["actions"]:
            ((verb, change),) = action.items()
            aliases = self._indexes[change["index"]]["aliases"]
            if verb == "add":
                aliases[change["alias"]] = {}
            else:
                aliases.pop(change["alias"], None)
        return Reply(200, {"acknowledged": True})

    def _size(self, _request: Request) -> Reply:
        return Reply(200, {"_all": {"primaries": {"store": {"size_in_bytes": 1}}}})

    def _bulk(self, request: Request, name: str) -> Reply:
        (index,) = self._behind(name)
        photos, items = self._photos[index], []
        lines = iter(request.body.splitlines())
        for line in lines:
            ((verb, facts),) = json.loads(line).items()
            if verb == "delete":
                result = "deleted" if photos.pop(facts["_id"], None) else "not_found"
            else:
                photos[facts["_id"]] = json.loads(next(lines))
                result = "created"
            items.append({verb: {"_id": facts["_id"], "status": 200, "result": result}})
        return Reply(200, {"items": items})

    def _search(self, request: Request, name: str) -> Reply:
        body = request.json
        photos = {
            photo_id: (index, photo)
            for index in self._behind(name)
            for photo_id, photo in sorted(self._photos[index].items())
        }
        by_id = body.get("sort") == [{"photo_id": "asc"}]
        hits: list[Json] = [
            {
                "_index": index,
                "_score": _SAME,
                "_source": photo,
                "sort": [photo_id] if by_id else [_SAME, photo_id],
            }
            for photo_id, (index, photo) in photos.items()
        ]
        answer = {
            "total": {"value": len(hits), "relation": "eq"},
            "hits": [] if "search_after" in body else hits,
        }
        facets: Json = {facet: {"buckets": []} for facet in body.get("aggs", {})}
        return Reply(200, {"hits": answer, "aggregations": facets})
