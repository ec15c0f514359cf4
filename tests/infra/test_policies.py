"""The synthesised policies, evaluated: a table of requests, and those that our own code sends."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from ingest.cloud.delta_index import ServedIndex
from ingest.generations import roll_back
from ingest.load import Loader
from ingest.reindex import LoadOptions, load
from ingest.shards import ShardStore
from photo_search.index import Facet, HybridQuery, KnnQuery, TextQuery, create_index, open_index
from photo_search.index.opensearch_connection import OpenSearchConnection
from photo_search.index.url import OpenSearchUrl
from photo_search.settings import IndexAccess
from tests.core.index.samples import unit_rows
from tests.core.index.stand_in_server import StandIn
from tests.infra.answering_domain import AnsweringDomain
from tests.infra.deployed_policies import SECURE, DeployedPolicies
from tests.infra.policy_evaluator import Decision
from tests.infra.synthesis import synthesised
from tests.infra.template_values import ACCOUNT
from tests.ingest.shard_rows import DIMENSION, SPACE, row

pytestmark = pytest.mark.infra

ALLOWED, DENIED, NOT_ALLOWED = Decision.ALLOWED, Decision.DENIED, Decision.NOT_ALLOWED
DOMAIN = f"arn:aws:es:us-east-1:{ACCOUNT}:domain/photo-search"
OTHER_DOMAIN = f"arn:aws:es:us-east-1:{ACCOUNT}:domain/photo-search2"
INDEX = "photos-spacea-20260101000000-0a0a"
NOBODY = ""


@pytest.fixture(scope="module")
def deployed() -> DeployedPolicies:
    return DeployedPolicies(synthesised())


@pytest.fixture(scope="module")
def embedded() -> DeployedPolicies:
    return DeployedPolicies(synthesised("index=embedded"))


@pytest.fixture(scope="module")
def roles(deployed: DeployedPolicies) -> dict[str, str | None]:
    return {
        "search": deployed.search_role,
        "writer": deployed.writer_role,
        "job": deployed.job_role,
        NOBODY: None,
    }


@pytest.mark.parametrize(
    ("who", "verb", "path", "expected"),
    [
        ("search", "Post", "photos/_search", ALLOWED),
        ("search", "Post", "photos-spacea/_search", ALLOWED),
        ("search", "Get", "photos/_mapping", ALLOWED),
        ("search", "Get", "photos-spacea/_mapping", ALLOWED),
        ("search", "Post", f"{INDEX}-write/_bulk", NOT_ALLOWED),
        ("search", "Put", "photos/_doc/1", NOT_ALLOWED),
        ("search", "Post", "photos/_doc", NOT_ALLOWED),
        ("search", "Post", "photos/_update/1", NOT_ALLOWED),
        ("search", "Delete", "photos/_doc/1", NOT_ALLOWED),
        ("search", "Post", "photos/_delete_by_query", NOT_ALLOWED),
        ("search", "Delete", "photos", NOT_ALLOWED),
        ("search", "Put", "photos/_settings", NOT_ALLOWED),
        ("search", "Put", "photos/_mapping", NOT_ALLOWED),
        ("search", "Post", "_aliases", NOT_ALLOWED),
        ("search", "Post", "_bulk", NOT_ALLOWED),
        ("search", "Post", "_search", NOT_ALLOWED),
        ("search", "Post", "_msearch", NOT_ALLOWED),
        ("search", "Post", "photos/_msearch", NOT_ALLOWED),
        ("search", "Post", "letters/_search", NOT_ALLOWED),
        ("search", "Post", "photos2/_search", NOT_ALLOWED),
        ("search", "Post", "photos-x,letters/_search", DENIED),
        ("search", "Get", "_cluster/settings", NOT_ALLOWED),
        ("search", "Get", "", NOT_ALLOWED),
        ("writer", "Post", f"{INDEX}-write/_bulk", ALLOWED),
        ("writer", "Post", f"{INDEX}-write/_refresh", ALLOWED),
        ("writer", "Post", "photos-spacea/_search", ALLOWED),
        ("writer", "Post", "letters/_bulk", NOT_ALLOWED),
        ("writer", "Post", "photos2/_bulk", NOT_ALLOWED),
        ("writer", "Post", "_bulk", NOT_ALLOWED),
        ("writer", "Post", "photos-x,letters/_bulk", DENIED),
        ("writer", "Put", INDEX, NOT_ALLOWED),
        ("writer", "Delete", INDEX, NOT_ALLOWED),
        ("writer", "Post", "_aliases", NOT_ALLOWED),
        ("writer", "Post", f"{INDEX}/_delete_by_query", NOT_ALLOWED),
        ("job", "Put", INDEX, ALLOWED),
        ("job", "Delete", INDEX, ALLOWED),
        ("job", "Post", "_aliases", ALLOWED),
        ("job", "Get", "", ALLOWED),
        ("job", "Delete", "letters", NOT_ALLOWED),
        ("job", "Delete", "photos-x,letters", DENIED),
        ("job", "Delete", "_all", NOT_ALLOWED),
        ("job", "Put", "letters", NOT_ALLOWED),
        ("job", "Put", "_cluster/settings", NOT_ALLOWED),
        (NOBODY, "Post", "photos/_search", NOT_ALLOWED),
        (NOBODY, "Get", "", NOT_ALLOWED),
        (NOBODY, "Get", "photos/_mapping", NOT_ALLOWED),
        (NOBODY, "Delete", INDEX, NOT_ALLOWED),
    ],
)
def test_who_may_send_what_to_the_domain(deployed, roles, who, verb, path, expected):
    assert deployed.decide(roles[who], f"es:ESHttp{verb}", f"{DOMAIN}/{path}") == expected


@pytest.mark.parametrize("who", ["search", "writer", "job"])
@pytest.mark.parametrize(
    ("verb", "path"),
    [("Post", "photos/_search"), ("Post", f"{INDEX}-write/_bulk"), ("Delete", INDEX)],
)
def test_nobody_may_send_anything_to_another_domain(deployed, roles, who, verb, path):
    action, resource = f"es:ESHttp{verb}", f"{OTHER_DOMAIN}/{path}"

    assert deployed.decide(roles[who], action, resource) == NOT_ALLOWED


@pytest.mark.parametrize("who", ["search", "writer", "job", NOBODY])
@pytest.mark.parametrize(
    "action", ["es:UpdateDomainConfig", "es:DeleteDomain", "iam:PassRole", "s3:DeleteBucket"]
)
def test_nobody_may_change_what_is_provisioned(deployed, roles, who, action):
    assert deployed.decide(roles[who], action, DOMAIN) == NOT_ALLOWED


def bucket(deployed: DeployedPolicies, name: str) -> str:
    """ARN of the bucket that a variable of the writer names."""
    urls = deployed.writer_environment
    return f"arn:aws:s3:::{urls[name].removeprefix('s3://').partition('/')[0]}"


@pytest.mark.parametrize(
    ("who", "action", "url", "key", "expected"),
    [
        ("search", "s3:GetObject", "PHOTOS_URL", "a.jpg", ALLOWED),
        ("search", "s3:GetObject", "THUMBS_URL", "thumbs/p1.webp", ALLOWED),
        ("search", "s3:PutObject", "PHOTOS_URL", "a.jpg", NOT_ALLOWED),
        ("search", "s3:DeleteObject", "PHOTOS_URL", "a.jpg", NOT_ALLOWED),
        ("search", "s3:ListBucket", "PHOTOS_URL", None, NOT_ALLOWED),
        ("search", "s3:GetObject", "WORK_URL", "work/collection.json", NOT_ALLOWED),
        ("search", "s3:PutObject", "THUMBS_URL", "thumbs/p1.webp", NOT_ALLOWED),
        ("job", "s3:ListBucket", "PHOTOS_URL", None, ALLOWED),
        ("job", "s3:GetObject", "PHOTOS_URL", "2020/a.jpg", ALLOWED),
        ("job", "s3:PutObject", "PHOTOS_URL", "2020/a.jpg", NOT_ALLOWED),
        ("job", "s3:DeleteObject", "PHOTOS_URL", "2020/a.jpg", NOT_ALLOWED),
        ("job", "s3:DeleteObjectVersion", "PHOTOS_URL", "2020/a.jpg", NOT_ALLOWED),
        ("job", "s3:PutObject", "WORK_URL", "work/shards/x/000001.photos.parquet", ALLOWED),
        ("job", "s3:DeleteObject", "WORK_URL", "work/shards/x/000001.photos.parquet", ALLOWED),
        ("job", "s3:DeleteObjectVersion", "WORK_URL", "work/removed.json", NOT_ALLOWED),
        ("job", "s3:PutObject", "WORK_URL", "elsewhere/a", NOT_ALLOWED),
        ("job", "s3:PutObject", "THUMBS_URL", "thumbs/p1.webp", ALLOWED),
        ("job", "s3:PutObject", "THUMBS_URL", "index.html", NOT_ALLOWED),
        ("writer", "s3:GetObject", "PHOTOS_URL", "a.jpg", ALLOWED),
        ("writer", "s3:PutObject", "WORK_URL", "work/shards/x/000002.photos.parquet", ALLOWED),
        ("writer", "s3:PutObject", "PHOTOS_URL", "a.jpg", NOT_ALLOWED),
        ("writer", "s3:DeleteObject", "PHOTOS_URL", "a.jpg", NOT_ALLOWED),
        ("writer", "s3:PutBucketPolicy", "PHOTOS_URL", None, NOT_ALLOWED),
        (NOBODY, "s3:GetObject", "PHOTOS_URL", "a.jpg", NOT_ALLOWED),
        (NOBODY, "s3:GetObject", "THUMBS_URL", "thumbs/p1.webp", NOT_ALLOWED),
        (NOBODY, "s3:ListBucket", "PHOTOS_URL", None, NOT_ALLOWED),
    ],
)
def test_who_may_do_what_with_the_buckets(deployed, roles, who, action, url, key, expected):
    resource = bucket(deployed, url) + (f"/{key}" if key else "")

    assert deployed.decide(roles[who], action, resource) == expected


@pytest.mark.parametrize("context", [{"aws:SecureTransport": "false"}, {"s3:TlsVersion": "1.1"}])
def test_nobody_may_read_a_photo_without_tls_or_with_an_old_one(deployed, context):
    photo = f"{bucket(deployed, 'PHOTOS_URL')}/a.jpg"

    decision = deployed.decide(deployed.job_role, "s3:GetObject", photo, SECURE | context)

    assert decision == DENIED


@pytest.mark.parametrize(
    ("who", "action", "expected"),
    [
        ("search", "s3:GetObject", ALLOWED),
        ("search", "s3:PutObject", NOT_ALLOWED),
        ("search", "s3:DeleteObject", NOT_ALLOWED),
        ("job", "s3:PutObject", ALLOWED),
        ("job", "s3:DeleteObject", NOT_ALLOWED),
        ("writer", "s3:PutObject", ALLOWED),
        (NOBODY, "s3:GetObject", NOT_ALLOWED),
    ],
)
def test_who_may_do_what_with_the_embedded_index(embedded, who, action, expected):
    role = {
        "search": embedded.search_role,
        "writer": embedded.writer_role,
        "job": embedded.job_role,
        NOBODY: None,
    }[who]
    index = embedded.writer_environment["INDEX_URL"].removeprefix("s3://")

    assert embedded.decide(role, action, f"arn:aws:s3:::{index}") == expected
    if role is not None:
        elsewhere = f"arn:aws:s3:::{index}.other"
        assert embedded.decide(role, action, elsewhere) == NOT_ALLOWED


def test_only_the_rule_may_send_to_the_queue_and_only_the_writer_may_take_from_it(deployed):
    queue, rule = deployed.queue, deployed.photos_rule
    events = "events.amazonaws.com"
    from_rule, from_other = (SECURE | {"aws:SourceArn": arn} for arn in (rule, f"{rule}-other"))

    assert deployed.decide(events, "sqs:SendMessage", queue, from_rule) == ALLOWED
    assert deployed.decide(events, "sqs:SendMessage", queue, from_other) == NOT_ALLOWED
    assert deployed.decide(None, "sqs:SendMessage", queue) == NOT_ALLOWED
    assert deployed.decide(deployed.writer_role, "sqs:ReceiveMessage", queue) == ALLOWED
    assert deployed.decide(deployed.writer_role, "sqs:SendMessage", queue) == NOT_ALLOWED
    assert deployed.decide(deployed.search_role, "sqs:ReceiveMessage", queue) == NOT_ALLOWED
    assert deployed.decide(deployed.job_role, "sqs:PurgeQueue", queue) == NOT_ALLOWED


def test_what_starts_a_container_may_write_its_log_and_touch_no_photo(deployed):
    assert deployed.execution_roles
    for role in deployed.execution_roles:
        photo = f"{bucket(deployed, 'PHOTOS_URL')}/a.jpg"
        assert deployed.decide(role, "s3:GetObject", photo) == NOT_ALLOWED
        assert deployed.decide(role, "logs:PutLogEvents", deployed.job_log_group) == ALLOWED
        assert deployed.decide(role, "es:ESHttpPost", f"{DOMAIN}/photos/_search") == NOT_ALLOWED


# --- what our own code sends ---


@pytest.fixture
def domain() -> StandIn:
    return StandIn(AnsweringDomain())


def asked_for(domain: StandIn) -> list[tuple[str, str]]:
    """Verb, as IAM spells it, and path of every request so far."""
    return sorted({(one.method.capitalize(), one.path) for one in domain.requests})


def refused(
    deployed: DeployedPolicies, role: str, requests: list[tuple[str, str]]
) -> list[tuple[str, str]]:
    return [
        (verb, path)
        for verb, path in requests
        if deployed.decide(role, f"es:ESHttp{verb}", f"{DOMAIN}{path}") != ALLOWED
    ]


def store_of(directory: Path) -> ShardStore:
    store = ShardStore(directory / "shards" / SPACE.fingerprint, SPACE)
    store.add([row(f"p{number}", seed=number) for number in range(3)])
    return store


def make_index(url: str) -> None:
    with closing(create_index(url, fingerprint=SPACE.fingerprint, dimension=DIMENSION)):
        pass


def test_every_request_of_a_search_is_allowed_to_the_search_role(deployed, domain):
    with domain:
        url = f"{domain.url}/photos"
        make_index(url)
        domain.requests.clear()
        with closing(open_index(url, fingerprint=SPACE.fingerprint)) as index:
            embedding = unit_rows(1, DIMENSION)[0]  # (D,)
            index.knn(KnnQuery(embedding, k=5))
            index.knn(KnnQuery(embedding, k=5, exact=True, facets=tuple(Facet)))
            index.match_text(TextQuery("red balloon", k=5, facets=tuple(Facet)))
            index.hybrid(HybridQuery(embedding, "red balloon", k=5))
            index.hybrid(HybridQuery(embedding, "red balloon", k=5, facets=tuple(Facet)))
            index.get("p1")
            index.count()
        requests = asked_for(domain)

    assert len(requests) >= 2
    assert refused(deployed, deployed.search_role, requests) == []


def test_every_request_of_the_writer_is_allowed_to_its_role(deployed, domain, tmp_path):
    with domain:
        url = f"{domain.url}/photos"
        make_index(url)
        domain.requests.clear()
        store = store_of(tmp_path)
        with closing(
            create_index(url, fingerprint=SPACE.fingerprint, dimension=DIMENSION)
        ) as index:
            loader = Loader(store, index, marks=None, name=index.name)
            loader.catch_up()
            loader.store(store.add([row("p9", seed=9)]))
            loader.delete(["p1"])
        place = OpenSearchUrl(domain.url, "photos")
        delta = ServedIndex(place, IndexAccess(), fingerprint=SPACE.fingerprint)
        delta.write([row("p8", seed=8).embedded], ["p2"], [3])
        requests = asked_for(domain)

    assert any(path.endswith("/_bulk") for _, path in requests)
    assert refused(deployed, deployed.writer_role, requests) == []
    # And it shows that the table above is about something: a search's role could send none of it.
    writes = [(verb, path) for verb, path in requests if path.endswith(("_bulk", "_refresh"))]
    assert refused(deployed, deployed.search_role, writes) == writes


def test_every_request_of_the_job_is_allowed_to_its_role(deployed, domain, tmp_path):
    with domain:
        connection = OpenSearchConnection(domain.url, IndexAccess())
        store = store_of(tmp_path)
        make_index(f"{domain.url}/photos")
        # The last needs faiss, which is asked for, and caches that are warmed up.
        for profile in ("float", "byte4x", "disk32x"):
            load(store.directory, connection, "photos", LoadOptions(profile=profile, quiet=True))
        roll_back(connection, "photos")
        connection.close()
        requests = asked_for(domain)

    verbs = {verb for verb, _ in requests}
    assert verbs == {"Get", "Post", "Put", "Delete"}
    assert any("_knn/warmup" in path for _, path in requests)
    # Whether a node lacks faiss is asked of servers of our own; a refusal is an answer as well.
    assert refused(deployed, deployed.job_role, requests) == [("Get", "/_nodes")]
