"""A directory that holds what a log of shards holds, brought up to it by each pull.

``pulled.json`` says which object the files of each number came from. Files of which it says nothing
are no part of the log: a killed pull left them half there, or a killed writer never published them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ingest.atomic_file import make_directory, remove_partial_files, replacing
from ingest.cloud.s3 import CONNECTIONS
from ingest.cloud.space_log import SpaceLog
from ingest.shard_files import list_shards
from photo_search.errors import IndexUnavailable

_STATE_NAME = "pulled.json"
_TRIES = 5


class Mirror:
    """One embedding space's log and its directory."""

    def __init__(self, log: SpaceLog, directory: Path) -> None:
        """Join them; nothing is read."""
        self.log = log
        self.directory = directory

    def pull(self) -> bool:
        """Bring what is new, drop what a base has replaced.

        Returns:
            Whether there was anything new.

        Raises:
            IndexUnavailable: S3 does not answer, or compaction follows compaction.
            DiskFull: There is no room.
        """
        make_directory(self.directory)
        remove_partial_files(self.directory)
        is_newer = False
        for _ in range(_TRIES):
            listed = {one.number: one.etag for one in self.log.entries() if one.size_bytes}
            state = self._state()
            here = _numbers(self.directory)
            kept = {n: etag for n, etag in state.items() if n in here and listed.get(n) == etag}
            self._drop_all_but(kept)
            missing = sorted(listed.keys() - kept.keys())
            fetched = self._fetch(missing)
            if fetched or kept != state:
                self._write_state(kept | fetched)
            is_newer |= bool(fetched)
            if len(fetched) == len(missing):
                return is_newer
        msg = f"{self.log.place} was changed each time that it was read; run again"
        raise IndexUnavailable(msg)

    def append(self, number: int) -> bool:
        """Publish the directory's files of a number; False when another writer took it."""
        etag = self.log.append(self.directory, number)
        if etag is None:
            return False
        self._write_state(self._state() | {number: etag})
        return True

    def append_new(self) -> bool:
        """Publish every file that was written since the last pull; False when a number was taken.

        What was published before that stays so.
        """
        last = max(self._state(), default=0)
        for number in sorted(number for number in _numbers(self.directory) if number > last):
            last += 1
            if number != last:
                # Another writer could take the number between, and a base of ours would hide it.
                msg = f"{self.directory} has shard {number} and no {last}; run again"
                raise IndexUnavailable(msg)
            if not self.append(number):
                return False
        return True

    def _fetch(self, numbers: list[int]) -> dict[int, str]:
        """Bring some; those that a base has replaced meanwhile are left out."""
        if not numbers:
            return {}
        with ThreadPoolExecutor(CONNECTIONS) as threads:
            etags = threads.map(lambda number: self.log.fetch(number, self.directory), numbers)
            return {
                number: etag
                for number, etag in zip(numbers, etags, strict=True)
                if etag is not None
            }

    def _drop_all_but(self, kept: Mapping[int, str]) -> None:
        shards = list_shards(self.directory)
        for file in (*shards.current, *shards.leftovers):
            if file.number not in kept:
                file.path.unlink(missing_ok=True)

    def _state(self) -> dict[int, str]:
        try:
            facts = json.loads((self.directory / _STATE_NAME).read_text())
            return {int(number): str(etag) for number, etag in facts.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}  # everything is brought again

    def _write_state(self, state: Mapping[int, str]) -> None:
        with replacing(self.directory / _STATE_NAME) as partial:
            partial.write_text(json.dumps({str(number): state[number] for number in sorted(state)}))


def _numbers(directory: Path) -> set[int]:
    shards = list_shards(directory)
    return {file.number for file in (*shards.current, *shards.leftovers)}
