from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from moto import mock_aws

from infra.config import DeploymentConfig
from infra.config_reading import read_config
from infra.image_context import ROOT
from infra.smoke import Answer, Question, asking, read_outputs, send, try_out
from tests.loopback_server import LoopbackServer

pytestmark = pytest.mark.infra

API = "https://api.example"


def config(**context: object) -> DeploymentConfig:
    return read_config(context, root=ROOT)


class FakeApi:
    """Answers as the API would, and keeps what it was asked."""

    def __init__(self, status: int = 200, hits: tuple[str, ...] = ("p/1",)) -> None:
        self.questions: list[Question] = []
        self._status = status
        self._hits = hits

    def __call__(self, question: Question) -> Answer:
        self.questions.append(question)
        body = {"hits": [{"photo_id": photo_id} for photo_id in self._hits]}
        return Answer(self._status, json.dumps(body).encode())


def asked(api: FakeApi) -> set[tuple[str, str]]:
    return {(one.method, one.url.removeprefix(API).partition("?")[0]) for one in api.questions}


def test_each_route_of_the_api_is_asked_once():
    api = FakeApi(hits=("p1",))
    document = json.loads((ROOT / "openapi.json").read_text("utf-8"))
    routes = {
        (method.upper(), path.replace("{photo_id}", "p1"))
        for path, item in document["paths"].items()
        for method in item
    }

    outcomes = list(try_out(API, api, refused=False))

    assert asked(api) == routes
    assert len(outcomes) == len(api.questions) == len(routes)
    assert all(outcome.is_right for outcome in outcomes)


def test_an_id_is_spelled_so_that_it_stays_one_part_of_the_path():
    api = FakeApi(hits=("a/../b?c",))

    list(try_out(API, api, refused=False))

    assert api.questions[-1].url == f"{API}/photos/a%2F..%2Fb%3Fc"


def test_an_empty_index_has_no_photo_to_look_up():
    api = FakeApi(hits=())

    assert len(list(try_out(API, api, refused=False))) == 4


@pytest.mark.parametrize(("status", "refused", "right"), [
    (500, False, False), (401, False, False), (401, True, True), (403, True, True),
    (200, True, False),
])  # fmt: skip
def test_an_answer_is_right_or_wrong(status, refused, right):
    outcomes = list(try_out(API, FakeApi(status), refused=refused))

    assert {outcome.is_right for outcome in outcomes} == {right}
    assert {outcome.status for outcome in outcomes} == {status}


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that answers with the headers it was sent, or 403 where it was told so."""

    class Echo(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({key.lower(): value for key, value in self.headers.items()}).encode()
            self.send_response(403 if self.path == "/refused" else 200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_arguments: object) -> None:
            pass

    with LoopbackServer(HTTPServer(("127.0.0.1", 0), Echo)) as server:
        yield f"http://127.0.0.1:{server.port}"


def test_a_refusal_is_an_answer_as_well(echo):
    assert send(Question(f"{echo}/refused")).status == 403


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> boto3.Session:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    return boto3.Session(region_name="us-east-1")


@mock_aws
def test_the_key_is_sent_in_its_header(echo, session):
    secret = session.client("secretsmanager").create_secret(Name="key", SecretString="it")
    ask = asking(config(auth="key"), {"ApiKeySecret": secret["ARN"]}, session=session, token="")

    assert json.loads(ask(Question(echo)).body)["x-api-key"] == "it"


def test_a_token_is_sent_as_a_bearers(echo, session):
    ask = asking(config(), {}, session=session, token="t0ken")

    assert json.loads(ask(Question(echo)).body)["authorization"] == "Bearer t0ken"
    nobody = asking(config(), {}, session=session, token="")
    assert "authorization" not in json.loads(nobody(Question(echo)).body)


def test_with_iam_each_question_is_signed_for_the_api(echo, session):
    ask = asking(config(auth="iam"), {}, session=session, token="")

    headers = json.loads(ask(Question(echo, b"{}", {"content-type": "application/json"})).body)

    assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=testing/")
    assert "/us-east-1/execute-api/aws4_request" in headers["authorization"]
    assert headers["content-type"] == "application/json"


@mock_aws
def test_where_to_ask_is_read_from_the_stacks_outputs(session):
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {"ApiUrl": {"Value": API}},
    }
    session.client("cloudformation").create_stack(
        StackName="photos", TemplateBody=json.dumps(template)
    )

    assert read_outputs("photos", session=session) == {"ApiUrl": API}
