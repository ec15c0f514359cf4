"""S3 as ingest uses it: objects listed, read, put on conditions, deleted. The one user of boto3.

Nothing here knows what the objects are. What boto3 raises leaves as this project's errors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from ingest.atomic_file import full_disk_named
from ingest.cloud.s3_errors import LOST_RACE, NOT_THERE, UNCHANGED, code_of, s3_errors
from ingest.cloud.s3_parts import put_in_parts
from photo_search.errors import IndexUnavailable, SettingsError
from photo_search.s3_url import S3Url
from photo_search.settings import IndexAccess

CONNECTIONS = 16
"""Requests at once that a client has room for."""
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 5, 30
_ATTEMPTS = 5
_BODY_ATTEMPTS = 3  # botocore repeats a request, but not the reading of its answer
_CHUNK_BYTES = 1 << 20
# S3 takes 5 GB in one put and 10,000 parts (AmazonS3/latest/userguide/qfacts.html).
_PART_BYTES = 512 << 20
_DELETED_AT_ONCE = 1000
_LINK_LASTS_S = 900  # longer than all tries of one download


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing tells it; ``etag`` without quotes."""

    key: str
    size_bytes: int
    etag: str
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class Content:
    """An object's bytes, and what is noted beside them; ``etag`` without quotes."""

    data: bytes
    etag: str
    size_bytes: int
    notes: Mapping[str, str] = field(default_factory=dict)


