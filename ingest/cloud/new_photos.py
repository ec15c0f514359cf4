"""The Lambda that makes new photos searchable and deleted ones disappear: its handler.

A queue hands it messages about objects; it answers which of them failed, for the queue to hand them
out again. Importing it does nothing; the first call opens the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from aws_lambda_powertools.logging import Logger
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import (
    AmazonCloudWatchEMFProvider,
)

from ingest.cloud.delta_index import DeltaIndex, PublishedDelta, ServedIndex
from ingest.cloud.photo_events import Message, read_messages
from ingest.cloud.photo_writer import Brought, PhotoWriter
from ingest.cloud.published_index import IndexPublisher
from ingest.cloud.s3 import S3
from ingest.cloud.thumbnail_bucket import ThumbnailBucket
from ingest.cloud.work_bucket import WorkBucket
from ingest.sources.bucket import BucketSource
from photo_search.errors import PhotoSearchError, SettingsError
from photo_search.index.scratch_directory import ScratchDirectory
from photo_search.index.url import OpenSearchUrl, parse_index_url
from photo_search.model_bundle import ModelBundle
from photo_search.s3_url import S3Url
from photo_search.search import open_encoder
from photo_search.settings import (
    INDEX_URL_ENV,
    PHOTOS_URL_ENV,
    THUMBS_URL_ENV,
    WORK_URL_ENV,
    Settings,
    read_settings,
)

SERVICE = "new_photos"
METRICS_NAMESPACE = "PhotoSearch"

Answer = dict[str, list[dict[str, str]]]


class LambdaContext(Protocol):
    """What is read of the context that Lambda passes along with an event."""

    @property
    def aws_request_id(self) -> str:
        """Identity of this call, in every log line."""


def make_handler(
    open_writer: Callable[[], PhotoWriter],
) -> Callable[[Mapping[str, Any], LambdaContext], Answer]:
    """Make a handler.

    Args:
        open_writer: Gives the ready writer; called for each event.
    """

    def handle(event: Mapping[str, Any], context: LambdaContext) -> Answer:
        messages = read_messages(event)
        logger = _logger()
        logger.append_keys(request_id=context.aws_request_id)
        try:
            writer = open_writer()
            brought = writer.bring(_keys(messages, writer.source.place.bucket))
        except PhotoSearchError:
            logger.exception("the photos are not brought to the index; the queue tries again")
            _count(Failed=len(messages))
            # All of them: in a queue that keeps the order, those after a failed one wait for it.
            failed = [{"itemIdentifier": message.message_id} for message in messages]
            return {"batchItemFailures": failed}
        _report(brought)
        return {"batchItemFailures": []}

    return handle


def open_photo_writer(settings: Settings, *, scratch: Path) -> PhotoWriter:
    """Compose settings, buckets, model and index into a ready writer.

    Args:
        settings: What to open.
        scratch: A directory for copies; with a published index it has room for three of it.

    Raises:
        SettingsError: A setting is missing.
        ModelError: The bundle is missing or altered.
    """
    photos = _given(settings.photos_url, PHOTOS_URL_ENV)
    thumbs = _given(settings.thumbs_url, THUMBS_URL_ENV)
    work = _given(settings.work_url, WORK_URL_ENV)
    encoder = open_encoder(settings, spins=False)
    s3 = S3.connect(settings.index_access)
    return PhotoWriter(
        BucketSource(s3, photos, excluded=(thumbs, work)),
        WorkBucket(s3, work, scratch / "work"),
        ThumbnailBucket(s3, thumbs, scratch / "thumbs"),
        encoder,
        _index(settings, s3, encoder.bundle, scratch),
    )


def _index(settings: Settings, s3: S3, bundle: ModelBundle, scratch: Path) -> DeltaIndex:
    place = parse_index_url(settings.index_url)
    if isinstance(place, OpenSearchUrl):
        return ServedIndex(place, settings.index_access, fingerprint=bundle.fingerprint)
    if isinstance(place, S3Url):
        publisher = IndexPublisher(s3, place, scratch)
        return PublishedDelta(publisher, fingerprint=bundle.fingerprint, dimension=bundle.dimension)
    msg = f"{INDEX_URL_ENV} is {settings.index_url!r}; no file on a Lambda outlives it"
    raise SettingsError(msg)


def _keys(messages: Sequence[Message], bucket: str) -> list[str]:
    """Keys of this bucket; what else comes is told and passed over: no repeat would mend it."""
    for message in messages:
        if message.bucket != bucket:
            told = {"message_id": message.message_id, "bucket": message.bucket}
            _logger().error("a message is about no object of the photos' bucket", extra=told)
    return [message.key for message in messages if message.bucket == bucket]


def _report(brought: Brought) -> None:
    delta = brought.delta
    logger = _logger()
    for failure in delta.failures:
        told = {"place": failure.place, "reason": failure.reason, "detail": failure.detail}
        logger.warning("an object is no photo", extra=told)
    for photo_id, reason in brought.refused.items():
        logger.error("the index refuses a photo", extra={"photo_id": photo_id, "reason": reason})
    counts = {
        "Stored": len(delta.rows) - len(brought.refused),
        "Gone": len(delta.gone),
        "KeptOut": len(delta.kept_out),
        "NoPictures": len(delta.failures),
        "Refused": len(brought.refused),
    }
    logger.info("brought", extra=counts)
    _count(**counts)


def _count(**counts: int) -> None:
    metrics = AmazonCloudWatchEMFProvider(namespace=METRICS_NAMESPACE, service=SERVICE)
    for name, count in counts.items():
        metrics.add_metric(f"NewPhotos{name}", MetricUnit.Count, count)
    metrics.flush_metrics()


Place = TypeVar("Place")


def _given(place: Place | None, name: str) -> Place:
    if place is None:
        msg = f"{name} is not given; the writer of new photos needs it"
        raise SettingsError(msg)
    return place


@cache
def _logger() -> Logger:
    return Logger(service=SERVICE)


@cache
def _scratch() -> ScratchDirectory:
    return ScratchDirectory()


@cache
def _writer() -> PhotoWriter:
    return open_photo_writer(read_settings(), scratch=_scratch().path)


handler = make_handler(_writer)
"""What Lambda calls; settings, model and places are read by the first call that succeeds in it."""
