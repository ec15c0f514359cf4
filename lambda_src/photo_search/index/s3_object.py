"""One object in S3: fetched whole and checked, unless it is the one that is here already."""

from __future__ import annotations

import hashlib
import re
import shutil
import time
from collections.abc import Callable, Collection
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import requests
from requests.exceptions import RequestException, SSLError
from urllib3.exceptions import HTTPError

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.errors import (
    DiskFull,
    IndexAccessDenied,
    IndexNotFound,
    IndexUnavailable,
    PhotoSearchError,
    SettingsError,
)
from photo_search.index.aws_signature import SignatureV4
from photo_search.index.scratch_directory import disk_errors
from photo_search.s3_url import S3Url, object_url
from photo_search.settings import AWS_REGION_ENV, IndexAccess

# S3 answers in some 10 to 200 ms; a lost connection shall leave time for a second try.
_CONNECT_TIMEOUT_S, _SILENCE_TIMEOUT_S = 2.0, 5.0
_ATTEMPTS, _PAUSE_S = 2, 0.2
_CHUNK_BYTES = 1 << 20
_MAX_ERROR_BYTES = 16 << 10
_EXPIRED = "ExpiredToken"
_ERROR_CODE = re.compile(rb"<Code>(\w{1,64})</Code>")
# What an ETag is, if nothing else is said: docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
_MD5_ETAG = re.compile(r'"([0-9a-f]{32})"')
_ENCRYPTION = "x-amz-server-side-encryption"
_ENCRYPTIONS_WITH_MD5 = ("", "AES256")
_CUSTOMER_KEY = f"{_ENCRYPTION}-customer-algorithm"
_BUCKET_REGION = "x-amz-bucket-region"