class S3:
    """A client. Safe in threads."""

    def __init__(self, client: Any, *, part_bytes: int = _PART_BYTES) -> None:
        """Use a client of boto3; ``connect`` makes one.

        Args:
            client: Its credentials renew themselves where they can.
            part_bytes: Larger files are put in parts of this size.
        """
        self._client = client
        self._part_bytes = part_bytes

    @classmethod
    def connect(cls, access: IndexAccess, *, attempts: int = _ATTEMPTS) -> Self:
        """Make a client with the usual credentials; nothing is sent.

        Args:
            access: Region, and the server where it is not AWS's.
            attempts: How often a request is tried in all.

        Raises:
            SettingsError: boto3 is not installed, or what AWS's settings say cannot be used.
        """
        try:
            import boto3
            from botocore.config import Config
        except ImportError as error:
            msg = "s3:// places take boto3, which is not installed: pip install photo-search[aws]"
            raise SettingsError(msg) from error
        config = Config(
            signature_version="s3v4",
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=_READ_TIMEOUT_S,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": attempts},
            # Another server has no names for buckets.
            s3={"addressing_style": "path" if access.s3_endpoint else "auto"},
        )
        with s3_errors("S3"):
            return cls(
                boto3.session.Session().client(
                    "s3",
                    region_name=access.region or None,
                    endpoint_url=access.s3_endpoint or None,
                    config=config,
                )
            )

    def objects(self, place: S3Url, *, after: str = "") -> Iterator[Listed]:
        """List what lies below a place, by key.

        Args:
            place: A bucket, or a prefix that a slash follows.
            after: Only keys beyond this one.
        """
        request = _below(place) | ({"StartAfter": after} if after else {})
        with s3_errors(place):
            for page in self._client.get_paginator("list_objects_v2").paginate(**request):
                for one in page.get("Contents", ()):
                    etag = one["ETag"].strip('"')
                    yield Listed(one["Key"], int(one["Size"]), etag, one["LastModified"])

    def folders(self, place: S3Url) -> list[str]:
        """Names that something lies below, one level down."""
        request = _below(place) | {"Delimiter": "/"}
        with s3_errors(place):
            pages = self._client.get_paginator("list_objects_v2").paginate(**request)
            found = [str(one["Prefix"]) for page in pages for one in page.get("CommonPrefixes", ())]
        return [one.removesuffix("/").rpartition("/")[2] for one in found]

    def get(self, place: S3Url, *, most_bytes: int | None = None) -> Content | None:
        """Read an object into memory; None when it is not there.

        Args:
            place: The object.
            most_bytes: Of a larger one no byte is read.
        """
        for tries_left in reversed(range(_BODY_ATTEMPTS)):
            with s3_errors(place):
                answer = self._answer("get_object", place)
                if answer is None:
                    return None
                size_bytes = int(answer["ContentLength"])
                with closing(answer["Body"]) as body:
                    too_large = most_bytes is not None and size_bytes > most_bytes
                    data = b"" if too_large else _read(body, tries_left)
                if data is not None:
                    etag = answer["ETag"].strip('"')
                    return Content(data, etag, size_bytes, answer.get("Metadata", {}))
        msg = f"{place} was read {_BODY_ATTEMPTS} times and never to its end"
        raise IndexUnavailable(msg)

    def download(self, place: S3Url, path: Path, *, unless_etag: str = "") -> Content | None:
        """Write an object to a file; its ``Content`` comes without bytes.

        Args:
            place: The object.
            path: The file; what an interruption leaves there is no use.
            unless_etag: Where it has this one still, nothing is written.

        Returns:
            None when it is not there.

        Raises:
            DiskFull: There is no room.
        """
        condition = {"IfNoneMatch": f'"{unless_etag}"'} if unless_etag else {}
        with s3_errors(place):
            answer = self._answer("get_object", place, **condition)
            if answer is None:
                return None
            content = Content(
                b"",
                str(answer.get("ETag") or unless_etag).strip('"'),
                int(answer.get("ContentLength", 0)),
                answer.get("Metadata", {}),
            )
            if "Body" in answer:
                with (
                    closing(answer["Body"]) as body,
                    full_disk_named(path),
                    path.open("wb") as file,
                ):
                    for chunk in body.iter_chunks(_CHUNK_BYTES):
                        file.write(chunk)
            return content

    def head(self, place: S3Url) -> Content | None:
        """What is known of an object, without its bytes; None when it is not there."""
        with s3_errors(place):
            answer = self._answer("head_object", place)
        if answer is None:
            return None
        size_bytes = int(answer["ContentLength"])
        return Content(b"", answer["ETag"].strip('"'), size_bytes, answer.get("Metadata", {}))

    def put(self, place: S3Url, data: bytes | Path, **facts: str) -> None:
        """Put an object in the place of whatever is there; facts have S3's own names."""
        self._put(place, data, dict(facts))

    def put_if(
        self,
        place: S3Url,
        data: bytes | Path,
        *,
        etag: str | None,
        notes: Mapping[str, str] | None = None,
    ) -> str | None:
        """Put an object only in the place of a known one.

        Args:
            place: The object.
            data: Its bytes, or the file that holds them.
            etag: Of the one that is there; None where there must be none.
            notes: What is noted beside it.

        Returns:
            Its ETag; None when another writer was faster.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": f'"{etag}"'}
        return self._put(place, data, {"Metadata": dict(notes or {}), **condition})

    def delete(self, places: Sequence[S3Url]) -> None:
        """Delete objects of one bucket; those that are not there are fine."""
        for first in range(0, len(places), _DELETED_AT_ONCE):
            some = places[first : first + _DELETED_AT_ONCE]
            keys = [{"Key": place.key} for place in some]
            with s3_errors(some[0]):
                answer = self._client.delete_objects(
                    Bucket=some[0].bucket, Delete={"Objects": keys, "Quiet": True}
                )
            for refused in answer.get("Errors", ()):
                msg = f"s3://{some[0].bucket}/{refused['Key']} is not deleted: {refused['Code']}"
                raise SettingsError(msg)

    def link(self, place: S3Url) -> str:
        """A URL that opens an object for some minutes, with nothing else to show.

        What S3 says of its kind is left out, which was often guessed when it was put.
        """
        with s3_errors(place):
            return str(
                self._client.generate_presigned_url(
                    "get_object",
                    Params={
                        "Bucket": place.bucket,
                        "Key": place.key,
                        "ResponseContentType": "application/octet-stream",
                    },
                    ExpiresIn=_LINK_LASTS_S,
                )
            )

    def _answer(self, operation: str, place: S3Url, **more: str) -> dict[str, Any] | None:
        """Ask for an object; None when it is not there, an answer without body when unchanged."""
        from botocore.exceptions import ClientError

        try:
            answer: dict[str, Any] = getattr(self._client, operation)(
                Bucket=place.bucket, Key=place.key, **more
            )
        except ClientError as error:
            if code_of(error) in UNCHANGED:
                return {}
            if code_of(error) in NOT_THERE:
                return None
            raise
        return answer

    def _put(self, place: S3Url, data: bytes | Path, facts: dict[str, Any]) -> str | None:
        from botocore.exceptions import ClientError

        request = {"Bucket": place.bucket, "Key": place.key}
        with s3_errors(place):
            try:
                if isinstance(data, bytes):
                    answer = self._client.put_object(**request, Body=data, **facts)
                elif data.stat().st_size <= self._part_bytes:
                    with data.open("rb") as file:
                        answer = self._client.put_object(**request, Body=file, **facts)
                else:
                    answer = put_in_parts(self._client, request, data, facts, self._part_bytes)
            except ClientError as error:
                # A put in the place of an object that is gone finds no key.
                if code_of(error) in LOST_RACE | NOT_THERE:
                    return None
                raise
        return str(answer["ETag"]).strip('"')


def _below(place: S3Url) -> dict[str, str]:
    return {"Bucket": place.bucket, "Prefix": f"{place.key}/" if place.key else ""}


def _read(body: Any, tries_left: int) -> bytes | None:
    """Read to the end; None where the connection was lost before it and another try is left."""
    from botocore.exceptions import BotoCoreError

    try:
        return bytes(body.read())
    except BotoCoreError:
        if tries_left:
            return None
        raise
