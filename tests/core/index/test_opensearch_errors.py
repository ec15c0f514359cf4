"""Each thing that can be wrong with a server or an index: one error, and what to do about it."""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import trustme

from photo_search.errors import (
    FingerprintMismatch,
    IndexAccessDenied,
    IndexCorrupt,
    IndexNotFound,
    IndexReadOnly,
    IndexUnavailable,
    PhotoIndexError,
)
from photo_search.index.opensearch import OpenSearchIndex
from photo_search.index.opensearch_catalogue import Catalogue
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.opensearch_schema import schema_version
from photo_search.index.protocol import TextQuery
from photo_search.index.url import open_index
from photo_search.settings import IndexAccess
from tests.core.index.conftest import opensearch_index
from tests.core.index.samples import DIMENSION, FINGERPRINT, collection, ids
from tests.core.index.stand_in_server import (
    FACTS,
    Reply,
    StandIn,
    error_reply,
    hits_reply,
    with_index,
)

TEXT = TextQuery("cat", k=5)
PASSWORD = "pässword-that-nobody-may-see"
BASIC = IndexAccess("basic", "reader", PASSWORD)


def opened(url: str, access: IndexAccess | None = None) -> OpenSearchIndex:
    connection = OpenSearchConnection(
        url, access or IndexAccess("none"), patience_s=0.5, sleep=lambda _: None
    )
    return OpenSearchIndex.open(connection, "photos", fingerprint=FINGERPRINT)


def index_made_by_hand(url: str, name: str, body: dict[str, Any]) -> OpenSearchConnection:
    connection = OpenSearchConnection(url, IndexAccess())
    connection.request("PUT", name, "", body=body)
    return connection


# --- the way to the server


@pytest.mark.parametrize("status", [401, 403])
def test_wrong_credentials_name_the_settings_to_check(status: int) -> None:
    with (
        StandIn(lambda _: Reply(status, {"error": "no permissions for [indices:data/read]"})) as s,
        pytest.raises(IndexAccessDenied, match=f"status {status}.*no permissions.*INDEX_AUTH"),
    ):
        opened(s.url, BASIC)


@pytest.mark.parametrize("status", [401, 403])
def test_credentials_that_do_not_allow_a_search_or_a_write_say_so(status: int) -> None:
    with StandIn(with_index(lambda _: error_reply(status, "security_exception"))) as s:
        index = opened(s.url, BASIC)
        writing = OpenSearchIndex.create(
            OpenSearchConnection(s.url, BASIC),
            "photos",
            fingerprint=FINGERPRINT,
            dimension=DIMENSION,
        )
        with closing(index), closing(writing):
            with pytest.raises(IndexAccessDenied, match="credentials"):
                index.match_text(TEXT)
            with pytest.raises(IndexAccessDenied, match="credentials"):
                writing.upsert(collection(1))


def test_an_unknown_host_is_named() -> None:
    with pytest.raises(IndexUnavailable, match=r"search\.invalid:9200 is unknown; check INDEX_URL"):
        opened("http://search.invalid:9200")


def test_a_port_where_nothing_listens_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

    with pytest.raises(
        IndexUnavailable, match=rf"127\.0\.0\.1:{port} cannot be reached.*INDEX_URL"
    ):
        opened(f"http://127.0.0.1:{port}")


def test_a_server_of_something_else_is_no_opensearch() -> None:
    with (
        StandIn(lambda _: Reply(200, {"status": "ok"})) as s,
        closing(OpenSearchConnection(s.url, IndexAccess("none"))) as connection,
        pytest.raises(PhotoIndexError, match=f"{s.url} tells no version.*check INDEX_URL"),
    ):
        connection.version()


