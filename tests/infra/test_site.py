from __future__ import annotations

import json
import re

import pytest

from infra.image_context import ROOT
from infra.site import content_security_policy
from tests.infra.variants import Json, Variant

pytestmark = pytest.mark.infra

WITH_SITE = ("dev", "production", "embedded", "vpc", "none")


def distribution(variant: Variant) -> Json:
    found: Json = variant.one("AWS::CloudFront::Distribution")["DistributionConfig"]
    return found


@pytest.mark.parametrize("name", ["iam", "key"])
def test_without_a_sign_in_that_browsers_can_use_there_is_no_page_and_synth_says_so(variant, name):
    assert variant(name).of_type("AWS::CloudFront::Distribution") == {}
    assert "SiteUrl" not in variant(name).template["Outputs"]
    said = json.dumps(
        [path.read_text("utf-8") for path in variant(name).directory.glob("*metadata.json")]
    )
    assert f"auth is {name}: the page is not deployed" in said


@pytest.mark.parametrize("name", WITH_SITE)
def test_page_and_api_share_one_origin(variant, name):
    config = distribution(variant(name))
    patterns = {behaviour["PathPattern"] for behaviour in config["CacheBehaviors"]}

    assert patterns == {"/search", "/photos/*", "/healthz", "/openapi.json"}
    assert len(config["Origins"]) == 2
    (api,) = (origin for origin in config["Origins"] if "CustomOriginConfig" in origin)
    assert api["CustomOriginConfig"]["OriginProtocolPolicy"] == "https-only"
    for behaviour in config["CacheBehaviors"]:
        assert behaviour["TargetOriginId"] == api["Id"]
        assert behaviour["CachePolicyId"] == "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"  # disabled
        assert behaviour["ViewerProtocolPolicy"] == "https-only"
        # All of the viewer's headers but Host, and so the token.
        assert behaviour["OriginRequestPolicyId"] == "b689b0a8-53d0-40ab-baf2-68738e2966ac"
    assert config["DefaultCacheBehavior"]["ViewerProtocolPolicy"] == "redirect-to-https"


def test_the_pages_bucket_is_read_by_this_distribution_alone(variant):
    dev = variant("dev")
    (page,) = (o for o in distribution(dev)["Origins"] if "S3OriginConfig" in o)
    (distribution_id,) = dev.of_type("AWS::CloudFront::Distribution")
    policies = [
        json.dumps(statement)
        for policy in dev.of_type("AWS::S3::BucketPolicy").values()
        for statement in policy["PolicyDocument"]["Statement"]
    ]

    assert page["S3OriginConfig"] == {"OriginAccessIdentity": ""}
    assert "OriginAccessControlId" in page
    readers = [one for one in policies if "cloudfront.amazonaws.com" in one]

    assert len(readers) == 1
    assert '"AWS:SourceArn"' in readers[0]
    assert distribution_id in readers[0]


def local_policy() -> dict[str, str]:
    source = (ROOT / "local/server.py").read_text("utf-8")
    (text,) = re.findall(r'"Content-Security-Policy": ((?:"[^"]*"\s*)+)', source)
    return directives("".join(re.findall(r'"([^"]*)"', text)))


def directives(policy: str) -> dict[str, str]:
    pairs = (part.strip().partition(" ") for part in policy.split(";") if part.strip())
    return {name: value for name, _, value in pairs}


def test_its_content_security_policy_is_the_laptops_and_lets_it_sign_in():
    assert directives(content_security_policy("")) == local_policy()
    signing_in = directives(content_security_policy("https://x.auth.example"))
    assert signing_in == local_policy() | {"connect-src": "'self' https://x.auth.example"}


def test_security_headers_are_on_every_answer(variant):
    dev = variant("dev")
    (headers_id,) = dev.of_type("AWS::CloudFront::ResponseHeadersPolicy")
    headers = dev.one("AWS::CloudFront::ResponseHeadersPolicy")["ResponseHeadersPolicyConfig"]
    security = headers["SecurityHeadersConfig"]
    config = distribution(dev)

    for behaviour in (config["DefaultCacheBehavior"], *config["CacheBehaviors"]):
        assert behaviour["ResponseHeadersPolicyId"] == {"Ref": headers_id}
    assert ".auth.us-east-1.amazoncognito.com" in json.dumps(security["ContentSecurityPolicy"])
    assert security["ContentTypeOptions"]["Override"] is True
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "strict-origin-when-cross-origin"
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] == 365 * 24 * 3600


def test_users_are_added_by_an_administrator_and_sign_in_with_pkce(variant):
    dev = variant("dev")
    pool = dev.one("AWS::Cognito::UserPool")
    client = dev.one("AWS::Cognito::UserPoolClient")
    (distribution_id,) = dev.of_type("AWS::CloudFront::Distribution")

    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["Policies"]["PasswordPolicy"]["MinimumLength"] == 12
    assert pool["MfaConfiguration"] == "OPTIONAL"
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["GenerateSecret"] is False
    assert distribution_id in json.dumps(client["CallbackURLs"])
    assert "https://example.com" not in json.dumps(client)
    assert variant("production").one("AWS::Cognito::UserPool")["DeletionProtection"] == "ACTIVE"


def config_json(variant: Variant) -> dict[str, str]:
    """What is put beside the page, with resources' logical ids for what CloudFormation fills in."""
    (text,) = (path.read_text("utf-8") for path in variant.directory.glob("asset.*/config.json"))
    for marks in variant.one("Custom::CDKBucketDeployment").get("SourceMarkers", []):
        for mark, value in marks.items():
            parts = value["Fn::Join"][1]
            filled = "".join(part if isinstance(part, str) else part["Ref"] for part in parts)
            text = text.replace(mark, filled)
    found: dict[str, str] = json.loads(text)
    return found


def test_config_json_tells_the_page_how_to_sign_in(variant):
    (client_id,) = variant("dev").of_type("AWS::Cognito::UserPoolClient")
    domain = variant("dev").one("AWS::Cognito::UserPoolDomain")["Domain"]

    assert config_json(variant("dev")) == {
        "auth": "jwt",
        "authority": "https://photo-search-AWS::AccountId.auth.us-east-1.amazoncognito.com",
        "client_id": client_id,
    }
    assert domain == {"Fn::Join": ["", ["photo-search-", {"Ref": "AWS::AccountId"}]]}
    assert config_json(variant("none")) == {"auth": "none"}
