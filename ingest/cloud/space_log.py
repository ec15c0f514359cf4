"""The shards of one embedding space in a bucket: a log, to which each number is appended once.

All files of a number are one object, ``000012.zip``: a conditional put makes them appear together,
or says that another writer took the number. A number stays taken for ever, also when a base has
replaced what it held: its object is emptied, and deleted only when no put that began before can be
under way. So whoever appends needs to know the last number and no more.
"""

from __future__ import annotations

import re
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ingest.atomic_file import TEMPORARY_SUFFIX, full_disk_named
from ingest.cloud.s3 import S3
from ingest.shard_files import Kind, ShardFile, list_shards
from photo_search.errors import IndexUnavailable, SourceInvalid
from photo_search.s3_url import S3Url

_NAME = re.compile(r"(\d{6,})\.zip")
_MEMBER = re.compile(r"(\d{6,})\.(\w+)\.parquet")
_WRITER, _KINDS = "writer", "kinds"
_EMPTY_FOR = timedelta(days=1)
"""No put lasts so long: a Lambda has a quarter of an hour, a job a client's time-outs."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A number of the log; one without bytes was replaced by a base."""

    number: int
    size_bytes: int
    etag: str
    changed_at: datetime


class SpaceLog:
    """One embedding space's shards in a bucket. Safe in threads."""

    def __init__(self, s3: S3, place: S3Url) -> None:
        """Name the place; nothing is asked.

        Args:
            s3: The client.
            place: ``s3://BUCKET/…/shards/SPACE``.
        """
        self.place = place
        self._s3 = s3

    def entries(self, *, after: int = 0) -> list[Entry]:
        """What the log holds beyond a number, in its order."""
        # Names of more than six digits sort before shorter ones.
        start = f"{self.place.key}/{_name(after)}" if 0 < after < 10**5 else ""
        found = []
        for one in self._s3.objects(self.place, after=start):
            match = _NAME.fullmatch(one.key.rpartition("/")[2])
            if match and int(match[1]) > after:
                found.append(Entry(int(match[1]), one.size_bytes, one.etag, one.changed_at))
        return sorted(found, key=lambda entry: entry.number)

    def append(self, directory: Path, number: int) -> str | None:
        """Publish the files of a number, which lie in a directory.

        Args:
            directory: Where.
            number: One more than the last that is known.

        Returns:
            The object's ETag; None when another writer was first to take the number.
        """
        files = _files(directory, number)
        writer = uuid.uuid4().hex
        notes = {_WRITER: writer, _KINDS: " ".join(file.kind for file in files)}
        target = self._object(number)
        with _packed(files) as path:
            etag = self._s3.put_if(target, path, etag=None, notes=notes)
        if etag is None:
            # An answer that was lost may have been a yes, of which the repeat knows nothing.
            there = self._s3.head(target)
            if there is not None and there.notes.get(_WRITER) == writer:
                return there.etag
        return etag

    def fetch(self, number: int, directory: Path) -> str | None:
        """Bring the files of a number into a directory.

        Returns:
            The object's ETag; None when a base has replaced it meanwhile.

        Raises:
            DiskFull: There is no room.
            SourceInvalid: The object is no shard.
        """
        place = self._object(number)
        packed = directory / f"{_name(number)}{TEMPORARY_SUFFIX}"
        try:
            content = self._s3.download(place, packed)
            if content is None or not content.size_bytes:
                return None
            _unpack(packed, directory, number, place)
            return content.etag
        finally:
            packed.unlink(missing_ok=True)

    def is_base(self, number: int) -> bool:
        """Whether a number holds a base."""
        content = self._s3.head(self._object(number))
        return content is not None and Kind.BASE in content.notes.get(_KINDS, "").split()

    def empty_before(self, base: int) -> None:
        """Free the room of what a base has replaced."""
        too_old = datetime.now(UTC) - _EMPTY_FOR
        replaced = [entry for entry in self.entries() if entry.number < base]
        for entry in replaced:
            if entry.size_bytes:
                self._s3.put(self._object(entry.number), b"")
        empties = [one for one in replaced if not one.size_bytes and one.changed_at < too_old]
        self._s3.delete([self._object(one.number) for one in empties])

    def _object(self, number: int) -> S3Url:
        return self.place.object(_name(number))


def _name(number: int) -> str:
    return f"{number:06}.zip"


def _files(directory: Path, number: int) -> list[ShardFile]:
    shards = list_shards(directory)
    return [file for file in (*shards.current, *shards.leftovers) if file.number == number]


@contextmanager
def _packed(files: list[ShardFile]) -> Iterator[Path]:
    """Put files into one, as they are: parquet is compressed already.

    Raises:
        DiskFull: There is no room for both.
    """
    path = files[0].path.with_name(f"{_name(files[0].number)}{TEMPORARY_SUFFIX}")
    try:
        with full_disk_named(path), zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for file in files:
                archive.write(file.path, file.path.name)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _unpack(packed: Path, directory: Path, number: int, place: S3Url) -> None:
    try:
        with full_disk_named(packed), zipfile.ZipFile(packed) as archive:
            for name in archive.namelist():
                match = _MEMBER.fullmatch(name)
                if match is None or int(match[1]) != number:
                    msg = f"{place} holds {name!r}, which is no file of shard {number}"
                    raise SourceInvalid(msg)
                archive.extract(name, directory)
    except zipfile.BadZipFile as error:
        msg = f"{place} is damaged or no shard ({error}); put back an older version of it"
        raise SourceInvalid(msg) from error


def only_once_more(tries_left: int, place: S3Url) -> None:
    """Give up on a log that changes faster than it can be read.

    Raises:
        IndexUnavailable: No try is left.
    """
    if not tries_left:
        msg = f"{place} was changed again and again while it was read; run again"
        raise IndexUnavailable(msg)
