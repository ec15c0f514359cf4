"""Links to objects in S3 that carry their own permission, for a while.

That is SigV4 in the query:
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote, urlencode, urlsplit

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.container_credentials import AwsCredentials
from photo_search.errors import SettingsError
from photo_search.s3_url import S3Url, object_url
from photo_search.settings import AWS_REGION_ENV, IndexAccess

LINK_LASTS = timedelta(hours=2)
"""From its signing time on; shorter where the credentials end before."""
SIGNED_EVERY = timedelta(hours=1)
"""Signing times are multiples of it: links repeat, so that a browser's cache finds them."""

_ALGORITHM = "AWS4-HMAC-SHA256"
_CACHE_CONTROL = f"private, max-age={SIGNED_EVERY // timedelta(seconds=1)}"


def _now() -> datetime:
    return datetime.now(UTC)


class S3Links:
    """Makes links; asks nobody. Safe in threads."""

    def __init__(
        self,
        access: IndexAccess,
        *,
        credentials: AwsCredentialSource | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Prepare.

        Args:
            access: The buckets' region, and the server where that is not AWS's.
            credentials: Where they come from; the usual places when left out.
            now: The time, in UTC.

        Raises:
            SettingsError: No region is given.
        """
        if not access.region:
            msg = f"{AWS_REGION_ENV} is not given; links to photos need the region of their bucket"
            raise SettingsError(msg)
        self._access = access
        self._credentials = credentials or AwsCredentialSource()
        self._now = now

    def link(self, place: S3Url) -> str:
        """Give a link to an object, which need not be there.

        Browsers take ``.`` and ``..`` out of a path, so that no link leads to a key with them.

        Raises:
            SettingsError: There are no credentials.
            IndexUnavailable: The endpoint that gives them does not answer.
        """
        signer = _signer(
            self._credentials.current(), self._access.region, _rounded_down(self._now())
        )
        return signer.sign(
            object_url(place, region=self._access.region, endpoint=self._access.s3_endpoint)
        )


@dataclass(frozen=True, slots=True)
class _Signer:
    """What the links of one hour share.

    Attributes:
        query: All of it but the signature, in the order that is signed.
        preamble: What is signed before the digest of a request.
        key: Derived from the secret for one day, region and service.
    """

    query: str
    preamble: str
    key: bytes = field(repr=False)

    def sign(self, url: str) -> str:
        parts = urlsplit(url)
        request = f"GET\n{parts.path}\n{self.query}\nhost:{parts.netloc}\n\nhost\nUNSIGNED-PAYLOAD"
        text = f"{self.preamble}\n{hashlib.sha256(request.encode()).hexdigest()}"
        signature = hmac.digest(self.key, text.encode(), "sha256").hex()
        return f"{url}?{self.query}&X-Amz-Signature={signature}"


@lru_cache(
    maxsize=2
)  # an answer has up to 200 links, and making this takes longer than a signature
def _signer(credentials: AwsCredentials, region: str, signed_at: datetime) -> _Signer:
    scope = f"{signed_at:%Y%m%d}/{region}/s3/aws4_request"
    date = f"{signed_at:%Y%m%dT%H%M%SZ}"
    parameters = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{credentials.access_key}/{scope}",
        "X-Amz-Date": date,
        "X-Amz-Expires": str(LINK_LASTS // timedelta(seconds=1)),
        "X-Amz-Security-Token": credentials.token,
        "X-Amz-SignedHeaders": "host",
        "response-cache-control": _CACHE_CONTROL,
    }
    given = {name: value for name, value in parameters.items() if value}
    key = f"AWS4{credentials.secret_key}".encode()
    for part in scope.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    query = urlencode(given, quote_via=quote, safe="")
    return _Signer(query, f"{_ALGORITHM}\n{date}\n{scope}", key)


def _rounded_down(at: datetime) -> datetime:
    return at - (at - datetime.min.replace(tzinfo=UTC)) % SIGNED_EVERY
