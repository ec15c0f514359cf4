"""A work directory that lies in a bucket and is worked on in a mirror on this machine.

Several writers may be at work: the parts of a job, the writer of new photos, an operator. Each has
a mirror, and what it writes counts once S3 has taken it: shards by ``SpaceLog``, the collection's
name and its list of removals by conditional puts.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from ingest.atomic_file import make_directory, replacing
from ingest.cloud.mirror import Mirror
from ingest.cloud.s3 import S3, Content
from ingest.cloud.space_log import SpaceLog
from ingest.collection import CLAIM_NAME
from ingest.load import MARKS_NAME
from ingest.remove import LIST_NAME
from ingest.shard_files import Kind, list_shards, space_directories
from photo_search.errors import IndexUnavailable
from photo_search.s3_url import S3Url

SHARDS_NAME = "shards"
_LISTS = (CLAIM_NAME, LIST_NAME)
_SPACE = re.compile(r"[0-9A-Za-z_-]{1,64}")
_SERVER = ("http://", "https://")
_TRIES = 5

Outcome = TypeVar("Outcome")


class WorkBucket:
    """A collection's work directory in a bucket, and its mirror; see ``ShardLog``."""

    def __init__(self, s3: S3, place: S3Url, directory: Path) -> None:
        """Name the places; nothing is asked.

        Args:
            s3: The client.
            place: The work directory in the bucket.
            directory: Its mirror, which nothing else writes to.
        """
        self.place = place
        self.directory = directory
        self._s3 = s3
        self._lists: dict[str, Content | None] = dict.fromkeys(_LISTS)

    def pull_all(self) -> None:
        """Bring the mirror up to the bucket: what was not published is dropped.

        Raises:
            IndexUnavailable: S3 does not answer.
            IndexAccessDenied: It does not let us in.
            SettingsError: There is no such bucket.
            DiskFull: There is no room.
        """
        make_directory(self.directory)
        in_bucket = self._s3.folders(self.place.object(SHARDS_NAME))
        here = [one.name for one in self.directory.glob(f"{SHARDS_NAME}/*/")]
        for space in sorted({*in_bucket, *here}):
            if _SPACE.fullmatch(space):
                self._mirror(space).pull()
                self._pull_marks(space)
        # After the shards: a tombstone that they lack as yet is added by whoever writes to them.
        self.pull_lists()

    def pull_lists(self) -> None:
        """Bring the collection's name and its list of removals alone."""
        make_directory(self.directory)
        for name in _LISTS:
            content = self._s3.get(self.place.object(name))
            self._lists[name] = content
            if content is None:
                (self.directory / name).unlink(missing_ok=True)
                continue
            with replacing(self.directory / name) as partial:
                partial.write_bytes(content.data)

    def pull(self, directory: Path) -> bool:
        """Bring one embedding space's shards; whether there were any new ones."""
        return self._mirror(directory.name).pull()

    def publish(self, directory: Path, number: int) -> bool:
        """Publish the files of a number; False when another writer took it.

        Raises:
            IndexUnavailable: Another writer has changed the list of removals.
        """
        self.publish_lists()
        return self._mirror(directory.name).append(number)

    def publish_lists(self) -> None:
        """Publish the collection's name and its removals where they have changed.

        Raises:
            IndexUnavailable: Another writer has changed one of them meanwhile.
        """
        for name in _LISTS:
            if not self._is_published(name):
                msg = f"{self.place.object(name)} was changed meanwhile; run again"
                raise IndexUnavailable(msg)

    def change(self, act: Callable[[], Outcome], *, lists_last: bool = False) -> Outcome:
        """Pull, change the mirror, publish; all of it again when another writer came between.

        Args:
            act: Changes the mirror by what is there; may be repeated.
            lists_last: Publish the lists when the shards are, and not before them.

        Returns:
            What the last ``act`` gave.

        Raises:
            IndexUnavailable: S3 does not answer, or other writers were faster each time; to
                repeat is harmless.
        """
        for _ in range(_TRIES):
            self.pull_all()
            outcome = act()
            steps = [self._are_lists_published, self._are_shards_published]
            if all(step() for step in (reversed(steps) if lists_last else steps)):
                return outcome
        msg = f"others wrote to {self.place} {_TRIES} times meanwhile; run again"
        raise IndexUnavailable(msg)

    def free_replaced(self) -> None:
        """Free the room of what bases have replaced."""
        for directory in space_directories(self.directory):
            first = list_shards(directory).current[0]
            if first.kind is Kind.BASE:
                self.log(directory.name).empty_before(first.number)

    def put_marks(self, directory: Path) -> None:
        """Let the next mirror know how far the indexes on servers have been filled.

        A file's name is one on this machine alone.
        """
        marks = _marks((directory / MARKS_NAME).read_bytes())
        marks = {name: number for name, number in marks.items() if name.startswith(_SERVER)}
        if marks:
            self._s3.put(self._marks_place(directory.name), json.dumps(marks).encode())

    def put_report(self, name: str) -> S3Url:
        """Keep the mirror's ``report.json`` under a name, and tell where."""
        place = self.place.object(f"reports/{name}.json")
        self._s3.put(place, self.directory / "report.json", ContentType="application/json")
        return place

    def log(self, space: str) -> SpaceLog:
        """One embedding space's shards in the bucket."""
        return SpaceLog(self._s3, self.place.object(f"{SHARDS_NAME}/{space}"))

    def _mirror(self, space: str) -> Mirror:
        return Mirror(self.log(space), self.directory / SHARDS_NAME / space)

    def _are_lists_published(self) -> bool:
        return all(self._is_published(name) for name in _LISTS)

    def _are_shards_published(self) -> bool:
        directories = space_directories(self.directory)
        return all(self._mirror(one.name).append_new() for one in directories)

    def _is_published(self, name: str) -> bool:
        """Whether the bucket has a list as the mirror has it, put there now where it had not."""
        path, place, known = self.directory / name, self.place.object(name), self._lists[name]
        if not path.is_file():
            return True
        data = path.read_bytes()
        if known is not None and known.data == data:
            return True
        etag = self._s3.put_if(place, data, etag=known.etag if known else None)
        if etag is None:
            # Another part of the same job has perhaps put the very same.
            there = self._s3.get(place)
            self._lists[name] = there
            return there is not None and there.data == data
        self._lists[name] = Content(data, etag, len(data))
        return True

    def _marks_place(self, space: str) -> S3Url:
        return self.place.object(f"{SHARDS_NAME}/{space}/{MARKS_NAME}")

    def _pull_marks(self, space: str) -> None:
        content = self._s3.get(self._marks_place(space))
        if content is None:
            return
        path = self.directory / SHARDS_NAME / space / MARKS_NAME
        marks = _marks(content.data)
        for name, number in _marks(path.read_bytes() if path.is_file() else b"{}").items():
            marks[name] = max(number, marks.get(name, 0))
        with replacing(path) as partial:
            partial.write_text(json.dumps(marks))


def _marks(data: bytes) -> dict[str, int]:
    try:
        return {str(name): int(number) for name, number in json.loads(data).items()}
    except (ValueError, TypeError, AttributeError):
        return {}  # without marks everything is stored again, which costs time and nothing else
