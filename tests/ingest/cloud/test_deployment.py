from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ProfileNotFound,
    UnauthorizedSSOTokenError,
)
from moto import mock_aws

from ingest.cloud.deployment import CPU, GPU, JobPlace, aws_errors, read_deployment
from photo_search.errors import IndexUnavailable, SettingsError

OUTPUTS = {
    "PhotosBucket": "photos-1",
    "JobQueue": "arn:q",
    "JobDefinition": "arn:d:1",
    "CpuJobQueue": "arn:cq",
    "CpuJobDefinition": "arn:cd:1",
}


class FakeCloudFormation:
    def __init__(self, outputs: dict[str, str] | None = None, *, error: Exception | None = None):
        self._outputs = OUTPUTS if outputs is None else outputs
        self._error = error

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's
        if self._error is not None:
            raise self._error
        outputs = [{"OutputKey": key, "OutputValue": it} for key, it in self._outputs.items()]
        return {"Stacks": [{"StackStatus": "CREATE_COMPLETE", "Outputs": outputs}]}


def client_error(code: str, message: str = "why", status: int = 400) -> ClientError:
    answer: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "DescribeStacks")


def without(*names: str) -> dict[str, str]:
    return {key: value for key, value in OUTPUTS.items() if key not in names}


def test_the_outputs_tell_where_jobs_of_each_kind_go():
    deployment = read_deployment(FakeCloudFormation(), "photos")

    assert deployment.photos_bucket == "photos-1"
    assert deployment.place(GPU) == JobPlace("arn:q", "arn:d:1")
    assert deployment.place(CPU) == JobPlace("arn:cq", "arn:cd:1")


def test_a_kind_that_the_stack_was_deployed_without_is_refused_by_name():
    deployment = read_deployment(FakeCloudFormation(without("JobQueue", "JobDefinition")), "photos")

    with pytest.raises(SettingsError, match="stack photos has no gpu jobs; it has cpu"):
        deployment.place(GPU)


@pytest.mark.parametrize(
    ("outputs", "named"),
    [
        (without("PhotosBucket"), "PhotosBucket"),
        (without("JobQueue", "CpuJobDefinition"), "JobQueue, CpuJobDefinition"),
        ({}, "PhotosBucket, JobQueue, JobDefinition, CpuJobQueue, CpuJobDefinition"),
    ],
)
def test_a_stack_without_the_outputs_is_refused_and_they_are_named(outputs, named):
    with pytest.raises(SettingsError, match=rf"stack photos \(CREATE_COMPLETE\) lacks .* {named};"):
        read_deployment(FakeCloudFormation(outputs), "photos")


def test_a_stack_that_is_not_there_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with mock_aws(), pytest.raises(SettingsError, match="no stack photos-of-mine in this account"):
        read_deployment(boto3.client("cloudformation", region_name="eu-west-1"), "photos-of-mine")


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NoCredentialsError(), SettingsError, "there are no AWS credentials; sign in"),
        (NoRegionError(), SettingsError, "AWS_REGION="),
        (ProfileNotFound(profile="me"), SettingsError, r"profile \(me\) could not be found"),
        (UnauthorizedSSOTokenError(), IndexUnavailable, "have expired; renew them .* run again"),
        (client_error("ExpiredToken"), IndexUnavailable, "have expired; renew them .* run again"),
        (client_error("ExpiredTokenException"), IndexUnavailable, "credentials have expired"),
        (client_error("InvalidClientTokenId"), SettingsError, "does not know the credentials"),
        (client_error("AccessDenied", "no"), SettingsError, r"AWS refuses \(AccessDenied\): no"),
        (client_error("Throttling"), IndexUnavailable, "AWS is busy"),
        (client_error("InternalFailure", status=500), IndexUnavailable, "AWS is busy"),
        (
            EndpointConnectionError(endpoint_url="https://x.example"),
            IndexUnavailable,
            "AWS does not answer",
        ),
    ],
    ids=lambda it: getattr(it, "__name__", str(it)[:40]),
)
def test_what_aws_raises_comes_out_as_an_error_of_ours_that_says_what_to_do(error, kind, words):
    with pytest.raises(kind, match=f"^reading stack photos: .*{words}") as raised:
        read_deployment(FakeCloudFormation(error=error), "photos")

    assert raised.value.__cause__ is error


def test_other_errors_pass_through():
    def wrong() -> None:
        raise ZeroDivisionError

    raising: Callable[[], None] = wrong
    with pytest.raises(ZeroDivisionError), aws_errors("doing"):
        raising()
