"""The buckets: photos, their thumbnails, shards, and the embedded index where there is one."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.config import DeploymentConfig

WORK_PREFIX = "work"
THUMBS_PREFIX = "thumbs"
_OLD_VERSIONS_DAYS = 30
"""How long a photo that was deleted or replaced can be got back; then it is really gone."""
_ACCESS_LOGS_DAYS = 90


class PhotoStore(Construct):
    """All that is stored, save an index in a domain."""

    def __init__(self, scope: Construct, construct_id: str, *, config: DeploymentConfig) -> None:
        """Make the buckets."""
        super().__init__(scope, construct_id)
        self._config = config
        self.logs = self._bucket("Logs", logs=None)
        self.logs.add_lifecycle_rule(expiration=cdk.Duration.days(_ACCESS_LOGS_DAYS))
        self.photos = self._bucket("Photos", logs=self.logs)
        # By hand: the construct's own way is a function that changes the bucket after the fact.
        child = self.photos.node.default_child
        if not isinstance(child, s3.CfnBucket):
            msg = "the photos bucket has no CfnBucket"
            raise TypeError(msg)
        child.add_property_override(
            "NotificationConfiguration.EventBridgeConfiguration.EventBridgeEnabled", value=True
        )
        self.thumbs = self._bucket("Thumbs", logs=self.logs)
        self.shards = self._bucket("Shards", logs=self.logs)
        self.index = self._bucket("Index", logs=self.logs) if config.is_embedded else None

    @property
    def photos_url(self) -> str:
        """Where the originals lie: ``PHOTOS_URL``."""
        return f"s3://{self.photos.bucket_name}"

    @property
    def thumbs_url(self) -> str:
        """Where the thumbnails lie: ``THUMBS_URL``."""
        return f"s3://{self.thumbs.bucket_name}/{THUMBS_PREFIX}"

    @property
    def work_url(self) -> str:
        """Where the shards lie: ``WORK_URL``."""
        return f"s3://{self.shards.bucket_name}/{WORK_PREFIX}"

    @property
    def index_url(self) -> str:
        """Where the embedded index lies: ``INDEX_URL``."""
        return f"s3://{self._index_bucket().bucket_name}/{self._config.embedded_index_key}"

    def grant_show(self, grantee: iam.IGrantable) -> None:
        """Let thumbnails and originals be read: a signed link can do what its signer may."""
        for bucket in (self.thumbs, self.photos):
            _grant(grantee, ["s3:GetObject"], bucket.arn_for_objects("*"))

    def grant_read_index(self, grantee: iam.IGrantable) -> None:
        """Let the embedded index be read; listing makes a missing file a 404 instead of a 403."""
        bucket = self._index_bucket()
        key = self._config.embedded_index_key
        _grant(grantee, ["s3:GetObject"], bucket.arn_for_objects(key))
        _grant(grantee, ["s3:ListBucket"], bucket.bucket_arn)

    def grant_write_index(self, grantee: iam.IGrantable) -> None:
        """Let the embedded index be read and replaced."""
        self.grant_read_index(grantee)
        key = self._config.embedded_index_key
        _grant(grantee, ["s3:PutObject"], self._index_bucket().arn_for_objects(key))

    def _index_bucket(self) -> s3.Bucket:
        if self.index is None:
            msg = "there is no index bucket: the index is a domain"
            raise ValueError(msg)
        return self.index

    def _bucket(self, construct_id: str, *, logs: s3.Bucket | None) -> s3.Bucket:
        keep = self._config.keep
        bucket = s3.Bucket(
            self,
            construct_id,
            encryption=s3.BucketEncryption.S3_MANAGED,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            versioned=logs is not None,
            server_access_logs_bucket=logs,
            server_access_logs_prefix=f"{construct_id.lower()}/" if logs else None,
            removal_policy=cdk.RemovalPolicy.RETAIN if keep else cdk.RemovalPolicy.DESTROY,
            auto_delete_objects=not keep,
        )
        bucket.add_lifecycle_rule(
            abort_incomplete_multipart_upload_after=cdk.Duration.days(1),
            noncurrent_version_expiration=(cdk.Duration.days(_OLD_VERSIONS_DAYS) if logs else None),
        )
        return bucket


def _grant(grantee: iam.IGrantable, actions: list[str], resource: str) -> None:
    statement = iam.PolicyStatement(actions=actions, resources=[resource])
    grantee.grant_principal.add_to_principal_policy(statement)
