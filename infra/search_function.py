"""SearchFunction: the Lambda that answers searches, built from ``lambda_src/Dockerfile``."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import DeploymentConfig
from infra.images import MODEL_DIR, search_image
from infra.lambda_role import lambda_role
from infra.log_groups import log_group
from infra.network import Network
from infra.photo_index import PhotoIndex, index_environment
from infra.photo_store import PhotoStore

ALIAS = "live"
"""The version that the API asks; a roll-back moves it."""


class SearchFunction(Construct):
    """The function, its role, and the alias that is to be called."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: DeploymentConfig,
        store: PhotoStore,
        index: PhotoIndex | None,
        network: Network,
    ) -> None:
        """Make them; what the role may do with index and photos is granted by the stack.

        Args:
            scope: Their owner.
            construct_id: Their id there.
            config: Size and limits.
            store: Where photos, thumbnails and the embedded index lie.
            index: The domain, where there is one.
            network: Where the function lies, with ``vpc``.
        """
        super().__init__(scope, construct_id)
        search = config.search
        self.role = lambda_role(self, "Role", vpc=config.vpc)
        self.log_group = log_group(self, "Logs", config=config)
        self.log_group.grant_write(self.role)
        self.function = lambda_.DockerImageFunction(
            self,
            "Function",
            description="Searches photos by words and pictures",
            code=search_image(config),
            architecture=lambda_.Architecture.X86_64,
            memory_size=search.memory_mb,
            timeout=cdk.Duration.seconds(search.timeout_s),
            reserved_concurrent_executions=search.reserved_concurrency,
            environment=_environment(config, store, index),
            role=self.role,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=self.log_group,
            snap_start=lambda_.SnapStartConf.ON_PUBLISHED_VERSIONS if search.snap_start else None,
            vpc=network.vpc if config.vpc else None,
            vpc_subnets=network.private if config.vpc else None,
        )
        if index is not None and config.vpc:
            index.domain.connections.allow_from(self.function, ec2.Port.HTTPS, "searches")
        self.alias = lambda_.Alias(
            self,
            "Alias",
            alias_name=ALIAS,
            version=self.function.current_version,
            provisioned_concurrent_executions=search.provisioned_concurrency or None,
        )


def _environment(
    config: DeploymentConfig, store: PhotoStore, index: PhotoIndex | None
) -> dict[str, str]:
    """The variables of ``photo_search.settings``; a test compares the names."""
    return {
        "MODEL_DIR": MODEL_DIR,
        "PRELOAD": "text",
        "PHOTOS_URL": store.photos_url,
        "THUMBS_URL": store.thumbs_url,
        "ALLOW_IMAGE_URL": str(config.search.allow_image_url).lower(),
        **index_environment(store, index),
    }
