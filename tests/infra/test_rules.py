"""What holds for everything that is provisioned."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from cfnlint import ManualArgs, lint

from infra.acknowledgements import ACKNOWLEDGED, check_by_rules, find
from infra.config_reading import read_config
from infra.context import read_context
from infra.image_context import ROOT
from infra.stack import PhotoSearchStack
from tests.infra.variants import VARIANTS, Json, Variant

pytestmark = pytest.mark.infra

SNAPSHOTS = Path(__file__).parent / "resources"
_WITHOUT_RESOURCES = {
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    "ecr:GetAuthorizationToken",
    # Joining a Lambda to a VPC: its interfaces are not there yet, and Describe knows none.
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
"""Actions that AWS lets nobody narrow to a resource: each one's page of the service authorization
reference."""
_CDKS_OWN = ("CustomCDKBucketDeployment", "CustomS3AutoDeleteObjects")
"""Roles of the CDK's own functions, whose rights are not ours to choose: acknowledgements.py."""


@pytest.mark.parametrize("name", VARIANTS)
def test_every_rule_of_aws_solutions_is_kept_or_has_a_reason(variant, name):
    report = json.loads((variant(name).directory / "validation-report.json").read_text("utf-8"))

    assert report["pluginReports"] == [] or all(
        plugin["conclusion"] == "success" for plugin in report["pluginReports"]
    )


def test_a_broken_rule_stops_the_synthesis(tmp_path):
    app = cdk.App(context=read_context([]), outdir=str(tmp_path), analytics_reporting=False)
    config = read_config({}, root=ROOT)
    stack = PhotoSearchStack(app, config.name, config=config)
    cdk.aws_s3.CfnBucket(stack, "Careless")
    check_by_rules(app, stack)

    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()

    report = (tmp_path / "validation-report.json").read_text("utf-8")
    assert "photo-search/Careless" in report


def test_every_acknowledgement_has_a_construct_and_a_reason():
    stacks = []
    for given in VARIANTS.values():
        app = cdk.App(context=read_context(given), analytics_reporting=False)
        config = read_config(app.node.get_all_context(), root=ROOT)
        stacks.append(PhotoSearchStack(app, config.name, config=config))

    for acknowledged in ACKNOWLEDGED:
        assert any(find(stack, acknowledged.path) for stack in stacks), acknowledged.path
        assert len(acknowledged.reason) > 40
        assert acknowledged.rules


@pytest.mark.parametrize("name", VARIANTS)
def test_cfn_lint_finds_nothing(variant, name):
    (template,) = variant(name).directory.glob("*.template.json")
    region = "ca-west-1" if name == "cpu" else "us-east-1"

    # W3005: the CDK says outright that a function comes after its role, which a reference says too.
    matches = lint(
        template.read_text("utf-8"),
        config=ManualArgs(ignore_checks=["W3005"], regions=[region]),
    )

    assert [str(match) for match in matches] == []


def iam_statements(variant: Variant) -> Iterator[tuple[str, Json]]:
    for logical_id, resource in variant.template["Resources"].items():
        properties = resource.get("Properties", {})
        documents = [
            properties[key] for key in ("PolicyDocument", "AccessPolicies") if key in properties
        ]
        if resource["Type"] == "AWS::IAM::Role":
            documents += [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        for document in documents:
            for statement in as_document(document)["Statement"]:
                yield logical_id, statement


def as_document(value: Any) -> Json:
    """A policy; CloudWatch Logs takes its policies as text."""
    if "Fn::Join" in value:
        parts = value["Fn::Join"][1]
        value = "".join(part if isinstance(part, str) else "resource" for part in parts)
    document: Json = json.loads(value) if isinstance(value, str) else value
    return document


def as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", VARIANTS)
def test_no_action_is_a_star_and_no_resource_without_a_reason(variant, name):
    seen = 0
    for logical_id, statement in iam_statements(variant(name)):
        owner = json.dumps([logical_id, statement.get("Principal")])
        if statement["Effect"] == "Deny" or any(own in owner for own in _CDKS_OWN):
            continue
        seen += 1
        actions = as_list(statement["Action"])
        assert not [action for action in actions if "*" in str(action)], (logical_id, actions)
        if "*" in as_list(statement.get("Resource", "")):
            assert set(actions) <= _WITHOUT_RESOURCES, (logical_id, actions)
    assert seen > 10


@pytest.mark.parametrize("name", VARIANTS)
def test_no_function_may_do_what_another_does(variant, name):
    roles = [
        json.dumps(function["Role"])
        for key, function in variant(name).of_type("AWS::Lambda::Function").items()
        if not key.startswith("Custom")
    ]

    assert len(roles) == len(set(roles)) >= 2


@pytest.mark.parametrize("name", VARIANTS)
def test_nothing_is_provisioned_that_nobody_has_looked_at(variant, name):
    """The lists are for reading: whoever changes one sees in the diff what will cost or be open."""
    counted = Counter(resource["Type"] for resource in variant(name).template["Resources"].values())
    listed = "".join(f"{count:3} {kind}\n" for kind, count in sorted(counted.items()))

    assert listed == (SNAPSHOTS / f"{name}.txt").read_text("utf-8"), (
        f"review the difference, then write tests/infra/resources/{name}.txt:\n{listed}"
    )


def test_no_name_of_an_account_is_asked_for(variant):
    for name in VARIANTS:
        manifest = (variant(name).directory / "manifest.json").read_text("utf-8")

        assert "missing" not in json.loads(manifest)
        assert '"environment": "aws://unknown-account/' in manifest
