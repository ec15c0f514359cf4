"""S3Url: a place in S3, and the address that an object has there. No sockets, no credentials."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote

from photo_search.errors import SettingsError

S3_SCHEME = "s3://"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html, in UTF-8
_MAX_KEY_BYTES = 1024
_CHINA = "cn-"


@dataclass(frozen=True, slots=True)
class S3Url:
    """``s3://BUCKET[/KEY]``.

    Attributes:
        bucket: The bucket's name.
        key: An object's key, or a prefix without a slash at its end; empty for the whole bucket.
    """

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, url: str, *, name: str) -> S3Url:
        """Read a place that a person wrote; a slash at its end does not count.

        Args:
            url: ``s3://BUCKET[/KEY]``; the key as it is, not percent-encoded.
            name: Of the setting or argument, for the message.

        Raises:
            SettingsError: It is no such place, or its key holds an empty part, ``.`` or ``..``,
                which clients on the way would take out.
        """
        bucket, _, key = url.removeprefix(S3_SCHEME).removesuffix("/").partition("/")
        if not url.startswith(S3_SCHEME) or not _BUCKET.fullmatch(bucket):
            msg = f"{name} is {url!r}; it may be s3://BUCKET or s3://BUCKET/KEY"
            raise SettingsError(msg)
        if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
            msg = f"{name} is {url!r}; its key may hold no empty part, no . and no .."
            raise SettingsError(msg)
        if len(key.encode()) > _MAX_KEY_BYTES:
            msg = f"{name} has a key of {len(key.encode())} bytes; the limit is {_MAX_KEY_BYTES}"
            raise SettingsError(msg)
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"{S3_SCHEME}{self.bucket}{'/' if self.key else ''}{self.key}"

    def object(self, name: str) -> S3Url:
        """The object of this name below the prefix."""
        return S3Url(self.bucket, f"{self.key}/{name}" if self.key else name)


def object_url(place: S3Url, *, region: str, endpoint: str = "") -> str:
    """Give the https address of an object, encoded as AWS signs it.

    AWS gets the bucket in the host, as it asks for; a bucket with dots goes into the path, since
    the certificate of ``*.s3.REGION.amazonaws.com`` does not cover it. So does every bucket of
    another server, whose host has no names for buckets.

    Args:
        place: The object.
        region: The bucket's.
        endpoint: ``https://host[:port]`` of a server other than AWS's.
    """
    key = quote(place.key, safe="/~")
    if endpoint:
        return f"{endpoint}/{place.bucket}/{key}"
    host = f"s3.{region}.amazonaws.com{'.cn' if region.startswith(_CHINA) else ''}"
    if "." in place.bucket:
        return f"https://{host}/{place.bucket}/{key}"
    return f"https://{place.bucket}.{host}/{key}"