def test_an_alias_without_an_index_says_what_to_check() -> None:
    gone = error_reply(404, "index_not_found_exception", "no such index [photos]")

    with (
        StandIn(lambda _: gone) as s,
        pytest.raises(IndexNotFound, match=f"no index photos at {s.url}; check INDEX_URL"),
    ):
        opened(s.url)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def tls_of(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def test_a_certificate_of_an_unknown_authority_asks_for_its_file(authority: trustme.CA) -> None:
    with (
        StandIn(with_index(lambda _: hits_reply()), tls=tls_of(authority)) as s,
        pytest.raises(IndexAccessDenied, match=r"not trusted.*INDEX_CA_FILE"),
    ):
        opened(s.url, BASIC)
    assert s.requests == []


def test_a_certificate_of_the_named_authority_is_trusted(
    authority: trustme.CA, tmp_path: Path
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    access = replace(BASIC, ca_file=tmp_path / "ca.pem")

    with StandIn(with_index(lambda _: hits_reply("a")), tls=tls_of(authority)) as s:
        index = opened(s.url, access)
        with closing(index):
            assert ids(index.match_text(TEXT)) == ["a"]


def test_a_certificate_of_another_host_is_refused(authority: trustme.CA, tmp_path: Path) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    access = replace(BASIC, ca_file=tmp_path / "ca.pem")

    with (
        StandIn(with_index(lambda _: hits_reply()), tls=tls_of(authority, "other.example")) as s,
        pytest.raises(IndexAccessDenied, match="host's name"),
    ):
        opened(s.url, access)


# --- the index


@pytest.mark.opensearch
def test_a_missing_index_is_named(opensearch_url: str) -> None:
    with pytest.raises(IndexNotFound, match=f"no index nothing-here at {opensearch_url}"):
        open_index(f"{opensearch_url}/nothing-here", fingerprint=FINGERPRINT)


@pytest.mark.opensearch
def test_an_index_of_another_model_names_both(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        alias = index.index.name.split("-")[0]

        with pytest.raises(FingerprintMismatch, match=f"of {FINGERPRINT}, the model is space-b"):
            open_index(f"{opensearch_url}/{alias}", fingerprint="space-b")


@pytest.mark.opensearch
def test_an_index_of_another_schema_says_to_load_anew(opensearch_url: str) -> None:
    other = replace(FACTS, schema_version=schema_version() + 1)
    body = {"mappings": {"_meta": {"photo_search": asdict(other)}}}
    connection = index_made_by_hand(opensearch_url, "test-other-schema", body)
    try:
        with pytest.raises(PhotoIndexError, match="schema version 2, this program knows 1: load"):
            open_index(f"{opensearch_url}/test-other-schema", fingerprint=FINGERPRINT)
    finally:
        connection.request("DELETE", "test-other-schema", "")
        connection.close()


@pytest.mark.opensearch
@pytest.mark.parametrize(
    "meta", [{}, {"_meta": {"photo_search": {"fingerprint": "x"}}}, {"_meta": {"photo_search": 1}}]
)
def test_an_index_of_another_program_is_none_of_ours(opensearch_url: str, meta) -> None:
    connection = index_made_by_hand(opensearch_url, "test-foreign", {"mappings": meta})
    try:
        with pytest.raises(IndexCorrupt, match="test-foreign is no photo index"):
            open_index(f"{opensearch_url}/test-foreign", fingerprint=FINGERPRINT)
    finally:
        connection.request("DELETE", "test-foreign", "")
        connection.close()


@pytest.mark.opensearch
def test_an_alias_that_leads_to_two_indexes_names_them(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as first, opensearch_index(opensearch_url) as second:
        alias = first.index.name.rsplit("-", 2)[0]
        connection = OpenSearchConnection(opensearch_url, IndexAccess())
        add = {"add": {"index": second.index.name, "alias": alias}}
        connection.request("POST", "", "_aliases", body={"actions": [add]})
        names = ", ".join(sorted([first.index.name, second.index.name]))

        with closing(connection), pytest.raises(PhotoIndexError, match=f"2 indexes .{names}."):
            open_index(f"{opensearch_url}/{alias.split('-')[0]}", fingerprint=FINGERPRINT)


@pytest.mark.opensearch
def test_an_index_opened_for_reading_takes_no_writes(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        alias = index.index.name.split("-")[0]
        reader = open_index(f"{opensearch_url}/{alias}", fingerprint=FINGERPRINT)
        with closing(reader):
            for write in (lambda: reader.upsert(collection(1)), lambda: reader.delete(["p00000"])):
                with pytest.raises(IndexReadOnly, match="opened for reading"):
                    write()
        assert index.count() == 0


@pytest.mark.opensearch
def test_a_full_disk_is_told_with_what_to_do(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        index.upsert(collection(3))
        catalogue = Catalogue(OpenSearchConnection(opensearch_url, IndexAccess()), "unused")
        # What a server does to an index when its disk passes the flood-stage watermark.
        catalogue.change_settings(index.index, {"index.blocks.read_only_allow_delete": True})

        with pytest.raises(IndexReadOnly, match=r"disk space.*flood-stage"):
            index.upsert(collection(5))

        assert index.count() == 3
        catalogue.change_settings(index.index, {"index.blocks.read_only_allow_delete": None})
        index.upsert(collection(5))
        assert index.count() == 5


@pytest.mark.opensearch
def test_a_write_to_an_index_that_was_dropped_makes_none(opensearch_url: str) -> None:
    with opensearch_index(opensearch_url) as index:
        connection = OpenSearchConnection(opensearch_url, IndexAccess())
        Catalogue(connection, "unused").drop(index.index)

        with pytest.raises(IndexNotFound, match=index.index.name):
            index.upsert(collection(3))
        with pytest.raises(IndexNotFound, match=index.index.name):
            index.delete(["p00000"])

        left = connection.request("GET", f"{index.index.name}*", "")
        connection.close()
        assert left == {}


# --- secrets


def searched_and_written(url: str) -> list[str]:
    """Everything that is said of a server that refuses everything."""
    said = []
    calls: list[Callable[[], object]] = [
        lambda: opened(url, BASIC),
        lambda: OpenSearchConnection(url, BASIC).search("photos", {"query": {"match_all": {}}}),
        lambda: OpenSearchConnection(url, BASIC).request("POST", "photos", "_bulk", body=b"{}\n"),
    ]
    for call in calls:
        with pytest.raises(PhotoIndexError) as raised:
            call()
        error: BaseException | None = raised.value
        while error is not None:
            said += [str(error), repr(error)]
            error = error.__cause__ or error.__context__
    return said


@pytest.mark.parametrize("status", [401, 403, 400, 503])
def test_no_password_is_in_a_message_a_repr_or_a_log(
    status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="opensearch")
    caplog.set_level(logging.DEBUG, logger="urllib3")

    with StandIn(lambda _: error_reply(status)) as s:
        said = searched_and_written(s.url)
        connection = OpenSearchConnection(s.url, BASIC)
        said += [repr(BASIC), repr(connection), repr(vars(connection))]
        token = s.requests[0].headers["authorization"].split()[1]

    assert token
    logged = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records]
    assert any(record.name == "opensearch" for record in caplog.records)
    for text in [*said, *logged]:
        assert PASSWORD not in text
        assert PASSWORD.encode().decode("latin-1") not in text
        assert token not in text
        assert "basic " not in text.lower()
