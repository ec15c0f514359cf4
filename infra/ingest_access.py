"""What those who ingest may do with the buckets and the index: the job, and the writer."""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3

from infra.images import MODEL_DIR
from infra.photo_index import PhotoIndex, index_environment
from infra.photo_store import THUMBS_PREFIX, WORK_PREFIX, PhotoStore

_READ = ("s3:GetObject",)
_CHANGE = ("s3:GetObject", "s3:PutObject", "s3:DeleteObject")


def ingest_environment(store: PhotoStore, index: PhotoIndex | None) -> dict[str, str]:
    """The variables of photo_search.settings that ingest needs.

    Args:
        store: The buckets.
        index: The domain, where there is one.
    """
    return {
        "MODEL_DIR": MODEL_DIR,
        "WORK_URL": store.work_url,
        "PHOTOS_URL": store.photos_url,
        "THUMBS_URL": store.thumbs_url,
        **index_environment(store, index),
    }


def grant_job(role: iam.IRole, store: PhotoStore, index: PhotoIndex | None) -> None:
    """Let the job read photos, keep shards and thumbnails, and make and fill indexes."""
    _grant_store(role, store)
    if index is None:
        store.grant_write_index(role)
    else:
        index.grant_admin(role)


def grant_writer(role: iam.IRole, store: PhotoStore, index: PhotoIndex | None) -> None:
    """Let the writer do the same, save that it makes, swaps and drops no index."""
    _grant_store(role, store)
    if index is None:
        store.grant_write_index(role)
    else:
        index.grant_write(role)


def _grant_store(role: iam.IRole, store: PhotoStore) -> None:
    """Originals are read and never changed; nothing outside the two prefixes is."""
    _grant(role, _READ, store.photos.arn_for_objects("*"))
    _grant(role, _CHANGE, store.thumbs.arn_for_objects(f"{THUMBS_PREFIX}/*"))
    _grant(role, _CHANGE, store.shards.arn_for_objects(f"{WORK_PREFIX}/*"))
    for bucket in (store.photos, store.thumbs, store.shards):
        _grant_list(role, bucket)


def _grant_list(role: iam.IRole, bucket: s3.Bucket) -> None:
    # Not by prefix: a look at an object that is not there carries none, and without this right S3
    # answers 403 instead of 404. Each bucket holds one kind of thing anyway.
    _grant(role, ("s3:ListBucket",), bucket.bucket_arn)


def _grant(role: iam.IRole, actions: tuple[str, ...], resource: str) -> None:
    role.add_to_principal_policy(iam.PolicyStatement(actions=list(actions), resources=[resource]))
