"""Removal: photos that are taken out and stay out, at every later load and ingest.

A removal is about the photo, not about a model, so it holds in every embedding space, those to come
included. The collection's list, ``removed.json`` in the work directory, is written first; a
tombstone in each space's shards follows, since a directory of shards must carry it when it is
copied alone. Whoever writes to a space first brings list and tombstones together, and a removal
that only one of them knows counts: an unfinished one is finished so, and a space that is new, was
copied here or has lost a file learns of all. Only ``restore_photos`` undoes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ingest.atomic_file import remove_partial_files, replacing
from ingest.collection import read_owner
from ingest.shard_files import space_directories
from ingest.shard_reader import read_tombstones
from ingest.shards import ShardStore
from ingest.thumbnail import thumbnail_path
from ingest.writer_lock import writer_lock
from photo_search.errors import SettingsError, SourceInvalid
from photo_search.index import PhotoIndex
from photo_search.index.protocol import MAX_PHOTO_ID_BYTES

LIST_NAME = "removed.json"
_MAX_NAME_BYTES = 255
"""What Linux and macOS let a file's name have."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What became of a removal.

    Attributes:
        photo_ids: Photos that stay out from now on, each once.
        taken_out: How many the indexes held.
        unknown: Those that the collection has never held; they stay out should they come.
    """

    photo_ids: tuple[str, ...]
    taken_out: int
    unknown: tuple[str, ...]


def remove_photos(
    work_dir: Path,
    photo_ids: Sequence[str],
    indexes: Sequence[PhotoIndex],
    *,
    thumbnails_dir: Path | None = None,
) -> Removal:
    """Take photos out for good: of the shards, of some indexes, and their thumbnails off the disk.

    Other indexes of the collection lose them when they are filled next. The photos' embeddings stay
    in the shards, where nothing reads them, until a compaction.

    Args:
        work_dir: The collection's.
        photo_ids: Which.
        indexes: Where they are taken out at once.
        thumbnails_dir: Where thumbnails of one's own photos lie.

    Raises:
        SettingsError: A photo_id cannot be one; nothing was done.
        SourceInvalid: The work directory holds no collection, or something there is damaged.
        IndexUnavailable: An ingest is at work.
        DiskFull: There is no room for the tombstones.
        PhotoIndexError: The index cannot be written to; the photos stay out nevertheless, and the
            same call finishes the rest.
    """
    chosen = tuple(dict.fromkeys(photo_ids))
    for photo_id in chosen:
        _check(photo_id)
    _check_collection(work_dir)
    with writer_lock(work_dir):
        remove_partial_files(work_dir)
        moment = datetime.now(UTC)
        # The moment of an earlier removal stays.
        removed = dict.fromkeys(chosen, moment) | _read_removals(work_dir)
        _write_list(work_dir, removed)
        known: set[str] = set()
        for directory in space_directories(work_dir):
            store = ShardStore.open(directory)
            known.update(one for one in chosen if one in store.live or one in store.gone)
            _add_missing(store, removed)
        taken_out = sum(index.delete(chosen) for index in indexes)
        if thumbnails_dir is not None:
            remove_thumbnails(thumbnails_dir, chosen)
    return Removal(chosen, taken_out, tuple(one for one in chosen if one not in known))


def restore_photos(work_dir: Path, photo_ids: Sequence[str]) -> tuple[str, ...]:
    """Undo a removal: the next ingest that finds the photos brings them back.

    Returns:
        Those that had been removed.

    Raises:
        SourceInvalid: The work directory holds no collection, or something there is damaged.
        IndexUnavailable: An ingest is at work.
        DiskFull: There is no room to write it down; the same call finishes the rest.
    """
    _check_collection(work_dir)
    with writer_lock(work_dir):
        remove_partial_files(work_dir)
        removed = _read_removals(work_dir)
        restored = tuple(one for one in dict.fromkeys(photo_ids) if one in removed)
        for directory in space_directories(work_dir):
            store = ShardStore.open(directory)
            if here := [one for one in restored if one in store.tombstones]:
                store.restore(here)
        _write_list(work_dir, {one: at for one, at in removed.items() if one not in restored})
    return restored


def keep_removed_out(work_dir: Path, store: ShardStore) -> None:
    """Let a space's shards know every removal of the collection, and the collection theirs.

    Call it with the writer's lock, before anything is added to the shards.

    Raises:
        SourceInvalid: The list or a shard is damaged.
        DiskFull: There is no room for the tombstones.
    """
    removed = _read_removals(work_dir) | dict(store.tombstones)
    if removed.keys() != read_list(work_dir).keys():
        _write_list(work_dir, removed)
    _add_missing(store, removed)


def remove_thumbnails(directory: Path, photo_ids: Sequence[str]) -> None:
    """Take thumbnails off the disk; those that are not there are fine."""
    for photo_id in photo_ids:
        path = thumbnail_path(directory, photo_id)
        # A longer one is no file's: an index takes ids that no thumbnail can be named for.
        if len(path.name) <= _MAX_NAME_BYTES:
            path.unlink(missing_ok=True)


def _add_missing(store: ShardStore, removed: Mapping[str, datetime]) -> None:
    if missing := {one: at for one, at in removed.items() if one not in store.tombstones}:
        store.add_tombstones(missing)


def _read_removals(work_dir: Path) -> dict[str, datetime]:
    """What the list or any space says."""
    removed: dict[str, datetime] = {}
    for directory in space_directories(work_dir):
        removed |= read_tombstones(directory)
    return removed | read_list(work_dir)


def read_list(work_dir: Path) -> dict[str, datetime]:
    """What the collection's list says: the moment of removal (UTC) by photo_id.

    Raises:
        SourceInvalid: It is damaged.
    """
    path = work_dir / LIST_NAME
    try:
        facts = json.loads(path.read_text())
        return {photo_id: datetime.fromisoformat(at) for photo_id, at in facts.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        msg = f"{path} is damaged ({error!r}); delete it, and the shards' tombstones make it anew"
        raise SourceInvalid(msg) from error


def _write_list(work_dir: Path, removed: Mapping[str, datetime]) -> None:
    facts = {photo_id: at.isoformat() for photo_id, at in sorted(removed.items())}
    with replacing(work_dir / LIST_NAME) as partial:
        partial.write_text(json.dumps(facts, indent=0, ensure_ascii=False) + "\n")


def _check_collection(work_dir: Path) -> None:
    if read_owner(work_dir) is None:
        msg = f"{work_dir} holds no collection; give the --work of an ingest"
        raise SourceInvalid(msg)


def _check(photo_id: str) -> None:
    try:
        size_bytes = len(photo_id.encode())
    except UnicodeEncodeError as error:
        msg = f"{photo_id[:60]!r} is no photo_id: {error.reason}"
        raise SettingsError(msg) from error
    if not 1 <= size_bytes <= MAX_PHOTO_ID_BYTES:
        msg = (
            f"{photo_id[:60]!r} is no photo_id: it has {size_bytes} bytes, "
            f"not 1 to {MAX_PHOTO_ID_BYTES}"
        )
        raise SettingsError(msg)
