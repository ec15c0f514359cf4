"""The rules that every synthesis is checked by, and each exception with its reason.

cdk-nag's AwsSolutions pack knows habits, not this deployment; what it finds and is meant so stands
here, in one place. Anything else stops the synthesis.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import aws_cdk as cdk
from cdk_nag import AwsSolutionsChecks
from constructs import IConstruct

_PACK = "AwsSolutions"
_UPLOADER = "Custom::CDKBucketDeployment8693BB64968944B69AAFB0CC9EB8756C"
_CDK_ASSETS = "arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-{region}/*"
_MANAGED_POLICY = "arn:<AWS::Partition>:iam::aws:policy/service-role"


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """Findings that are meant so.

    Attributes:
        path: The construct below the stack; where a deployment has none, nothing is acknowledged.
        rules: Rule ids without the pack; ``<Store/Photos>`` stands for that construct's ARN.
        reason: Why.
    """

    path: str
    rules: tuple[str, ...]
    reason: str


ACKNOWLEDGED = (
    Acknowledged(
        "Index/Domain",
        ("OS1",),
        "Public by default, with IAM on every request: decision 0010; vpc=true is the other way.",
    ),
    Acknowledged(
        "Index/Domain",
        ("OS3",),
        "Lambda and Batch have no fixed addresses. The policy names roles, verbs and paths; what "
        "is not signed by one of them is refused.",
    ),
    Acknowledged(
        "Index/Domain",
        ("OS4", "OS7"),
        "Size dev is one small node on purpose: its index can be loaded again from the shards.",
    ),
    Acknowledged(
        "Search/Role",
        ("IAM5[Resource::*]",),
        "X-Ray's PutTraceSegments knows no resources; with vpc neither do Lambda's calls for its "
        "network interfaces.",
    ),
    Acknowledged(
        "Search/Role",
        ("IAM5[Resource::<Store/Photos>/*]", "IAM5[Resource::<Store/Thumbs>/*]"),
        "Answers link to any photo and its thumbnail; a signed link can do what its signer may.",
    ),
    Acknowledged(
        "KeyAccess/Role",
        ("IAM5[Resource::*]",),
        "X-Ray's PutTraceSegments knows no resources.",
    ),
    Acknowledged(
        "KeyAccess/Key",
        ("SMG4",),
        "Only its owner can tell callers of a new key; docs/operations.md says how it is rotated.",
    ),
    Acknowledged(
        "Api/HttpApi",
        ("APIG4",),
        "auth is none, and i_accept_an_open_api says in words that anybody may ask.",
    ),
    Acknowledged(
        "SignIn/Users",
        ("COG2",),
        "A second factor is offered; a team that searches its own photos decides by itself.",
    ),
    Acknowledged(
        "SignIn/Users",
        ("COG8",),
        "The Plus plan costs by user and guards against attacks on open sign-up; here an "
        "administrator adds each user.",
    ),
    Acknowledged(
        "Site/Distribution",
        ("CFR1", "CFR2"),
        "A team may search from anywhere; the API has throttles of its own, and a firewall costs "
        "more a month than all the rest of a small deployment.",
    ),
    Acknowledged(
        "Site/Distribution",
        ("CFR3",),
        "The API logs its requests itself; CloudFront's log would add the words that were searched "
        "for, which are the caller's own affair.",
    ),
    Acknowledged(
        "Site/Distribution",
        ("CFR4",),
        "CloudFront's own certificate knows no other setting; browsers of today choose TLS 1.3.",
    ),
    Acknowledged(
        _UPLOADER,
        (
            f"IAM4[Policy::{_MANAGED_POLICY}/AWSLambdaBasicExecutionRole]",
            "IAM5[Action::s3:Abort*]",
            "IAM5[Action::s3:DeleteObject*]",
            "IAM5[Action::s3:GetBucket*]",
            "IAM5[Action::s3:GetObject*]",
            "IAM5[Action::s3:List*]",
            "IAM5[Resource::*]",
            f"IAM5[Resource::{_CDK_ASSETS}]",
            "IAM5[Resource::<Site/Page>/*]",
            "L1",
        ),
        "The CDK's own function, which copies the page into its bucket at each deployment: its "
        "role, runtime and rights (the page's bucket, invalidations) are not ours to choose.",
    ),
    Acknowledged(
        "IngestJob/GpuEnvironment/InstanceProfileRole",
        (f"IAM4[Policy::{_MANAGED_POLICY}/AmazonEC2ContainerServiceforEC2Role]",),
        "AWS names this policy for machines of Batch; jobs have a role of their own and cannot "
        "reach the machine's.",
    ),
    *(
        Acknowledged(
            f"IngestJob/{container}/ExecutionRole",
            ("IAM5[Resource::*]",),
            "ECR's GetAuthorizationToken knows no resources.",
        )
        for container in ("GpuContainer", "CpuContainer")
    ),
    *(
        Acknowledged(
            role,
            (
                "IAM5[Resource::<Store/Photos>/*]",
                "IAM5[Resource::<Store/Shards>/work/*]",
                "IAM5[Resource::<Store/Thumbs>/thumbs/*]",
            ),
            "Ingest reads every photo, and keeps every thumbnail and shard.",
        )
        for role in ("IngestJob/Role", "NewPhotos/Role")
    ),
    Acknowledged(
        "NewPhotos/Role",
        ("IAM5[Resource::*]",),
        "X-Ray's PutTraceSegments knows no resources; with vpc neither do Lambda's calls for its "
        "network interfaces.",
    ),
)
"""Each exception; a test looks for those that no deployment needs any more."""


def check_by_rules(app: cdk.App, stack: cdk.Stack) -> None:
    """Check a stack by AwsSolutions; what is found and not acknowledged stops the synthesis."""
    cdk.Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for acknowledged in ACKNOWLEDGED:
        construct = find(stack, acknowledged.path)
        if construct is None:
            continue
        for rule in acknowledged.rules:
            cdk.Validations.of(construct).acknowledge(
                cdk.Acknowledgment(
                    id=f"{_PACK}-{_with_ids(rule, stack)}", reason=acknowledged.reason
                )
            )


def find(stack: cdk.Stack, path: str) -> IConstruct | None:
    """The construct at a path below a stack, where there is one."""
    construct: IConstruct | None = stack
    for part in path.split("/"):
        construct = construct.node.try_find_child(part) if construct else None
    return construct


def _with_ids(rule: str, stack: cdk.Stack) -> str:
    """Put logical ids in place of constructs' paths, as the findings have them."""

    def arn(match: re.Match[str]) -> str:
        construct = find(stack, match[1])
        child = construct.node.default_child if construct else None
        if not isinstance(child, cdk.CfnElement):
            return match[0]
        return f"<{stack.get_logical_id(child)}.Arn>"

    return re.sub(r"<(\w+/\w+)>", arn, rule).replace("{region}", stack.region)
