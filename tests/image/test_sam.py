"""The search image run by SAM, as the synthesised template says, on real indexes."""

from __future__ import annotations

import base64
import os
import statistics
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest
import requests

from local.lambda_image.local_index import reachable
from local.lambda_image.sam import prepared
from tests.conftest import REPOSITORY
from tests.core.index.s3_server import BUCKET, KEY, REGION, running_bucket
from tests.image.conftest import PHOTO_COUNT, ingest
from tests.image.docker_command import DOCKER
from tests.image.sam_process import SAM, invoke, memory_mib, serving
from tests.image.sample_events import STATUSES, answered, event_path, read_event

pytestmark = pytest.mark.docker

ASKED = ("text", "image", "more-like-this", "empty-text")
# Not the one whose body is a picture: SAM's own server cannot read a body that is no UTF-8.
BY_HTTP = (*ASKED, "text-filtered", "combined", "photo", "healthz", "unknown-photo")
WARM_CALLS = 5


@pytest.fixture(scope="module", params=["domain", "embedded"])
def mode(request):
    return request.param


@pytest.fixture(scope="module")
def template(mode, tmp_path_factory):
    """The stack of this mode, whole, as ``make synth`` writes it."""
    directory = tmp_path_factory.mktemp("cdk.out")
    variables = {**os.environ, "CDK_OUTDIR": str(directory)}  # noqa: TID251 - handed on
    command = [sys.executable, "app.py", "-c", f"index={mode}"]
    subprocess.run(command, cwd=REPOSITORY, env=variables, check=True, capture_output=True)
    (path,) = directory.glob("*.template.json")
    return path


@pytest.fixture(scope="module")
def sam(mode, template, collection, request):
    """SAM for a stack, with its index in a real OpenSearch, or in a bucket."""
    opened = in_opensearch if mode == "domain" else in_bucket
    with opened(collection, request) as (index_url, variables):
        given = {"index_url": index_url, "variables": variables, "docker": DOCKER}
        with prepared(SAM, template, image="photo-search", **given) as ready:
            yield ready


@contextmanager
def in_opensearch(collection, request):
    server = request.getfixturevalue("opensearch_url")
    url = f"{server}/image{os.getpid()}"
    bundle = request.getfixturevalue("demo_bundle")
    ingest(collection.photos, collection.work, url, bundle)
    yield url, {}
    for index in requests.get(f"{url}/_alias", timeout=30).json():
        requests.delete(f"{server}/{index}", timeout=30)


@contextmanager
def in_bucket(collection, _request):
    with running_bucket() as bucket, reachable(bucket.endpoint, docker=DOCKER) as endpoint:
        bucket.put("photos.db", collection.index)
        credentials = {
            "AWS_ACCESS_KEY_ID": KEY.access_key,
            "AWS_SECRET_ACCESS_KEY": KEY.secret_key,
            "AWS_REGION": REGION,
        }
        yield f"s3://{BUCKET}/photos.db", {**credentials, "AWS_ENDPOINT_URL_S3": endpoint}


@pytest.mark.parametrize("name", ASKED)
def test_sam_local_invoke_answers_a_sample(name, sam, mode, tell):
    answer, duration_ms = invoke(sam, event_path(name))
    status, document = answered(read_event(name), answer)

    tell(f"sam local invoke, {mode}, {name}: {status} in {duration_ms:.0f} ms, start included")
    assert status == STATUSES[name], document


def test_sam_local_start_api_answers_every_route(sam, mode, tell, tmp_path):
    with serving(sam, tmp_path / "log") as url:
        cold = ask(url, "text")
        answers = {name: ask(url, name) for name in BY_HTTP}
        warm_s = statistics.median(ask(url, "text").seconds for _ in range(WARM_CALLS))
        used_mib = memory_mib(sam)
        log = (tmp_path / "log").read_text()

    tell(
        f"sam local start-api, {mode}: cold {cold.seconds * 1000:.0f} ms, "
        f"warm {warm_s * 1000:.0f} ms, {used_mib:.0f} MiB"
    )
    assert cold.status == 200, log[-1000:]
    assert {name: answer.status for name, answer in answers.items()} == {
        name: STATUSES[name] for name in BY_HTTP
    }
    assert "balloon" in answers["image"].document["hits"][0]["description"]
    assert answers["healthz"].document["photos"] == PHOTO_COUNT
    assert used_mib < 400


class Answer:
    def __init__(self, response, seconds):
        self.status = response.status_code
        self.document = response.json()
        self.seconds = seconds


def ask(url, name):
    """Send a sample event's request over HTTP."""
    event = read_event(name)
    request = event["requestContext"]["http"]
    body = event.get("body", "")
    start_s = time.perf_counter()
    response = requests.request(
        request["method"],
        f"{url}{event['rawPath']}?{event['rawQueryString']}",
        data=base64.b64decode(body) if event["isBase64Encoded"] else body.encode(),
        headers={name: value for name, value in event["headers"].items() if "content-t" in name},
        timeout=120,
    )
    return Answer(response, time.perf_counter() - start_s)


def test_the_template_and_the_image_are_named_when_they_are_not_there(template, tmp_path):
    without_template = run_command("--template", str(tmp_path / "none.json"))
    without_image = run_command("--template", str(template), "--image", "no-such-image")

    assert without_template.returncode == without_image.returncode == 2
    assert "none.json is no synthesised template" in without_template.stderr
    assert "no-such-image" in without_image.stderr


def run_command(*arguments):
    command = [sys.executable, "-m", "local.lambda_image", "invoke", "--sam", str(SAM)]
    given = ["--index", "http://localhost:9200", "--docker", DOCKER, *arguments]
    return subprocess.run(
        [*command, *given], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
