"""What an OpenSearch index looks like; the facts lie in opensearch_schema.json, one file for all.

Profiles say how embeddings are kept, and are chosen by name:

- ``float``: Lucene HNSW over float32;
- ``byte4x``: Lucene HNSW over 7-bit codes, candidates scored again with the float32 on the disk;
- ``fp16``: faiss HNSW over float16;
- ``disk32x``: faiss HNSW over 1-bit codes, candidates scored again with what lies on the disk.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from typing import Any

from photo_search.errors import IndexCorrupt, PhotoIndexError

Json = dict[str, Any]
Version = tuple[int, ...]

DEFAULT_PROFILE = "float"
_META_MEMBER = "photo_search"
_M = 16
# 1.1 * (bytes of the codes + 8 m): OpenSearch's documentation, "Memory estimation" of k-NN methods.
_OVERHEAD, _LINK_BYTES = 1.1, 8


@dataclass(frozen=True, slots=True)
class IndexFacts:
    """What an index says of itself, in its mapping's ``_meta``.

    Attributes:
        fingerprint: Embedding space.
        dimension: D.
        profile: How embeddings are kept.
        schema_version: Of the fields; this program's where it is left out.
        filled_to: Number of a shard: photos that are present are no older than it. Those that are
            not present may be of any.
        is_ready: False while a load has not come to its end.
    """

    fingerprint: str
    dimension: int
    profile: str = DEFAULT_PROFILE
    schema_version: int = field(default_factory=lambda: schema_version())
    filled_to: int = 0
    is_ready: bool = True


def schema_version() -> int:
    """Version of the fields that this program writes and reads."""
    return int(_schema()["schema_version"])


def profile_names() -> tuple[str, ...]:
    """Every profile there is."""
    return tuple(_schema()["profiles"])


def needs_faiss(profile: str) -> bool:
    """Whether a profile needs faiss's native libraries, which the Maven artifacts lack."""
    return bool(_profile(profile)["needs_faiss"])


def rescores(profile: str) -> bool:
    """Whether a query must ask for the candidates' scores by full precision."""
    return bool(_profile(profile)["rescore"])


def memory_bytes(profile: str, *, photos: int, dimension: int) -> int:
    """Memory that codes and graph take when they are to be searched quickly, of one copy."""
    codes = float(_profile(profile)["bytes_per_dimension"]) * dimension
    return round(_OVERHEAD * (codes + _LINK_BYTES * _M) * photos)


def index_body(facts: IndexFacts, *, server: str) -> Json:
    """Settings and mapping to create an index with.

    Args:
        facts: What the index will say of itself.
        server: Version of the server, such as ``3.5.0``; the mapping differs.

    Raises:
        PhotoIndexError: There is no such profile, or the server is too old for it.
    """
    schema = _schema()
    properties = schema["mappings"]["properties"]
    embedding = {
        "type": "knn_vector",
        "dimension": facts.dimension,
        **embedding_field(facts.profile, server=server),
    }
    return {
        "settings": schema["settings"],
        "mappings": {
            **schema["mappings"],
            **meta_body(facts),
            "properties": {**properties, "embedding": embedding},
        },
    }


def loading_settings(profile: str) -> Json:
    """Settings that make filling an index fast: no refresh, no copies, for faiss no graph."""
    return {**_schema()["while_loading"], **_profile(profile).get("while_loading", {})}


def loaded_settings(profile: str) -> Json:
    """Settings that undo ``loading_settings``; before the merge that builds the graph for good."""
    return {**_schema()["when_loaded"], **_profile(profile).get("when_loaded", {})}


def embedding_field(profile: str, *, server: str) -> Json:
    """The part of the embedding's mapping that the profile and the server's version decide.

    Raises:
        PhotoIndexError: There is no such profile, or the server is too old for it.
    """
    variants = _profile(profile)["embedding"]
    fitting = [v for v in variants if _version(v["since"]) <= _version(server)]
    if not fitting:
        msg = f"profile {profile} needs OpenSearch {variants[0]['since']} or newer, not {server}"
        raise PhotoIndexError(msg)
    field: Json = max(fitting, key=lambda variant: _version(variant["since"]))["field"]
    return field


def meta_body(facts: IndexFacts) -> Json:
    """The mapping's member that carries the facts."""
    return {"_meta": {_META_MEMBER: asdict(facts)}}


def facts_from_mapping(mapping: Json, *, index: str) -> IndexFacts:
    """Read the facts back.

    Raises:
        IndexCorrupt: The index is none of ours.
    """
    known = {field.name for field in fields(IndexFacts)}
    try:
        said = mapping["_meta"][_META_MEMBER]
        return IndexFacts(**{name: value for name, value in said.items() if name in known})
    except (KeyError, TypeError, AttributeError) as error:
        msg = (
            f"{index} is no photo index (its mapping's _meta has no {_META_MEMBER}); "
            "check the alias in INDEX_URL"
        )
        raise IndexCorrupt(msg) from error


def check_schema_version(facts: IndexFacts, *, index: str) -> None:
    """Refuse an index with other fields than this program's.

    Raises:
        PhotoIndexError: It has another schema version.
    """
    wanted = schema_version()
    if facts.schema_version != wanted:
        msg = (
            f"{index} has schema version {facts.schema_version}, this program knows {wanted}: "
            "load the shards anew"
        )
        raise PhotoIndexError(msg)


def _profile(name: str) -> Json:
    profiles: dict[str, Json] = _schema()["profiles"]
    if name not in profiles:
        msg = f"there is no profile {name!r}; there are {', '.join(profiles)}"
        raise PhotoIndexError(msg)
    return profiles[name]


@cache
def _schema() -> Json:
    text = files(__package__).joinpath("opensearch_schema.json").read_text("utf-8")
    schema: Json = json.loads(text)
    return schema


def _version(text: str) -> Version:
    return tuple(int(part) for part in text.split("-")[0].split("."))
