"""Site: the page in S3 behind CloudFront, and the API under the same origin."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from infra.config import API_TIMEOUT_S, DeploymentConfig
from infra.image_context import ROOT
from infra.log_groups import log_group
from infra.search_api import SearchApi, api_routes

_HSTS_AGE = cdk.Duration.days(365)
_PAGE_CACHE = "no-cache"  # asked again each time: modules of two versions must not meet


class Site(Construct):
    """The distribution; ``publish`` puts the page there."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        api: SearchApi,
        logs: s3.Bucket,
        sign_in_origin: str,
    ) -> None:
        """Make bucket and distribution.

        Args:
            scope: Their owner.
            construct_id: Their id there.
            config: Says how long logs are kept.
            api: What answers under the API's paths.
            logs: Takes the bucket's access log.
            sign_in_origin: Whom the page asks for tokens; empty where nobody signs in.
        """
        super().__init__(scope, construct_id)
        self._config = config
        self.bucket = s3.Bucket(
            self,
            "Page",
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            server_access_logs_bucket=logs,
            server_access_logs_prefix="page/",
            # The page comes out of the repository: nothing here is worth keeping.
            removal_policy=cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=True,
        )
        headers = self._headers(sign_in_origin)
        api_origin = origins.HttpOrigin(
            cdk.Fn.select(2, cdk.Fn.split("/", api.url)),  # https: // host
            protocol_policy=cloudfront.OriginProtocolPolicy.HTTPS_ONLY,
            origin_ssl_protocols=[cloudfront.OriginSslPolicy.TLS_V1_2],
            read_timeout=cdk.Duration.seconds(API_TIMEOUT_S),
        )
        self.distribution = cloudfront.Distribution(
            self,
            "Distribution",
            comment=config.name,
            default_root_object="index.html",
            default_behavior=cloudfront.BehaviorOptions(
                origin=origins.S3BucketOrigin.with_origin_access_control(self.bucket),
                viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
                cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
                response_headers_policy=headers,
            ),
            additional_behaviors={
                pattern: cloudfront.BehaviorOptions(
                    origin=api_origin,
                    viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
                    allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
                    cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
                    # The gateway knows itself by its own name alone.
                    origin_request_policy=(
                        cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER
                    ),
                    response_headers_policy=headers,
                )
                for pattern in _api_patterns()
            },
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021,
            price_class=cloudfront.PriceClass.PRICE_CLASS_ALL,
        )

    @property
    def url(self) -> str:
        """The page's address, without the last slash."""
        return f"https://{self.distribution.distribution_domain_name}"

    def publish(self, sign_in: dict[str, str]) -> None:
        """Put the page there.

        Args:
            sign_in: ``config.json``: how the page's users sign in.
        """
        deployment.BucketDeployment(
            self,
            "Deployment",
            destination_bucket=self.bucket,
            sources=[
                deployment.Source.asset(str(ROOT / "web")),
                deployment.Source.json_data("config.json", sign_in),
            ],
            cache_control=[deployment.CacheControl.from_string(_PAGE_CACHE)],
            distribution=self.distribution,
            distribution_paths=["/*"],
            log_group=log_group(self, "DeploymentLogs", config=self._config),
        )

    def _headers(self, sign_in_origin: str) -> cloudfront.ResponseHeadersPolicy:
        return cloudfront.ResponseHeadersPolicy(
            self,
            "Headers",
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=cloudfront.ResponseHeadersContentSecurityPolicy(
                    content_security_policy=content_security_policy(sign_in_origin), override=True
                ),
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                frame_options=cloudfront.ResponseHeadersFrameOptions(
                    frame_option=cloudfront.HeadersFrameOption.DENY, override=True
                ),
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=(
                        cloudfront.HeadersReferrerPolicy.STRICT_ORIGIN_WHEN_CROSS_ORIGIN
                    ),
                    override=True,
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=_HSTS_AGE, include_subdomains=False, override=True
                ),
            ),
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(
                custom_headers=[
                    cloudfront.ResponseCustomHeader(
                        header="Cross-Origin-Resource-Policy", value="same-origin", override=True
                    )
                ]
            ),
        )


def content_security_policy(sign_in_origin: str) -> str:
    """The laptop server's policy (``local/server.py``), and whom the page asks for tokens."""
    connect = f"connect-src 'self' {sign_in_origin}; " if sign_in_origin else ""
    return (
        f"default-src 'self'; {connect}img-src 'self' https: data: blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )


def _api_patterns() -> list[str]:
    """The API's paths as CloudFront spells them: ``/photos/*`` for ``/photos/{photo_id}``."""
    return [
        route.path.partition("{")[0] + "*" if "{" in route.path else route.path
        for route in api_routes()
    ]
