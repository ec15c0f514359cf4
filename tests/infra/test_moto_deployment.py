"""The S3, SQS, IAM, Lambda and Batch resources deploy whole into moto's CloudFormation.

moto refuses names that lead nowhere and values that AWS's API does not take, which neither
synthesis nor a schema does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError
from moto.cloudformation.parsing import get_model_map

from ingest.cloud.submit import main as ingest_aws
from tests.infra.moto_stack import DIFFERENCES, LACKING, account, deploy, reduced
from tests.infra.synthesis import synthesised

pytestmark = pytest.mark.infra

Json = dict[str, Any]

CONFIGURATIONS = [(), ("index=embedded", "gpu=false"), ("vpc=true", "size=production")]
WHOLE = ("AWS::S3::", "AWS::SQS::", "AWS::IAM::", "AWS::Lambda::", "AWS::Batch::")
STACK = "photo-search"


@pytest.fixture(params=CONFIGURATIONS, ids=lambda it: ",".join(it) or "default")
def deployed(request: pytest.FixtureRequest) -> Iterator[Json]:
    """A configuration's template, deployed."""
    template = synthesised(*request.param)
    with account():
        deploy(reduced(template), stack=STACK)
        yield template


@pytest.fixture
def default_stack() -> Iterator[Json]:
    with account():
        deploy(reduced(synthesised()), stack=STACK)
        yield outputs()


def outputs() -> Json:
    (stack,) = boto3.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {one["OutputKey"]: one["OutputValue"] for one in stack["Outputs"]}


def test_everything_that_moto_knows_is_deployed(deployed):
    made = {
        one["LogicalResourceId"]
        for one in boto3.client("cloudformation").describe_stack_resources(StackName=STACK)[
            "StackResources"
        ]
    }
    wanted = {
        logical_id: one["Type"]
        for logical_id, one in deployed["Resources"].items()
        if one["Type"] not in LACKING
    }
    missing = {kind for logical_id, kind in wanted.items() if logical_id not in made}
    # Those on the alias, which DIFFERENCES accounts for.
    assert missing <= {"AWS::Lambda::Permission"}
    assert any(kind.startswith(WHOLE) for kind in wanted.values())


@pytest.mark.parametrize("given", CONFIGURATIONS, ids=str)
def test_no_kind_fails_that_is_not_listed(given):
    kinds = {one["Type"] for one in synthesised(*given)["Resources"].values()}

    unknown = {kind for kind in kinds if kind not in get_model_map()}
    assert unknown <= LACKING.keys()


@pytest.mark.parametrize("kind", LACKING)
def test_no_kind_is_listed_that_moto_has_learnt_or_that_we_do_without(kind):
    assert kind not in get_model_map()
    assert any(
        one["Type"] == kind
        for given in CONFIGURATIONS
        for one in synthesised(*given)["Resources"].values()
    )
    assert LACKING[kind]


@pytest.mark.filterwarnings("ignore:Exception:UserWarning")  # moto's, of errors it has no shape for
@pytest.mark.parametrize("words", DIFFERENCES)
def test_no_difference_is_listed_that_moto_no_longer_makes(words):
    template = reduced(synthesised(), without=words)

    # Some of moto's own tracebacks come out as they are.
    with (
        account(),
        pytest.raises((ClientError, ResponseParserError, AttributeError, KeyError)),
    ):
        deploy(template, stack=STACK)


def test_the_queue_hands_what_fails_to_the_dead_letters(default_stack):
    sqs = boto3.client("sqs")
    queue = sqs.get_queue_attributes(
        QueueUrl=default_stack["WriterQueueUrl"], AttributeNames=["All"]
    )["Attributes"]

    assert queue["FifoQueue"] == "true"
    assert "DeadLetters" in queue["RedrivePolicy"]


def test_the_writer_is_fed_by_the_queue(default_stack):
    (mapping,) = boto3.client("lambda").list_event_source_mappings()["EventSourceMappings"]

    assert mapping["EventSourceArn"].endswith(default_stack["WriterQueueUrl"].rpartition("/")[2])
    assert mapping["BatchSize"] == 10


def test_the_photos_bucket_is_encrypted(default_stack):
    s3, bucket = boto3.client("s3"), default_stack["PhotosBucket"]

    encryption = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]
    assert encryption["Rules"][0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


@pytest.mark.parametrize("variant", ["gpu", "cpu"])
@pytest.mark.usefixtures("default_stack")
def test_make_ingest_aws_finds_its_way_by_the_outputs_and_ends_well(variant, capsys):
    arguments = ["--stack", STACK, "--variant", variant, "--parts", "2"]

    assert ingest_aws(arguments, sleep=lambda _: None) == 0

    jobs = boto3.client("batch").describe_jobs(
        jobs=[
            line.rpartition(" ")[2]
            for line in capsys.readouterr().out.splitlines()
            if line.startswith("submitted")
        ]
    )["jobs"]
    embedding, filling = jobs
    assert embedding["container"]["command"][-4:] == ["--part", "auto", "--parts", "2"]
    assert filling["container"]["command"][:2] == ["ingest", "bucket"]
    assert filling["dependsOn"][0]["jobId"] == embedding["jobId"]
