"""KeyAccess: one key for all callers, in ``x-api-key`` (decision 0009)."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infra.config import DeploymentConfig
from infra.image_context import ROOT
from infra.lambda_role import lambda_role
from infra.log_groups import log_group

KEY_HEADER = "x-api-key"
_KEY_CHARACTERS = 40  # of 62 letters and digits: 238 bits
_CACHED_MINUTES = 5
"""How long API Gateway remembers an answer, and so how long an old key lives after a rotation."""


class KeyAccess(Construct):
    """The key in Secrets Manager, and the function that compares it."""

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Make both."""
        super().__init__(scope, construct_id)
        self.secret = secretsmanager.Secret(
            self,
            "Key",
            description=f"What callers of {config.name} send as {KEY_HEADER}",
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=_KEY_CHARACTERS, exclude_punctuation=True
            ),
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        role = lambda_role(self, "Role")
        logs = log_group(self, "Logs", config=config)
        logs.grant_write(role)
        self.secret.grant_read(role)
        self.function = lambda_.Function(
            self,
            "Function",
            description="Compares the key of a request with the one in Secrets Manager",
            runtime=lambda_.Runtime.PYTHON_3_14,
            code=lambda_.Code.from_asset(
                str(ROOT / "infra" / "key_authorizer"), exclude=["**/__pycache__"]
            ),
            handler="key_authorizer.handler",
            memory_size=256,
            timeout=cdk.Duration.seconds(10),
            reserved_concurrent_executions=config.search.reserved_concurrency,
            environment={"KEY_SECRET_ARN": self.secret.secret_arn},
            role=role,
            log_group=logs,
            tracing=lambda_.Tracing.ACTIVE,
        )
        self.authorizer = authorizers.HttpLambdaAuthorizer(
            "Key",
            self.function,
            response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
            # A request without the header is refused by the gateway and calls nothing.
            identity_source=[f"$request.header.{KEY_HEADER}"],
            results_cache_ttl=cdk.Duration.minutes(_CACHED_MINUTES),
        )
