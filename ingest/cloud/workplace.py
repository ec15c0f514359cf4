"""Where a command works when some of its places are buckets: client, mirror, scratch space."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingest.atomic_file import make_directory
from ingest.cloud.filling import IndexFiller
from ingest.cloud.published_index import IndexPublisher
from ingest.cloud.s3 import S3
from ingest.cloud.thumbnail_bucket import ThumbnailBucket
from ingest.cloud.work_bucket import WorkBucket
from ingest.thumbnails import ThumbnailDirectory, Thumbnails
from ingest.writer_lock import LOCK_NAME, writer_lock
from photo_search.index.url import parse_index_url
from photo_search.s3_url import S3Url
from photo_search.settings import Settings

MIRRORS_DIR = Path("build/buckets")
"""Below the current directory: what has been brought from buckets, to be brought again if lost."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """A collection's work directory on this machine, and how to reach what is elsewhere.

    Attributes:
        s3: The client.
        directory: The work directory, or its mirror.
        work: The bucket that it is the mirror of; None where it is the work directory itself.
        scratch: A directory for what nobody needs afterwards.
        settings: Where the index is.
    """

    s3: S3
    directory: Path
    work: WorkBucket | None
    scratch: Path
    settings: Settings

    def pull(self) -> None:
        """Bring the mirror up to the bucket."""
        if self.work is not None:
            self.work.pull_all()
            # The mark of a work directory, without which no load notes how far it has come.
            (self.directory / LOCK_NAME).touch()

    def publisher(self) -> IndexPublisher | None:
        """The published index; None where the index is elsewhere."""
        place = parse_index_url(self.settings.index_url)
        return IndexPublisher(self.s3, place, self.scratch) if isinstance(place, S3Url) else None

    def filler(self) -> IndexFiller:
        """What brings the index up to the shards."""
        return IndexFiller(
            self.settings.index_url,
            self.settings.index_access,
            publisher=self.publisher(),
            work=self.work,
            scratch=self.scratch,
        )

    def thumbnails(self, place: Path | S3Url) -> Thumbnails:
        """Where thumbnails are kept."""
        if isinstance(place, S3Url):
            return ThumbnailBucket(self.s3, place, self.scratch / "thumbs")
        return ThumbnailDirectory(place)


@contextmanager
def workplace(work: Path | S3Url, settings: Settings) -> Iterator[Workplace]:
    """Make a workplace; nothing is pulled yet.

    Raises:
        IndexUnavailable: Another command on this machine works in the same mirror.
        SettingsError: A directory cannot be made, or boto3 is not installed.
    """
    s3 = S3.connect(settings.index_access)
    if not isinstance(work, S3Url):
        with tempfile.TemporaryDirectory() as temporary:
            yield Workplace(s3, work, None, Path(temporary), settings)
        return
    base = MIRRORS_DIR / work.bucket / (work.key or "_")
    directory, scratch = base / "work", base / "scratch"
    for one in (directory, scratch):
        make_directory(one)
    with writer_lock(base):
        yield Workplace(s3, directory, WorkBucket(s3, work, directory), scratch, settings)
