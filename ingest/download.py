"""Downloads of a data set's pictures: patient with a busy server, short with a missing picture.

For URLs that a data set lists. A URL that a user typed goes through photo_search.image_url instead.
"""

from __future__ import annotations

import http.client
import random
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ingest.failure import TRANSIENT, Reason

RENDITION = {"w": "640", "q": "80", "fm": "jpg"}
"""The one rendition of a whole index: another width or codec would shift the embeddings."""
_USER_AGENT = "photo-search-ingest"
_CHUNK_BYTES = 1 << 16
_REASON_OF_STATUS: dict[int, Reason] = {
    HTTPStatus.NOT_FOUND: Reason.NOT_FOUND,
    HTTPStatus.GONE: Reason.NOT_FOUND,
    HTTPStatus.REQUEST_TIMEOUT: Reason.TIMED_OUT,
    HTTPStatus.TOO_MANY_REQUESTS: Reason.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """Patience: seconds, bytes and tries.

    Attributes:
        timeout_s: Longest silence of the server.
        deadline_s: Longest time for one try.
        size_bytes: Most bytes of a picture.
        tries: How often a transient failure is tried in all.
        first_pause_s: Pause before the second try; it doubles with each further one.
        longest_pause_s: Cap of a pause, also of one that the server asks for.
    """

    timeout_s: float = 15.0
    deadline_s: float = 60.0
    size_bytes: int = 50_000_000
    tries: int = 5
    first_pause_s: float = 0.5
    longest_pause_s: float = 30.0


class DownloadFailed(Exception):
    """One picture did not come; a reason, not an error of the job.

    Attributes:
        reason: The cause in one word.
        retry_after_s: The pause that the server asked for.
    """

    def __init__(self, reason: Reason, detail: str, *, retry_after_s: float = 0.0) -> None:
        """Name the cause in one word and in a sentence."""
        super().__init__(detail)
        self.reason = reason
        self.retry_after_s = retry_after_s


def rendition_url(url: str) -> str:
    """Set the canonical rendition on an image URL that may already have a query string."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query, keep_blank_values=True)) | RENDITION
    return urlunsplit(parts._replace(query=urlencode(query)))


def download(
    url: str,
    limits: DownloadLimits,
    *,
    sleep: Callable[[float], object] = time.sleep,
    jitter: Callable[[], float] = random.random,
    is_stopped: Callable[[], bool] = lambda: False,
) -> bytes:
    """Download one picture.

    Args:
        url: ``http`` or ``https``.
        limits: How long and how often to try.
        sleep: Waits between tries.
        jitter: Gives numbers in [0, 1) that spread the tries of many downloads.
        is_stopped: Whether the job has ended meanwhile; then a download is given up.

    Raises:
        DownloadFailed: The picture did not come; its reason is the last try's.
    """
    for failed_tries in range(limits.tries):
        try:
            return _try(url, limits, is_stopped)
        except DownloadFailed as failure:
            last = failed_tries + 1 == limits.tries
            if failure.reason not in TRANSIENT or last or is_stopped():
                raise
            # Half to all of the doubled pause, so that many downloads do not come back at once.
            pause_s = limits.first_pause_s * 2**failed_tries * (1 + jitter()) / 2
            sleep(min(max(pause_s, failure.retry_after_s), limits.longest_pause_s))
    msg = f"tries is {limits.tries}; it must be 1 or more"
    raise ValueError(msg)


def _try(url: str, limits: DownloadLimits, is_stopped: Callable[[], bool]) -> bytes:
    deadline_s = time.monotonic() + limits.deadline_s
    try:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise DownloadFailed(Reason.BAD_URL, f"{url!r} is no http or https URL")
        request = urllib.request.Request(url, headers={"User-Agent": _USER_AGENT})  # noqa: S310 - checked above
        with urllib.request.urlopen(request, timeout=limits.timeout_s) as response:  # noqa: S310 - checked above
            _check_type(url, response.headers.get_content_type())
            return _read(url, response, limits, is_stopped, deadline_s=deadline_s)
    except urllib.error.HTTPError as error:
        with error:
            raise _failure_of_status(url, error) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise DownloadFailed(Reason.TIMED_OUT, f"{url} did not answer in time") from error
        raise DownloadFailed(Reason.CONNECTION_LOST, f"{url}: {error.reason}") from error
    except TimeoutError as error:
        raise DownloadFailed(Reason.TIMED_OUT, f"{url} fell silent") from error
    # InvalidURL is an HTTPException too, so it goes first.
    except (ValueError, http.client.InvalidURL) as error:
        raise DownloadFailed(Reason.BAD_URL, f"{url!r}: {error}") from error
    except (http.client.HTTPException, OSError) as error:
        raise DownloadFailed(Reason.CONNECTION_LOST, f"{url}: {error!r}") from error


def _check_type(url: str, content_type: str) -> None:
    # Stores of files often send octet-stream for pictures; the decoder decides there.
    if not content_type.startswith("image/") and content_type != "application/octet-stream":
        raise DownloadFailed(Reason.NOT_AN_IMAGE, f"{url} is {content_type}, no picture")


def _read(
    url: str,
    response: http.client.HTTPResponse,
    limits: DownloadLimits,
    is_stopped: Callable[[], bool],
    *,
    deadline_s: float,
) -> bytes:
    data = bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        data += chunk
        if len(data) > limits.size_bytes:
            detail = f"{url} has more than {limits.size_bytes} bytes"
            raise DownloadFailed(Reason.TOO_LARGE, detail)
        if time.monotonic() > deadline_s or is_stopped():
            raise DownloadFailed(Reason.TIMED_OUT, f"{url} took over {limits.deadline_s} s")
    # read1 does not notice a body that ends early; length counts what is still owed.
    if response.length:
        raise DownloadFailed(Reason.CONNECTION_LOST, f"{url} ended {response.length} bytes early")
    return bytes(data)


def _failure_of_status(url: str, error: urllib.error.HTTPError) -> DownloadFailed:
    reason = _REASON_OF_STATUS.get(
        error.code,
        Reason.SERVER_ERROR if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR else Reason.REFUSED,
    )
    return DownloadFailed(
        reason,
        f"{url} answered {error.code}",
        retry_after_s=_seconds(error.headers.get("Retry-After", "")),
    )


def _seconds(retry_after: str) -> float:
    """Read Retry-After, which is a number of seconds or a date; 0 when it is neither."""
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return parsedate_to_datetime(retry_after).timestamp() - time.time()
    except ValueError:
        return 0.0
