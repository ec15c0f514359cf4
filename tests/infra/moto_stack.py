"""The synthesised stack in moto's CloudFormation: what moto lacks, and where it is not like AWS.

Both lists are reviewed by hand; ``test_moto_deployment.py`` fails where one of them is out of date.
"""

from __future__ import annotations

import copy
import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.models import DEFAULT_ACCOUNT_ID

from tests.infra.synthesis import REGION

Json = dict[str, Any]

LACKING: dict[str, str] = {
    "AWS::ApiGatewayV2::Api": "its CloudFormation knows REST APIs alone",
    "AWS::ApiGatewayV2::Authorizer": "belongs to an HTTP API",
    "AWS::ApiGatewayV2::Integration": "belongs to an HTTP API",
    "AWS::ApiGatewayV2::Route": "belongs to an HTTP API",
    "AWS::ApiGatewayV2::Stage": "belongs to an HTTP API",
    "AWS::CloudFront::Distribution": "no model for CloudFormation",
    "AWS::CloudFront::OriginAccessControl": "no model for CloudFormation",
    "AWS::CloudFront::ResponseHeadersPolicy": "no model for CloudFormation",
    "AWS::CloudWatch::Alarm": "no model for CloudFormation, though dashboards have one",
    "AWS::Cognito::UserPool": "no model for CloudFormation",
    "AWS::Cognito::UserPoolClient": "no model for CloudFormation",
    "AWS::Cognito::UserPoolDomain": "no model for CloudFormation",
    "AWS::EC2::SecurityGroupEgress": "no model, though the rules for ingress have one",
    "AWS::Lambda::Alias": "no model for CloudFormation, though versions have one",
    "AWS::OpenSearchService::Domain": "its model is that of Elasticsearch domains",
    "AWS::S3::BucketPolicy": "no model; test_policies.py evaluates what these say",
    "AWS::SNS::TopicPolicy": "no model for CloudFormation",
    "AWS::SQS::QueuePolicy": "no model; test_policies.py evaluates what these say",
    "Custom::CDKBucketDeployment": "would run a Lambda, in Docker",
    "Custom::S3AutoDeleteObjects": "would run a Lambda, in Docker",
}
"""Kinds of the template that are left out, and why; what refers to one is given a text instead."""


def _grant_service_role(resources: Json) -> None:
    role = next(key for key, one in resources.items() if one["Type"] == "AWS::IAM::Role")
    for environment in _of_type(resources, "AWS::Batch::ComputeEnvironment"):
        environment["ServiceRole"] = {"Fn::GetAtt": [role, "Arn"]}


def _spell_managed(resources: Json) -> None:
    for environment in _of_type(resources, "AWS::Batch::ComputeEnvironment"):
        environment["Type"] = environment["Type"].upper()


def _refer_to_batch_by_ref(resources: Json) -> None:
    batch = {key for key, one in resources.items() if one["Type"].startswith("AWS::Batch::")}
    for key, one in resources.items():
        resources[key] = _replaced(one, "Fn::GetAtt", lambda it: _ref_to(it[0], batch))


def _name_fifo_queues(resources: Json) -> None:
    for key, one in resources.items():
        if one["Type"] == "AWS::SQS::Queue":
            one["Properties"]["QueueName"] = f"{key}.fifo"


def _drop_permissions_on_an_alias(resources: Json) -> None:
    for key, one in list(resources.items()):
        function = one.get("Properties", {}).get("FunctionName")
        if one["Type"] == "AWS::Lambda::Permission" and isinstance(function, str):
            del resources[key]


DIFFERENCES: dict[str, Callable[[Json], None]] = {
    "AWS Batch has a role of its own for environments that name none": _grant_service_role,
    "AWS Batch takes the word managed in any case": _spell_managed,
    "AWS Batch's environments have attributes besides Ref": _refer_to_batch_by_ref,
    "CloudFormation gives FIFO queues a name with .fifo": _name_fifo_queues,
    "the alias that permissions are on is lacking": _drop_permissions_on_an_alias,
}
"""Where AWS takes what moto does not, and what is done to the template about it."""


def reduced(template: Mapping[str, Any], *, without: str = "") -> Json:
    """A template as moto can take it.

    Args:
        template: As it was synthesised.
        without: A difference that is not made up for.
    """
    lacking = {key for key, one in template["Resources"].items() if one["Type"] in LACKING}
    kept = {key: one for key, one in template["Resources"].items() if key not in lacking}
    resources: Json = copy.deepcopy(kept)
    for key, one in resources.items():
        waits_for = one.pop("DependsOn", [])
        one = _stand_in(one, lacking)
        if left := [other for other in waits_for if other not in lacking]:
            one["DependsOn"] = left
        resources[key] = one
    for words, change in DIFFERENCES.items():
        if words != without:
            change(resources)
    batch = {key for key, one in resources.items() if one["Type"].startswith("AWS::Batch::")}
    outputs = _replaced(
        _stand_in(template["Outputs"], lacking), "Fn::GetAtt", lambda it: _ref_to(it[0], batch)
    )
    return {"Parameters": template["Parameters"], "Resources": resources, "Outputs": outputs}


@contextmanager
def account() -> Iterator[None]:
    """An empty account in moto, bootstrapped for the CDK."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", REGION)
        with mock_aws(config={"batch": {"use_docker": False}, "lambda": {"use_docker": False}}):
            boto3.client("ssm").put_parameter(
                Name="/cdk-bootstrap/hnb659fds/version", Value="21", Type="String"
            )
            yield


def deploy(template: Json, *, stack: str) -> None:
    """Put the assets where the CDK's command line would, and create the stack."""
    bucket = f"cdk-hnb659fds-assets-{DEFAULT_ACCOUNT_ID}-{REGION}"
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=bucket)
    for one in template["Resources"].values():
        properties = one.get("Properties", {})
        code = properties.get("Code") or properties.get("Content") or {}
        if "S3Key" in code:
            s3.put_object(Bucket=bucket, Key=code["S3Key"], Body=_empty_zip())
    boto3.client("cloudformation").create_stack(
        StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_IAM"]
    )


def _of_type(resources: Json, kind: str) -> list[Json]:
    return [one["Properties"] for one in resources.values() if one["Type"] == kind]


def _stand_in(value: Any, lacking: set[str]) -> Any:
    value = _replaced(value, "Ref", lambda it: f"lacking-{it}" if it in lacking else None)
    return _replaced(
        value, "Fn::GetAtt", lambda it: f"arn:aws:x:::{it[0]}" if it[0] in lacking else None
    )


def _ref_to(name: str, those: set[str]) -> Json | None:
    return {"Ref": name} if name in those else None


def _replaced(value: Any, function: str, change: Callable[[Any], Any]) -> Any:
    """A value in which each call of a function is what ``change`` says, unless it says None."""
    if isinstance(value, list):
        return [_replaced(one, function, change) for one in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {function}:
        changed = change(value[function])
        return value if changed is None else changed
    return {key: _replaced(one, function, change) for key, one in value.items()}


def _empty_zip() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "")
    return content.getvalue()
