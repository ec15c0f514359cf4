from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import botocore.auth
import pytest
import requests
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st
from opensearchpy import OpenSearch, RequestsHttpConnection

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.index.opensearch_auth import request_auth
from photo_search.settings import AwsEnvironment, IndexAccess
from tests.conftest import REPOSITORY
from tests.core.credentials_endpoint import credentials_answer, in_turn, leading_to
from tests.core.index.request_recorder import RecordedRequest, RequestRecorder
from tests.core.raw_server import RawServer, resets

DOMAIN = "https://search-photos-abc123.eu-central-1.es.amazonaws.com"
REGION = "eu-central-1"
KEY = AwsEnvironment("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
SESSION_KEY = AwsEnvironment("ASIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG", "session/token+==")
SIGV4 = IndexAccess("sigv4", region=REGION)
BASIC = IndexAccess("basic", "reader", "p:ä€")


def source(environment: AwsEnvironment) -> AwsCredentialSource:
    return AwsCredentialSource(read=lambda: environment)


def sign(
    environment: AwsEnvironment,
    method: str,
    url: str,
    *,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> requests.PreparedRequest:
    auth = request_auth(SIGV4, url, credentials=source(environment))
    return requests.Request(method, url, headers=headers, data=body, auth=auth).prepare()


def botocore_authorization(
    environment: AwsEnvironment, method: str, url: str, headers: dict[str, str], body: bytes
) -> str:
    """What botocore's own signer says of a request, at the time and for the headers it has."""
    at = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    signed = {
        name: value
        for name, value in headers.items()
        if name.lower() in ("host", "content-type") or name.lower().startswith("x-amz-")
    }
    request = AWSRequest(method, url, headers=signed, data=body)
    credentials = Credentials(
        environment.access_key, environment.secret_key, environment.session_token or None
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.auth, "get_current_datetime", lambda: at)
        botocore.auth.SigV4Auth(credentials, "es", REGION).add_auth(request)
    return str(request.headers["Authorization"])


def authorization_of(environment: AwsEnvironment, request: RecordedRequest) -> str:
    url = f"http://{request.headers['host']}{request.target}"
    return botocore_authorization(environment, request.method, url, request.headers, request.body)


def prepared_agrees(environment: AwsEnvironment, request: requests.PreparedRequest) -> bool:
    expected = botocore_authorization(
        environment,
        str(request.method),
        str(request.url),
        dict(request.headers),
        request.body if isinstance(request.body, bytes) else b"",
    )
    return request.headers["Authorization"] == expected


@pytest.fixture
def recorder() -> Iterator[RequestRecorder]:
    with RequestRecorder() as server:
        yield server


def client_of(
    server: RequestRecorder, environment: AwsEnvironment, *, http_compress: bool = False
) -> OpenSearch:
    url = f"http://127.0.0.1:{server.port}"
    return OpenSearch(
        url,
        http_auth=request_auth(SIGV4, url, credentials=source(environment)),
        connection_class=RequestsHttpConnection,
        http_compress=http_compress,
    )


# --- which auth ---


@pytest.mark.parametrize(
    "host",
    [
        "search-photos-abc.eu-central-1.es.amazonaws.com",
        "vpc-photos-abc.eu-central-1.es.amazonaws.com",
        "SEARCH-photos-abc.EU-Central-1.es.amazonaws.com",
        "search-photos-abc.eu-central-1.es.amazonaws.com.",
        "search-photos-abc.aos.eu-central-1.on.aws",
    ],
)
def test_a_domain_is_signed_for_in_the_region_of_its_name(host):
    elsewhere = IndexAccess(region="us-east-1")

    auth = request_auth(elsewhere, f"https://{host}/photos", credentials=source(KEY))

    request = requests.Request("GET", f"https://{host}/photos/_count", auth=auth).prepare()
    assert f"/{REGION}/es/aws4_request" in request.headers["Authorization"]


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "photos.example",
        "search-x.eu-central-1.es.amazonaws.com.example",
        "es.amazonaws.com.example",
        "x.eu-central-1.on.aws",
        "notes.amazonaws.com",
    ],
)
def test_any_other_host_is_sent_no_credentials(host):
    assert request_auth(IndexAccess(region=REGION), f"https://{host}/photos") is None


def test_none_is_none_even_for_a_domain():
    assert request_auth(IndexAccess("none"), DOMAIN) is None


def test_sigv4_for_a_name_of_ones_own_takes_the_region_of_the_settings():
    auth = request_auth(SIGV4, "https://photos.example", credentials=source(KEY))

    request = requests.Request("GET", "https://photos.example/photos", auth=auth).prepare()
    assert f"/{REGION}/es/aws4_request" in request.headers["Authorization"]


@pytest.mark.parametrize("region", ["", "eu central 1", "Frankfurt", "eu-central-1\nx"])
@pytest.mark.parametrize("host", ["photos.example", "search-x.es.amazonaws.com"])
def test_sigv4_without_a_region_is_a_settings_error(host, region):
    with pytest.raises(SettingsError, match="AWS_REGION"):
        request_auth(IndexAccess("sigv4", region=region), f"https://{host}")


