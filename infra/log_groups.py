"""Log groups that forget after a while and go with the stack."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import DeploymentConfig

_RETENTIONS = {14: logs.RetentionDays.TWO_WEEKS, 90: logs.RetentionDays.THREE_MONTHS}


def log_group(
    scope: Construct, construct_id: str, *, config: DeploymentConfig, name: str | None = None
) -> logs.LogGroup:
    """Make a log group.

    Args:
        scope: Its owner.
        construct_id: Its id there.
        config: Says how long lines are kept.
        name: Only where a service insists on a form of name.
    """
    return logs.LogGroup(
        scope,
        construct_id,
        log_group_name=name,
        retention=_RETENTIONS[config.log_retention_days],
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
