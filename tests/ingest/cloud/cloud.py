"""A collection on AWS as far as moto goes: buckets, the command line, the writer of new photos."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from contextlib import closing
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import numpy as np
from botocore.config import Config

from ingest.cloud.new_photos import make_handler, open_photo_writer
from ingest.cloud.photo_writer import PhotoWriter
from ingest.cloud.s3 import S3
from ingest.cloud.work_bucket import WorkBucket
from ingest.command import main
from ingest.shard_files import space_directory
from ingest.shard_reader import ShardReader
from photo_search.index import EmbeddedPhoto
from photo_search.index.sqlite import SqliteIndex
from photo_search.model_bundle import ModelBundle
from photo_search.s3_url import S3Url
from photo_search.settings import IndexAccess, read_settings
from tests.ingest.shard_rows import everything

REGION = "us-east-1"
_FRESH = count()


class Cloud:
    """Buckets of its own, named in the environment as a deployment names them."""

    def __init__(self, endpoint: str, directory: Path, model: Path, bundle: ModelBundle) -> None:
        number = next(_FRESH)
        self.endpoint = endpoint
        self.directory = directory
        self.bundle = bundle
        self.client = client(endpoint)
        self.s3 = S3(self.client)
        self.photos = S3Url(f"photos-{number}")
        self.thumbs = S3Url(f"thumbs-{number}", "thumbs")
        self.work = S3Url(f"shards-{number}", "work")
        self.index = S3Url(f"index-{number}", "photos.db")
        for place in (self.photos, self.thumbs, self.work, self.index):
            self.client.create_bucket(Bucket=place.bucket)
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL_S3": endpoint,
            "MODEL_DIR": str(model),
            "INDEX_URL": str(self.index),
            "PHOTOS_URL": str(self.photos),
            "THUMBS_URL": str(self.thumbs),
            "WORK_URL": str(self.work),
        }
        self._scratches = count()

    @property
    def access(self) -> IndexAccess:
        return IndexAccess(region=REGION, s3_endpoint=self.endpoint)

    def put(self, path: str, data: bytes, **facts: str) -> None:
        self.client.put_object(Bucket=self.photos.bucket, Key=path, Body=data, **facts)

    def put_folder(self, root: Path) -> None:
        for path in root.rglob("*"):
            if path.is_file():
                self.put(path.relative_to(root).as_posix(), path.read_bytes())

    def delete(self, path: str) -> None:
        self.client.delete_object(Bucket=self.photos.bucket, Key=path)

    def ingest(self, *more: object) -> int:
        return self.run("bucket", self.photos, "--thumbs", self.thumbs, *more)

    def run(self, task: str, *arguments: object) -> int:
        places = [] if task in ("load", "verify") else ["--work", str(self.work)]
        return main(["ingest", task, *map(str, arguments), *places])

    def forget_mirror(self) -> None:
        """What a container that is started anew does not have."""
        shutil.rmtree(self.directory / "build", ignore_errors=True)

    def writer(self, **environment: str) -> PhotoWriter:
        """A writer in a Lambda that was started just now."""
        settings = read_settings(self.environment | environment)
        scratch = self.directory / f"lambda-{next(self._scratches)}"
        scratch.mkdir()
        return open_photo_writer(settings, scratch=scratch)

    def send(self, *paths: str, writer: PhotoWriter | None = None) -> list[str]:
        """Let the queue hand messages to the Lambda; those that it says have failed."""
        chosen = writer or self.writer()
        answer = make_handler(lambda: chosen)(queue_event(self.photos.bucket, paths), Context())
        return [one["itemIdentifier"] for one in answer["batchItemFailures"]]

    def indexed(self) -> dict[str, EmbeddedPhoto]:
        """What searches find in the published index."""
        path = self.directory / "read.db"
        self.client.download_file(self.index.bucket, self.index.key, str(path))
        found = {}
        with closing(
            SqliteIndex.open(path, fingerprint=self.bundle.fingerprint, immutable=True)
        ) as index:
            for photo_id in index.photo_ids():
                embedded = index.get(photo_id)
                assert embedded is not None
                found[photo_id] = embedded
        return found

    def paths(self) -> list[str]:
        return sorted(one.photo.path for one in self.indexed().values())

    def in_shards(self) -> dict[str, EmbeddedPhoto]:
        return everything(self.reader())

    def reader(self) -> ShardReader:
        """The shards as somebody new brings them here."""
        directory = self.directory / "fresh"
        shutil.rmtree(directory, ignore_errors=True)
        WorkBucket(self.s3, self.work, directory).pull_all()
        return ShardReader.open(space_directory(directory, self.bundle.fingerprint))

    def keys(self, place: S3Url) -> list[str]:
        return [one.key for one in self.s3.objects(S3Url(place.bucket))]

    def numbers(self) -> list[int]:
        """Numbers of the shards in the bucket, those that a base has emptied included."""
        names = [key.rpartition("/")[2] for key in self.keys(self.work)]
        return [int(name.removesuffix(".zip")) for name in names if name.endswith(".zip")]


class Context:
    aws_request_id = "request-1"


@cache
def client(endpoint: str) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
    )


def queue_event(bucket: str, keys: Sequence[str]) -> Mapping[str, Any]:
    """What Lambda gets of a FIFO queue behind EventBridge."""
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "eventSource": "aws:sqs",
                "body": json.dumps(object_event(bucket, key)),
            }
            for number, key in enumerate(keys)
        ]
    }


def object_event(bucket: str, key: str) -> dict[str, Any]:
    """As S3 tells EventBridge: AmazonS3/latest/userguide/ev-events.html."""
    return {
        "version": "0",
        "id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "detail-type": "Object Created",
        "source": "aws.s3",
        "region": REGION,
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {"key": key, "size": 1, "etag": "0", "sequencer": "0"},
            "reason": "PutObject",
        },
    }


def check_alike(found: Mapping[str, EmbeddedPhoto], wanted: Mapping[str, EmbeddedPhoto]) -> None:
    """The same photos; each place rounds an embedding to half precision once more."""
    assert found.keys() == wanted.keys()
    for photo_id, embedded in wanted.items():
        assert found[photo_id].photo == embedded.photo
        np.testing.assert_allclose(found[photo_id].embedding, embedded.embedding, atol=1e-3)
