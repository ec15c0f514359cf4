"""Moto's S3 on loopback: a real server over HTTP, with one bucket."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.index.protocol import EmbeddedPhoto
from photo_search.index.sqlite import SqliteIndex
from photo_search.settings import AwsEnvironment, IndexAccess
from tests.core.index.samples import DIMENSION, FINGERPRINT

REGION = "eu-central-1"
BUCKET = "our-photos"
KEY = AwsEnvironment("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")


def credentials() -> AwsCredentialSource:
    return AwsCredentialSource(read=lambda: KEY)


@dataclass(frozen=True)
class Bucket:
    """A bucket on a running server."""

    endpoint: str
    client: Any

    @property
    def access(self) -> IndexAccess:
        return IndexAccess(region=REGION, s3_endpoint=self.endpoint)

    def put(self, key: str, path: Path) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())

    def delete(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)


@contextmanager
def running_bucket() -> Iterator[Bucket]:
    """A server with the bucket, until the block ends."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    client = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY.access_key,
        aws_secret_access_key=KEY.secret_key,
    )
    try:
        # Moto's servers of one process share what they hold.
        with suppress(client.exceptions.BucketAlreadyOwnedByYou):
            client.create_bucket(
                Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
            )
        yield Bucket(endpoint, client)
    finally:
        client.close()
        server.stop()


def published_file(
    directory: Path, photos: list[EmbeddedPhoto], *, fingerprint: str = FINGERPRINT
) -> Path:
    """The file that an ingest would publish."""
    number = len(list(directory.glob("published-*.db")))
    path = directory / f"published-{number}.db"
    with closing(
        SqliteIndex.create(
            directory / f"writable-{number}.db", fingerprint=fingerprint, dimension=DIMENSION
        )
    ) as index:
        index.upsert(photos)
        index.publish(path)
    return path