@pytest.mark.parametrize("access", [BASIC, SIGV4], ids=["basic", "sigv4"])
@pytest.mark.parametrize(
    "url", ["http://photos.example:9200", "http://192.0.2.1", "http://localhost.example"]
)
def test_credentials_do_not_cross_a_network_in_clear_text(access, url):
    with pytest.raises(SettingsError, match="clear text") as refusal:
        request_auth(access, url)

    assert BASIC.password not in str(refusal.value)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_credentials_may_go_to_this_machine_without_tls(host):
    assert request_auth(BASIC, f"http://{host}:9200/photos") is not None
    assert request_auth(SIGV4, f"http://{host}:9200/photos") is not None


def test_basic_sends_user_and_password_as_utf_8(recorder):
    url = f"http://127.0.0.1:{recorder.port}"

    requests.get(f"{url}/photos", auth=request_auth(BASIC, url), timeout=10)

    scheme, _, encoded = recorder.requests[0].headers["authorization"].partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(encoded).decode() == f"{BASIC.user}:{BASIC.password}"


# --- the signature is botocore's ---

JSON_BODY = json.dumps({"query": {"match": {"description": "Köln, 夜"}}}).encode()
NDJSON_BODY = '{"index":{"_id":"a/b"}}\n{"description":"夜"}\n'.encode()


@pytest.mark.parametrize("environment", [KEY, SESSION_KEY], ids=["key", "session"])
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD"])
@pytest.mark.parametrize("body", [None, b"", JSON_BODY, NDJSON_BODY], ids=str)
def test_the_signature_is_botocores(environment, method, body):
    headers = {"Content-Type": "application/x-ndjson; charset=utf-8", "X-Opaque-Id": "1"}

    request = sign(environment, method, f"{DOMAIN}/photos/_bulk", body=body, headers=headers)

    assert prepared_agrees(environment, request)
    assert request.headers["x-amz-content-sha256"] == sha256(body or b"").hexdigest()
    assert request.headers.get("x-amz-security-token", "") == environment.session_token
    signed = request.headers["Authorization"].partition("SignedHeaders=")[2].split(",")[0]
    assert {"host", "content-type", "x-amz-content-sha256", "x-amz-date"} <= set(signed.split(";"))
    assert ("x-amz-security-token" in signed) == bool(environment.session_token)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "",
        "/photos/_doc/plain-1_2.3~",
        "/photos/_doc/a%2Fb",
        "/photos/_doc/a%252Fb",
        "/photos/_doc/a b",
        "/photos/_doc/a%20b+c",
        "/photos/_doc/Köln-夜",
        "/photos/_doc/%C3%BC",
        "/photos/_doc/a%2fb",
        "/photos/_doc/a;b=1,c",
        "/photos/_doc/a%3Bb",
        "/photos/_doc/(a)!'$&@:*=",
        "/photos/_doc/%23%3F%25",
        "/photos,old/_search",
        "/photos*/_settings/",
        "//photos//_doc",
        "/a/../b/./c",
        "/<photos-%7Bnow%2Fd%7D>",
    ],
)
def test_the_signature_is_botocores_for_every_path(path):
    assert prepared_agrees(KEY, sign(KEY, "GET", f"{DOMAIN}{path}"))


@pytest.mark.parametrize(
    "query",
    [
        "pretty",
        "pretty=",
        "a=2&a=1&a=",
        "b=1&a=2&A=3&a-b=4&ab=5",
        "filter_path=hits.hits._id,took,-_shards",
        "q=a+b%20c%2Bd",
        "q=Köln&q=%E5%A4%9C",
        "q=a;b&c=d=e",
        "routing=a/b:c@d?e",
        "q=%7B%22a%22%3A1%7D~-_.*'()",
        "q=%2f%c3%bc",
        "a=1&&b=2",
        "q=1#fragment",
    ],
)
def test_the_signature_is_botocores_for_every_query(query):
    request = sign(SESSION_KEY, "POST", f"{DOMAIN}/photos/_search?{query}", body=JSON_BODY)

    assert prepared_agrees(SESSION_KEY, request)
    given_values = parse_qsl(query.partition("#")[0], keep_blank_values=True)
    assert parse_qsl(urlsplit(str(request.url)).query, keep_blank_values=True) == given_values


@given(
    photo_id=st.text(min_size=1, max_size=20).filter(lambda it: it not in (".", "..")),
    values=st.lists(st.tuples(st.text(min_size=1, max_size=5), st.text(max_size=10)), max_size=4),
)
def test_the_signature_is_botocores_for_any_id_and_any_values(photo_id, values):
    path = f"/photos/_doc/{quote(photo_id.encode('utf-8', 'replace'), safe=',*')}"
    query = urlencode(values, errors="replace")

    request = sign(KEY, "GET", f"{DOMAIN}{path}?{query}")

    assert prepared_agrees(KEY, request)
    assert unquote(urlsplit(str(request.url)).path) == unquote(path)


