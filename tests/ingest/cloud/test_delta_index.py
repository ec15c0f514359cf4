"""What the writer asks of a server: one look at the index, and then the photos."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingest.cloud.delta_index import ServedIndex
from photo_search.errors import PhotoIndexError
from photo_search.index import create_index
from photo_search.index.url import OpenSearchUrl
from photo_search.settings import IndexAccess
from tests.core.index.samples import collection
from tests.core.index.stand_in_server import StandIn
from tests.infra.answering_domain import AnsweringDomain

PHOTOS = collection(3)
DIMENSION = len(PHOTOS[0].embedding)


@pytest.fixture
def domain() -> Iterator[StandIn]:
    with StandIn(AnsweringDomain()) as domain:
        yield domain


def make_index(domain: StandIn, fingerprint: str, *, dimension: int = DIMENSION) -> None:
    url = f"{domain.url}/photos"
    create_index(url, fingerprint=fingerprint, dimension=dimension).close()
    domain.requests.clear()


def write(domain: StandIn) -> dict[str, str]:
    place = OpenSearchUrl(domain.url, "photos")
    return ServedIndex(place, IndexAccess(), fingerprint="ours").write(PHOTOS, ["gone"], [1])


def asked(domain: StandIn) -> list[tuple[str, str]]:
    return [(request.method, request.path.rpartition("/")[2]) for request in domain.requests]


def test_a_batch_looks_at_the_index_once_and_makes_none(domain):
    make_index(domain, "ours")

    assert write(domain) == {}

    stored = [("POST", "_bulk"), ("POST", "_refresh")]
    assert asked(domain) == [("GET", "_mapping"), *stored, *stored]


@pytest.mark.parametrize("there", [[], ["another"]], ids=["no index", "another model's"])
def test_where_this_model_has_no_index_yet_the_photos_are_left_to_the_next_job(
    domain, caplog, there
):
    for fingerprint in there:
        make_index(domain, fingerprint)

    assert write(domain) == {}

    assert {method for method, _ in asked(domain)} == {"GET"}
    assert "the next ingest job fills the index of this model" in caplog.text


def test_an_index_of_another_dimension_than_the_models_is_refused_with_both(domain):
    make_index(domain, "ours", dimension=DIMENSION + 1)

    with pytest.raises(PhotoIndexError, match=rf"\({DIMENSION},\).* \({DIMENSION + 1},\)"):
        write(domain)
