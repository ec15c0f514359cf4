"""Why a photo is not in the index: one word per cause, in report.json as on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """Causes of failure."""

    UNREADABLE = "unreadable"
    UNSUPPORTED_IMAGE = "unsupported_image"
    TOO_LARGE = "too_large"
    BLANK = "blank"
    WORKER_DIED = "worker_died"
    REPEATED_ID = "repeated_id"
    NO_IMAGE_FILE = "no_image_file"
    BAD_URL = "bad_url"
    NOT_FOUND = "not_found"
    REFUSED = "refused"
    NOT_AN_IMAGE = "not_an_image"
    RATE_LIMITED = "rate_limited"
    SERVER_ERROR = "server_error"
    CONNECTION_LOST = "connection_lost"
    TIMED_OUT = "timed_out"
    REFUSED_BY_INDEX = "refused_by_index"


TRANSIENT = frozenset(
    {Reason.RATE_LIMITED, Reason.SERVER_ERROR, Reason.CONNECTION_LOST, Reason.TIMED_OUT}
)
"""Causes that lie in the network or the server and may be gone at the next run."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One photo left out: which, why in one word, and the details in a sentence."""

    photo_id: str
    place: str
    reason: Reason
    detail: str
