"""What the job and the writer ask of S3, recorded, is what their synthesised roles may ask."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient
from moto.server import ThreadedMotoServer

from photo_search.model_bundle import ModelBundle
from tests.infra.deployed_policies import DeployedPolicies
from tests.infra.policy_evaluator import Decision
from tests.infra.synthesis import synthesised
from tests.ingest.cloud.cloud import Cloud
from tests.ingest.pictures import COLOURS, jpeg, picture

pytestmark = pytest.mark.infra

Asked = set[tuple[str, str, str]]
"""IAM's action, name of the bucket, key or nothing."""

# "Required permissions for Amazon S3 API operations", S3's user guide.
_ACTIONS = {
    "HeadObject": "s3:GetObject",
    "GetObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjects": "s3:DeleteObject",
    "ListObjectsV2": "s3:ListBucket",
}


@pytest.fixture(scope="module")
def moto_url() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # a line for each request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def cloud(
    moto_url: str,
    tmp_path: Path,
    tiny_bundle_dir: Path,
    tiny_bundle: ModelBundle,
    monkeypatch: pytest.MonkeyPatch,
) -> Cloud:
    made = Cloud(moto_url, tmp_path, tiny_bundle_dir, tiny_bundle)
    monkeypatch.chdir(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    for number, colour in enumerate(list(COLOURS)[:4]):
        made.put(f"{number}.jpg", jpeg(picture(COLOURS[colour], seed=number)))
    return made


@pytest.fixture(scope="module")
def deployed() -> DeployedPolicies:
    return DeployedPolicies(synthesised("index=embedded"))


@contextmanager
def recorded() -> Iterator[Asked]:
    """What boto3 sends while the block runs."""
    asked: Asked = set()
    send = BaseClient._make_api_call

    def record(client: BaseClient, operation: str, request: dict[str, Any]) -> Any:
        if operation == "DeleteObjects":
            keys = [one["Key"] for one in request["Delete"]["Objects"]]
        else:
            keys = [request.get("Key", "")]
        asked.update((_ACTIONS[operation], request["Bucket"], key) for key in keys)
        return send(client, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", record)
        yield asked


def refused(deployed: DeployedPolicies, cloud: Cloud, role: str, asked: Asked) -> Asked:
    """What of it the synthesised role may not do, with the buckets that it would have."""
    bucket_of = {
        cloud.environment[name].split("/")[2]: deployed.writer_environment[name].split("/")[2]
        for name in ("PHOTOS_URL", "THUMBS_URL", "WORK_URL", "INDEX_URL")
    }
    return {
        (action, bucket, key)
        for action, bucket, key in asked
        if deployed.decide(
            role, action, f"arn:aws:s3:::{bucket_of[bucket]}" + (f"/{key}" if key else "")
        )
        is not Decision.ALLOWED
    }


def test_every_request_of_an_array_job_and_the_job_after_it_is_allowed_to_the_job(cloud, deployed):
    with recorded() as asked:
        for part in range(2):
            cloud.forget_mirror()
            assert cloud.ingest("--part", part, "--parts", 2) == 0
        cloud.forget_mirror()
        assert cloud.ingest() == 0

    actions = {action for action, _, _ in asked}
    assert actions >= {"s3:ListBucket", "s3:GetObject", "s3:PutObject"}
    assert refused(deployed, cloud, deployed.job_role, asked) == set()
    # And it shows that the roles differ: the search's may put nothing of it.
    put = {one for one in asked if one[0] == "s3:PutObject"}
    assert refused(deployed, cloud, deployed.search_role, put) == put


def test_every_request_of_a_job_that_takes_out_what_is_deleted_is_allowed(cloud, deployed):
    cloud.ingest()
    cloud.delete("0.jpg")
    cloud.forget_mirror()

    with recorded() as asked:
        assert cloud.ingest() == 0

    assert "s3:DeleteObject" in {action for action, _, _ in asked}
    assert refused(deployed, cloud, deployed.job_role, asked) == set()


def test_every_request_about_new_and_deleted_photos_is_allowed_to_the_writer(cloud, deployed):
    with recorded() as asked:
        assert cloud.send("0.jpg", "1.jpg", "missing.jpg") == []
    cloud.delete("0.jpg")
    with recorded() as asked_again:
        assert cloud.send("0.jpg") == []

    both = asked | asked_again
    assert {action for action, _, _ in both} >= {"s3:GetObject", "s3:PutObject", "s3:DeleteObject"}
    assert refused(deployed, cloud, deployed.writer_role, both) == set()
