"""SearchApi: the HTTP API in front of the search function, with the routes of openapi.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_apigatewayv2 as apigatewayv2
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import DeploymentConfig
from infra.image_context import ROOT
from infra.log_groups import log_group

_LOGGED = {
    "request_id": "$context.requestId",
    "ip": "$context.identity.sourceIp",
    "time": "$context.requestTime",
    "route": "$context.routeKey",
    "status": "$context.status",
    "protocol": "$context.protocol",
    "response_bytes": "$context.responseLength",
    "latency_ms": "$context.responseLatency",
    "error": "$context.error.message",
    "integration_error": "$context.integrationErrorMessage",
    "authorizer_error": "$context.authorizer.error",
}
"""What is searched for is the caller's own affair: no path or query string is logged."""


@dataclass(frozen=True, slots=True)
class ApiRoute:
    """A path of the API and its methods."""

    path: str
    methods: tuple[str, ...]


def api_routes() -> list[ApiRoute]:
    """The routes that openapi.json describes."""
    document: dict[str, Any] = json.loads((ROOT / "openapi.json").read_text("utf-8"))
    return [
        ApiRoute(path, tuple(method.upper() for method in item))
        for path, item in document["paths"].items()
    ]


class SearchApi(Construct):
    """The API without routes; ``add_routes`` makes them, all behind one authorizer."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        alias: lambda_.Alias,
    ) -> None:
        """Make the API and its one stage.

        Args:
            scope: Its owner.
            construct_id: Its id there.
            config: Throttles.
            alias: What answers.
        """
        super().__init__(scope, construct_id)
        self._alias = alias
        # No CORS: the page comes from the same origin.
        self.http_api = apigatewayv2.HttpApi(
            self, "HttpApi", api_name=config.name, create_default_stage=False
        )
        self.access_log = log_group(self, "AccessLog", config=config)
        self.stage = apigatewayv2.HttpStage(
            self,
            "Stage",
            http_api=self.http_api,
            auto_deploy=True,
            throttle=apigatewayv2.ThrottleSettings(
                rate_limit=config.search.rate_per_s, burst_limit=config.search.burst
            ),
        )
        stage = self.stage.node.default_child
        if not isinstance(stage, apigatewayv2.CfnStage):
            msg = "the stage has no CfnStage"
            raise TypeError(msg)
        stage.access_log_settings = apigatewayv2.CfnStage.AccessLogSettingsProperty(
            destination_arn=self.access_log.log_group_arn, format=json.dumps(_LOGGED)
        )

    @property
    def url(self) -> str:
        """Where the API is asked, without the last slash."""
        return self.http_api.api_endpoint

    def add_routes(self, authorizer: apigatewayv2.IHttpRouteAuthorizer) -> None:
        """Lead every route to the function, past an authorizer.

        Args:
            authorizer: Who may pass; the permission to call the function is each route's own.
        """
        integration = integrations.HttpLambdaIntegration(
            "Search",
            self._alias,
            payload_format_version=apigatewayv2.PayloadFormatVersion.VERSION_2_0,
        )
        for route in api_routes():
            self.http_api.add_routes(
                path=route.path,
                methods=[apigatewayv2.HttpMethod(method) for method in route.methods],
                integration=integration,
                authorizer=authorizer,
            )
