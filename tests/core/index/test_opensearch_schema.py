"""What our indexes look like on each version, and what embeddings take in memory."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from local.opensearch_server.node import running_node
from local.opensearch_server.releases import RELEASES
from photo_search.errors import IndexCorrupt, PhotoIndexError
from photo_search.index import opensearch_query as q
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_errors import RefusedRequest
from photo_search.index.opensearch_schema import (
    IndexFacts,
    embedding_field,
    facts_from_mapping,
    index_body,
    loaded_settings,
    loading_settings,
    memory_bytes,
    needs_faiss,
    profile_names,
)
from photo_search.index.protocol import HybridQuery, KnnQuery, TextQuery
from photo_search.settings import IndexAccess
from tests.conftest import REPOSITORY
from tests.core.index.conftest import opensearch_index
from tests.core.index.golden.make_opensearch_mappings import GOLDEN, facts, mappings_of
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection, unit_rows

MAPPINGS: dict[str, dict[str, dict[str, Any]]] = json.loads(GOLDEN.read_text("utf-8"))
PROFILES = ("float", "byte4x", "fp16", "disk32x")
each_version = pytest.mark.parametrize("version", RELEASES)
each_profile = pytest.mark.parametrize("profile", PROFILES)


def as_kept(mapping: dict[str, Any]) -> dict[str, Any]:
    """A mapping as a server tells it back: it says the space once more, in the method."""
    kept: dict[str, Any] = json.loads(json.dumps(mapping))
    embedding = kept["properties"]["embedding"]
    embedding["method"]["space_type"] = embedding["space_type"]
    return kept


def test_there_is_a_golden_mapping_for_each_version_and_profile() -> None:
    assert list(MAPPINGS) == list(RELEASES)
    assert all(set(found) == set(PROFILES) for found in MAPPINGS.values())
    assert profile_names() == PROFILES


@each_version
@each_profile
def test_the_mapping_is_what_a_real_server_made_an_index_of(version: str, profile: str) -> None:
    body = index_body(facts(profile), server=version)

    assert as_kept(body["mappings"]) == MAPPINGS[version][profile]


@pytest.mark.opensearch
def test_the_server_makes_all_four_indexes_as_in_the_golden_file(opensearch_url: str) -> None:
    assert mappings_of(opensearch_url) == MAPPINGS["3.5.0"]


@pytest.mark.slow
@pytest.mark.opensearch
@pytest.mark.parametrize("version", [version for version in RELEASES if version != "3.5.0"])
def test_other_versions_make_all_four_indexes_as_in_the_golden_file(version: str) -> None:
    with running_node(version=version) as node:
        assert mappings_of(node.url) == MAPPINGS[version]


@pytest.mark.parametrize(
    ("version", "parameters"),
    [
        ("2.13.0", {"type": "fp16"}),
        ("3.5.9", {"type": "fp16"}),
        ("3.6.0", {"bits": 16}),
        ("3.10.0-SNAPSHOT", {"bits": 16}),
    ],
)
def test_faiss_float16_is_asked_for_in_the_words_of_the_version(version: str, parameters) -> None:
    field = embedding_field("fp16", server=version)

    assert field["method"]["parameters"]["encoder"] == {"name": "sq", "parameters": parameters}


@pytest.mark.parametrize(
    ("profile", "version", "since"),
    [("float", "2.12.0", "2.13"), ("byte4x", "2.18.0", "2.19"), ("disk32x", "2.16.0", "2.17")],
)
def test_a_server_too_old_for_a_profile_is_named(profile: str, version: str, since: str) -> None:
    with pytest.raises(PhotoIndexError, match=f"{profile} needs OpenSearch {since}.*{version}"):
        embedding_field(profile, server=version)


def test_an_unknown_profile_is_refused_with_those_there_are() -> None:
    with pytest.raises(PhotoIndexError, match="'pq'; there are float, byte4x, fp16, disk32x"):
        embedding_field("pq", server="3.5.0")


@each_profile
def test_facts_are_read_back_from_a_mapping(profile: str) -> None:
    said = IndexFacts("space", 512, profile, filled_to=7, is_ready=False)

    body = index_body(said, server="3.5.0")

    assert facts_from_mapping(body["mappings"], index="i") == said


@pytest.mark.parametrize(
    "mapping", [{}, {"_meta": {}}, {"_meta": {"photo_search": {"dimension": 3}}}]
)
def test_a_mapping_without_facts_is_of_another_program(mapping) -> None:
    with pytest.raises(IndexCorrupt, match="i is no photo index"):
        facts_from_mapping(mapping, index="i")


@each_profile
def test_settings_for_loading_are_all_undone(profile: str) -> None:
    undone = {*loaded_settings(profile), "index.number_of_replicas"}  # by auto_expand_replicas

    assert set(loading_settings(profile)) == undone
    assert ("index.knn.advanced.approximate_threshold" in undone) == needs_faiss(profile)


# --- memory

PHOTOS = {"25k": 25_000, "1M": 1_000_000, "10M": 10_000_000, "100M": 100_000_000}


@pytest.mark.parametrize(
    ("profile", "each_bytes"),
    # reference/opensearch.md, "Memory per vector", d = 512, m = 16; OpenSearch's documentation of
    # k-NN memory has the formulas.
    [("float", 2394), ("fp16", 1267), ("byte4x", 704), ("disk32x", 211)],
)
def test_memory_follows_the_published_formula(profile: str, each_bytes: int) -> None:
    assert round(memory_bytes(profile, photos=1000, dimension=512) / 1000) == each_bytes
    assert memory_bytes(profile, photos=2000, dimension=512) == pytest.approx(
        2 * memory_bytes(profile, photos=1000, dimension=512)
    )


def readable(size_bytes: int) -> str:
    for unit in ("kB", "MB"):
        size_bytes_of_unit = {"kB": 1e3, "MB": 1e6}[unit]
        if size_bytes < 1000 * size_bytes_of_unit:
            return f"{size_bytes / size_bytes_of_unit:.3g} {unit}"
    return f"{size_bytes / 1e9:.3g} GB"


def memory_table() -> list[str]:
    rows = [["profile", *PHOTOS], ["---"] * (1 + len(PHOTOS))]
    rows += [
        [f"`{profile}`"]
        + [readable(memory_bytes(profile, photos=n, dimension=512)) for n in PHOTOS.values()]
        for profile in PROFILES
    ]
    return [f"| {' | '.join(row)} |" for row in rows]


def test_the_table_in_the_documentation_is_the_formulas() -> None:
    lines = (REPOSITORY / "docs/opensearch.md").read_text("utf-8").splitlines()
    start = lines.index(memory_table()[0])

    assert lines[start : start + 2 + len(PROFILES)] == memory_table()


@each_profile
def test_the_documentation_tells_which_profiles_need_faiss(profile: str) -> None:
    lines = (REPOSITORY / "docs/opensearch.md").read_text("utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith(f"| `{profile}` |") and "HNSW" in line]

    assert ("faiss" in row) == needs_faiss(profile)


# --- on the real server


@pytest.mark.opensearch
def test_facts_are_readable_through_every_alias(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url, profile="byte4x") as index:
        alias = index.index.name.split("-")[0]
        connection = OpenSearchConnection(opensearch_url, IndexAccess())
        catalogue = Catalogue(connection, alias)
        with closing(connection):
            for name in (alias, catalogue.space_alias(FINGERPRINT), index.index.write_alias):
                assert catalogue.facts(name) == IndexFacts(FINGERPRINT, DIMENSION, "byte4x")


@pytest.mark.opensearch
def test_a_field_that_the_schema_does_not_have_is_refused(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        connection = OpenSearchConnection(opensearch_url, IndexAccess())

        with closing(connection), pytest.raises(RefusedRequest) as raised:
            connection.request("POST", index.index.name, "_doc", body={"title": "x"})

        assert raised.value.kind == "strict_dynamic_mapping_exception"
        assert index.count() == 0


@pytest.mark.opensearch
@pytest.mark.parametrize("profile", ["float", "byte4x"])
def test_answers_of_searches_hold_no_embedding(opensearch_url: str, profile: str) -> None:
    row = unit_rows(1)[0]
    hybrid = HybridQuery(row, "picture", k=5)
    with opensearch_index(opensearch_url, profile=profile) as index:
        index.upsert(collection(20))
        connection = OpenSearchConnection(opensearch_url, IndexAccess())
        with closing(connection):
            for body in (
                q.knn_body(KnnQuery(row, k=5), rescores=profile == "byte4x"),
                q.knn_body(KnnQuery(row, k=5, exact=True), rescores=False),
                q.text_body(TextQuery("picture", k=5)),
                q.photos_body(["p00001", "p00002"]),
                q.knn_ranks_body(hybrid, rescores=False),
                q.text_ranks_body(hybrid),
                q.ids_body(None, 5),
            ):
                hits = connection.search(index.index.name, body)["hits"]["hits"]
                assert hits
                assert all("embedding" not in hit.get("_source", {}) for hit in hits)
            (only,) = connection.search(index.index.name, q.photo_body("p00001"))["hits"]["hits"]
            assert len(only["_source"]["embedding"]) == DIMENSION
