"""Every error that photo-search raises on purpose.

::

    PhotoSearchError
    ├── SettingsError            a setting is missing, malformed or contradicts another
    ├── RequestError             the caller can mend it
    │   ├── InvalidQuery         400
    │   ├── ImageUrlRefused      400
    │   ├── PhotoNotFound        404
    │   ├── ImageTooLarge        413
    │   ├── UnsupportedImage     415
    │   └── ImageDownloadFailed  422
    ├── ModelError               the bundle is missing, altered or answers nonsense
    ├── PhotoIndexError
    │   ├── IndexNotFound
    │   ├── FingerprintMismatch  the index was made with another embedding space
    │   ├── IndexAccessDenied    credentials, permissions or certificates do not let us in
    │   ├── IndexReadOnly
    │   ├── IndexCorrupt
    │   ├── BulkRejected         the engine refuses some photos for good
    │   └── IndexUnavailable     worth retrying
    └── IngestError              the job stops
        ├── SourceInvalid
        ├── DiskFull
        └── TooManyFailures

A message names what, which, and the limit. The HTTP status of each leaf stands in handler.py alone,
the exit code of each in ingest's command line alone.
"""

from __future__ import annotations

from collections.abc import Mapping


class PhotoSearchError(Exception):
    """Root of the tree."""


class SettingsError(PhotoSearchError):
    """A setting is missing, malformed or contradicts another."""


class RequestError(PhotoSearchError):
    """The request cannot be answered as it is; the caller can mend it."""


class InvalidQuery(RequestError):
    """A field of the query is missing, malformed, out of range or contradicts another."""


class ImageUrlRefused(RequestError):
    """The URL is of a kind, or leads to an address, that is not downloaded from."""


class PhotoNotFound(RequestError):
    """No photo in the index has this id."""


class ImageTooLarge(RequestError):
    """The picture has more bytes or more pixels than the limit."""


class UnsupportedImage(RequestError):
    """The bytes are no picture of a known format, or a damaged one."""


class ImageDownloadFailed(RequestError):
    """The URL was allowed, but no picture came from it."""


class ModelError(PhotoSearchError):
    """The model bundle is missing, altered, or its output is not an embedding."""


class PhotoIndexError(PhotoSearchError):
    """The index cannot do what was asked."""


class IndexNotFound(PhotoIndexError):
    """There is no index at the URL."""


class FingerprintMismatch(PhotoIndexError):
    """The index holds embeddings of another space than the model's."""


class IndexAccessDenied(PhotoIndexError):
    """The server does not let us in, or is not who it claims to be."""


class IndexReadOnly(PhotoIndexError):
    """A write was asked of an index that is opened for reading, or that takes none now."""


class IndexCorrupt(PhotoIndexError):
    """The index's file is damaged."""


class BulkRejected(PhotoIndexError):
    """The engine refuses some photos for good; the others of the batch are stored.

    Attributes:
        reasons: The engine's reason by photo_id.
    """

    def __init__(self, message: str, *, reasons: Mapping[str, str]) -> None:
        """Keep the message and the reasons."""
        super().__init__(message)
        self.reasons = dict(reasons)


class IndexUnavailable(PhotoIndexError):
    """The index does not answer now; the same call may succeed later.

    Attributes:
        retry_after_s: Seconds after which another try makes sense.
    """

    def __init__(self, message: str, *, retry_after_s: int = 2) -> None:
        """Keep the message and the seconds to wait."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class IngestError(PhotoSearchError):
    """The ingest job cannot go on."""


class SourceInvalid(IngestError):
    """The source is no collection of photos."""


class DiskFull(IngestError):
    """There is no room left to write to."""


class TooManyFailures(IngestError):
    """So many photos fail that the cause must lie outside them.

    Attributes:
        transient: Whether the commonest cause may be gone at the next run.
    """

    def __init__(self, message: str, *, transient: bool = False) -> None:
        """Keep the message and whether another run may go better."""
        super().__init__(message)
        self.transient = transient