class S3Object:
    """An object, and who asks for it. Holds no connection and no credentials between calls."""

    def __init__(
        self,
        place: S3Url,
        access: IndexAccess,
        *,
        credentials: AwsCredentialSource | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            place: The object.
            access: Its bucket's region, and the server where that is not AWS's.
            credentials: Where they come from; the usual places when left out.
            clock: Seconds from some moment on.

        Raises:
            SettingsError: No region is given.
        """
        if not access.region:
            msg = f"{AWS_REGION_ENV} is not given; {place} needs the region of its bucket"
            raise SettingsError(msg)
        self.place = place
        self._url = object_url(place, region=access.region, endpoint=access.s3_endpoint)
        self._access = access
        self._credentials = credentials
        self._clock = clock

    def fetch(self, path: Path, *, known_etags: Collection[str] = (), within_s: float) -> str:
        """Write the object to a path, whole or not at all.

        Args:
            path: Where nothing lies.
            known_etags: Of versions that are not wanted again, the one seen last at the end.
            within_s: What all of it may take; a second try is part of it.

        Returns:
            Its ETag; nothing was written where that is a known one.

        Raises:
            IndexNotFound: There is no such object.
            IndexAccessDenied: The credentials may not read it.
            IndexUnavailable: S3 does not answer, or not in time, or breaks off.
            DiskFull: There is no room for it.
            SettingsError: There are no credentials, or the bucket lies in another region.
        """
        deadline_s = self._clock() + within_s
        for _ in range(1, _ATTEMPTS):
            try:
                return self._fetch_once(path, list(known_etags), deadline_s)
            except IndexUnavailable:
                if self._clock() + _PAUSE_S >= deadline_s:
                    raise
                time.sleep(_PAUSE_S)
        return self._fetch_once(path, list(known_etags), deadline_s)

    def _fetch_once(self, path: Path, known_etags: list[str], deadline_s: float) -> str:
        partial = path.with_name(f"{path.name}.partial")
        try:
            with requests.Session() as session, closing(self._get(session, known_etags)) as answer:
                etag = answer.headers.get("etag", "")
                if answer.status_code == HTTPStatus.NOT_MODIFIED:
                    return known_etags[-1]
                if answer.status_code != HTTPStatus.OK:
                    raise self._refusal(answer)
                if etag in known_etags:
                    return etag
                # Whatever the network does has another class by now (urllib3's).
                with disk_errors(partial):
                    self._receive(answer, partial, deadline_s)
        except SSLError as error:
            msg = f"the server of {self.place} is not trusted: {error}"
            raise IndexAccessDenied(msg) from error
        except (RequestException, HTTPError) as error:
            msg = f"{self.place} cannot be fetched now: {error}"
            raise IndexUnavailable(msg) from error
        else:
            with disk_errors(path):
                partial.replace(path)
            return etag
        finally:
            partial.unlink(missing_ok=True)

    def _get(self, session: requests.Session, known_etags: list[str]) -> requests.Response:
        # The settings alone decide: no .netrc, proxy or CA bundle of the environment joins in.
        session.trust_env = False
        headers = {"Accept-Encoding": "identity"}
        if known_etags:
            headers["If-None-Match"] = known_etags[-1]
        return session.get(
            self._url,
            headers=headers,
            # Made anew each time: a process that is frozen and copied shall hold no credentials.
            auth=SignatureV4(
                self._credentials or AwsCredentialSource(),
                region=self._access.region,
                service="s3",
            ),
            stream=True,
            allow_redirects=False,
            timeout=(_CONNECT_TIMEOUT_S, _SILENCE_TIMEOUT_S),
            verify=str(self._access.ca_file) if self._access.ca_file else True,
        )

    def _receive(self, answer: requests.Response, partial: Path, deadline_s: float) -> None:
        length = answer.headers.get("content-length", "")
        if not length.isdecimal() or "etag" not in answer.headers:
            msg = f"{self.place} came without its size or its ETag; is that server an S3?"
            raise IndexUnavailable(msg)
        size_bytes = int(length)
        free_bytes = shutil.disk_usage(partial.parent).free
        if size_bytes > free_bytes:
            msg = f"{self.place} has {size_bytes} bytes; {partial.parent} has room for {free_bytes}"
            raise DiskFull(msg)
        digest = hashlib.md5(usedforsecurity=False)
        received_bytes = 0
        with partial.open("wb") as file:
            # One receive at a time, so that a trickle is seen to outlast the deadline.
            while chunk := answer.raw.read1(_CHUNK_BYTES):
                received_bytes += len(chunk)
                digest.update(chunk)
                file.write(chunk)
                if self._clock() > deadline_s:
                    msg = f"{self.place}: {received_bytes} of {size_bytes} bytes came in time"
                    raise IndexUnavailable(msg)
        if received_bytes != size_bytes:
            msg = f"{self.place} broke off after {received_bytes} of {size_bytes} bytes"
            raise IndexUnavailable(msg)
        expected = _md5_of(answer)
        if expected and expected != digest.hexdigest():
            msg = f"{self.place} was altered on its way: its MD5 is not its ETag, {expected}"
            raise IndexUnavailable(msg)

    def _refusal(self, answer: requests.Response) -> PhotoSearchError:
        status = answer.status_code
        found = _ERROR_CODE.search(answer.raw.read(_MAX_ERROR_BYTES))
        code = found[1].decode("ascii") if found else "no reason"
        region = answer.headers.get(_BUCKET_REGION, self._access.region)
        if region != self._access.region:
            return SettingsError(
                f"{self.place} lies in {region[:40]!r}; {AWS_REGION_ENV} is {self._access.region!r}"
            )
        if status == HTTPStatus.NOT_FOUND:
            return IndexNotFound(f"there is no index at {self.place} ({code})")
        if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return IndexUnavailable(f"{self.place} answered {status} for now ({code})")
        if code == _EXPIRED:
            return IndexUnavailable(
                f"{self.place}: the AWS credentials have expired; renew them (`aws sso login`) and "
                "run the same again"
            )
        return IndexAccessDenied(
            f"{self.place} may not be read ({status}, {code}); check what the role allows: "
            "s3:GetObject, and s3:ListBucket, without which a missing object looks the same"
        )


def _md5_of(answer: requests.Response) -> str:
    """The MD5 that the object must have; empty where its ETag is none."""
    encrypted_otherwise = (
        answer.headers.get(_ENCRYPTION, "") not in _ENCRYPTIONS_WITH_MD5
        or _CUSTOMER_KEY in answer.headers
    )
    found = _MD5_ETAG.fullmatch(answer.headers.get("etag", ""))
    return found[1] if found and not encrypted_otherwise else ""