# --- what is signed is what is sent ---


@pytest.mark.parametrize("http_compress", [False, True], ids=["plain", "gzip"])
def test_what_opensearch_py_sends_is_what_was_signed(recorder, http_compress):
    with client_of(recorder, SESSION_KEY, http_compress=http_compress) as client:
        client.index(index="photos", id="a/b ü;夜%+", body={"description": "夜"})
        client.get(index="photos", id="//a?b#c", params={"_source_includes": "a,b c"})
        client.search(index="photos,old*", body={"size": 1}, params={"preference": "a+b/ü"})
        client.bulk(body=NDJSON_BODY.decode())
        client.delete(index="photos", id="a b")
        client.indices.exists(index="photos")
        client.indices.put_alias(index="photos-1", name="photos")

    assert [request.method for request in recorder.requests] == [
        *("PUT", "GET", "POST", "POST", "DELETE", "HEAD", "PUT"),
    ]
    for request in recorder.requests:
        assert request.headers["authorization"] == authorization_of(SESSION_KEY, request)
        assert request.headers["x-amz-content-sha256"] == sha256(request.body).hexdigest()
    assert ("content-encoding" in recorder.requests[3].headers) == http_compress


@pytest.mark.parametrize(
    "target",
    [
        "/a;b/c?x=1,2&y=a+b&x=",
        "//photos/_doc",
        "/%e5%a4%9c?q=%e5",
        "/a'b(c)[d]|e?f=[g]|'h'",
        "?q=1",
    ],
)
def test_what_requests_sends_is_what_was_signed(recorder, target):
    url = f"http://127.0.0.1:{recorder.port}{target}"

    requests.post(
        url,
        auth=request_auth(SIGV4, url, credentials=source(KEY)),
        data="text, 夜",
        headers={"Content-Type": "text/plain"},
        timeout=10,
    )

    (request,) = recorder.requests
    assert request.body == "text, 夜".encode()
    assert request.headers["authorization"] == authorization_of(KEY, request)


def test_a_request_that_is_sent_again_is_dated_and_signed_anew():
    used = SESSION_KEY
    auth = request_auth(SIGV4, DOMAIN, credentials=AwsCredentialSource(read=lambda: used))
    headers = {"Date": "Mon, 09 Sep 2011 23:36:00 GMT", "X-Amz-Date": "20110909T233600Z"}
    request = requests.Request("GET", f"{DOMAIN}/photos", headers=headers, auth=auth).prepare()
    first = request.headers["Authorization"]
    used = KEY
    assert auth is not None

    auth(request)

    assert "date" not in request.headers
    assert abs(datetime.now(UTC).timestamp() - date_of(request).timestamp()) < 60
    assert request.headers["Authorization"] != first
    assert "x-amz-security-token" not in request.headers
    assert prepared_agrees(KEY, request)


def date_of(request: requests.PreparedRequest) -> datetime:
    text = request.headers["x-amz-date"]
    return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


# --- credentials that change ---


def test_keys_that_change_in_the_environment_sign_the_next_request(recorder, monkeypatch):
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    url = f"http://127.0.0.1:{recorder.port}"
    auth = request_auth(SIGV4, url)
    with requests.Session() as session:
        session.auth = auth
        for environment in (KEY, SESSION_KEY, KEY):
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", environment.access_key)
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", environment.secret_key)
            monkeypatch.setenv("AWS_SESSION_TOKEN", environment.session_token)
            session.get(f"{url}/photos", timeout=10)

    for environment, request in zip((KEY, SESSION_KEY, KEY), recorder.requests, strict=True):
        assert request.headers["authorization"] == authorization_of(environment, request)


def test_credentials_of_a_container_sign_requests_of_many_threads():
    with RawServer(
        in_turn(credentials_answer("ASIA", expires_at="2999-01-01T00:00:00Z"))
    ) as server:
        auth = request_auth(SIGV4, DOMAIN, credentials=source(leading_to(server)))

        def signed(number: int) -> requests.PreparedRequest:
            url = f"{DOMAIN}/photos/_doc/{number}"
            return requests.Request("PUT", url, data=b"%d" % number, auth=auth).prepare()

        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(signed, range(64)))

    environment = AwsEnvironment("ASIA", "secret of ASIA", "token of ASIA")
    assert all(prepared_agrees(environment, request) for request in answers)
    assert len(server.requests) == 1


def test_an_endpoint_that_is_away_surfaces_through_opensearch_py(recorder):
    with (
        RawServer(resets) as away,
        client_of(recorder, leading_to(away)) as client,
        pytest.raises(IndexUnavailable, match="container credentials endpoint"),
    ):
        client.info()

    assert recorder.requests == []


# --- what the query path does not pay for ---


def test_neither_settings_nor_search_import_the_network_packages():
    code = (
        "import sys, photo_search.settings, photo_search.search;"
        "print({'requests', 'botocore', 'opensearchpy', 'requests_aws4auth'} & set(sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(REPOSITORY / "lambda_src")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout

    assert printed == "set()\n"
