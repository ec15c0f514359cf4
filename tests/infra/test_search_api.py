from __future__ import annotations

import json

import pytest

from http_api.routes import ALLOWED_METHODS
from infra.image_context import ROOT
from tests.infra.variants import VARIANTS, Json, Variant

pytestmark = pytest.mark.infra


def routes_of(variant: Variant) -> dict[str, Json]:
    return {
        route["RouteKey"]: route for route in variant.of_type("AWS::ApiGatewayV2::Route").values()
    }


@pytest.mark.parametrize("name", VARIANTS)
def test_the_routes_are_those_of_the_openapi_document(variant, name):
    document = json.loads((ROOT / "openapi.json").read_text("utf-8"))
    described = {
        f"{method.upper()} {path}" for path, item in document["paths"].items() for method in item
    }

    assert set(routes_of(variant(name))) == described
    assert len(described) == sum(len(methods.split(", ")) for methods in ALLOWED_METHODS.values())


@pytest.mark.parametrize(
    ("name", "kind"), [("dev", "JWT"), ("iam", "AWS_IAM"), ("key", "CUSTOM"), ("none", "NONE")]
)
def test_every_route_is_behind_the_same_authorizer(variant, name, kind):
    routes = routes_of(variant(name)).values()

    assert {route["AuthorizationType"] for route in routes} == {kind}
    authorizers = {json.dumps(route.get("AuthorizerId")) for route in routes}
    assert len(authorizers) == 1
    assert (authorizers == {"null"}) == (kind in ("AWS_IAM", "NONE"))


def test_only_tokens_of_the_pages_own_client_are_taken(variant):
    dev = variant("dev")
    (client_id,) = dev.of_type("AWS::Cognito::UserPoolClient")
    (pool_id,) = dev.of_type("AWS::Cognito::UserPool")
    authorizer = dev.one("AWS::ApiGatewayV2::Authorizer")

    assert authorizer["AuthorizerType"] == "JWT"
    assert authorizer["JwtConfiguration"]["Audience"] == [{"Ref": client_id}]
    assert {"Ref": pool_id} in authorizer["JwtConfiguration"]["Issuer"]["Fn::Join"][1]
    assert authorizer["IdentitySource"] == ["$request.header.Authorization"]


def test_a_key_is_compared_by_a_function_that_may_read_it_and_nothing_else(variant):
    key = variant("key")
    authorizer = key.one("AWS::ApiGatewayV2::Authorizer")
    (secret_id,) = key.of_type("AWS::SecretsManager::Secret")
    function = key.one("AWS::Lambda::Function", Handler="key_authorizer.handler")
    role = function["Role"]["Fn::GetAtt"][0]
    statements = [
        statement
        for policy in key.of_type("AWS::IAM::Policy").values()
        if {"Ref": role} in policy["Roles"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert authorizer["IdentitySource"] == ["$request.header.x-api-key"]
    assert authorizer["AuthorizerPayloadFormatVersion"] == "2.0"
    assert authorizer["EnableSimpleResponses"] is True
    assert authorizer["AuthorizerResultTtlInSeconds"] == 300
    assert function["Environment"]["Variables"] == {"KEY_SECRET_ARN": {"Ref": secret_id}}
    secrets = [one for one in statements if "secretsmanager" in json.dumps(one["Action"])]
    assert [one["Resource"] for one in secrets] == [{"Ref": secret_id}]
    assert {one["Effect"] for one in statements} == {"Allow"}


def test_throttles_hold_for_every_route(variant):
    for name, rate, burst in (("dev", 20, 40), ("production", 200, 400), ("none", 20, 40)):
        settings = variant(name).one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]

        assert settings["ThrottlingRateLimit"] == rate
        assert settings["ThrottlingBurstLimit"] == burst


def test_metrics_by_route_which_cost_nine_dollars_a_month_are_off(variant):
    for name in VARIANTS:
        settings = variant(name).one("AWS::ApiGatewayV2::Stage")["DefaultRouteSettings"]

        assert not settings.get("DetailedMetricsEnabled")


def test_requests_are_logged_without_what_was_searched_for(variant):
    dev = variant("dev")
    settings = dev.one("AWS::ApiGatewayV2::Stage")["AccessLogSettings"]
    logged = json.loads(settings["Format"])

    assert dev.template["Resources"][settings["DestinationArn"]["Fn::GetAtt"][0]]["Type"] == (
        "AWS::Logs::LogGroup"
    )
    assert logged["request_id"] == "$context.requestId"
    assert not {"$context.path", "$context.rawQueryString"} & set(logged.values())


def test_no_other_origin_may_call_from_a_browser(variant):
    for name in VARIANTS:
        assert "CorsConfiguration" not in variant(name).one("AWS::ApiGatewayV2::Api")
