"""The role of a Lambda with nothing in it but what every function needs."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from constructs import Construct

_INTERFACE_ACTIONS = [
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
]
"""docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"""


def lambda_role(scope: Construct, construct_id: str, *, vpc: bool = False) -> iam.Role:
    """Make a role; AWS's own managed policy would let it write to every log group.

    Args:
        scope: Its owner.
        construct_id: Its id there.
        vpc: Whether the function lies in the VPC; Lambda joins it to the network by this role.
    """
    role = iam.Role(scope, construct_id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    if vpc:
        role.add_to_policy(iam.PolicyStatement(actions=_INTERFACE_ACTIONS, resources=["*"]))
    return role
