"""The names of the files of a directory of shards, and which of them count.

``NNNNNN.KIND.parquet``: replayed in the order of their numbers they give the collection. A base
holds all that the numbers before its own say, so that files below the newest base are leftovers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from photo_search.errors import SourceInvalid

_NAME = re.compile(r"(\d+)\.(\w+)\.parquet")


class Kind(StrEnum):
    """What a shard says; among files of one number they are replayed in this order."""

    BASE = "base"
    """All photos of the collection, in place of every file with a lower number."""
    GONE = "gone"
    """Photos that are no longer in the source; they may come back."""
    PHOTOS = "photos"
    """Photos that are new or have changed."""
    REMOVED = "removed"
    """Tombstones: photos that were taken out and stay out, whatever the source lists."""
    RESTORED = "restored"
    """Photos whose tombstones no longer count."""


@dataclass(frozen=True, slots=True, order=True)
class ShardFile:
    """One file of a directory of shards."""

    number: int
    kind: Kind
    path: Path


@dataclass(frozen=True, slots=True)
class ShardFiles:
    """The shards of a directory.

    Attributes:
        current: Those that count, in the order of replay.
        leftovers: Those that a base has replaced.
    """

    current: tuple[ShardFile, ...]
    leftovers: tuple[ShardFile, ...]


def shard_path(directory: Path, number: int, kind: Kind) -> Path:
    """Where a shard lies."""
    return directory / f"{number:06}.{kind}.parquet"


def list_shards(directory: Path) -> ShardFiles:
    """Find the shards; a directory that is not there has none.

    Raises:
        SourceInvalid: There is a shard of a kind that this version does not know.
    """
    found = sorted(
        ShardFile(int(match[1]), _kind(match[2], path), path)
        for path in directory.glob("*.parquet")
        if (match := _NAME.fullmatch(path.name))
    )
    base = max((file.number for file in found if file.kind is Kind.BASE), default=0)
    return ShardFiles(
        current=tuple(file for file in found if file.number >= base),
        leftovers=tuple(file for file in found if file.number < base),
    )


def space_directory(work_dir: Path, fingerprint: str) -> Path:
    """Where a work directory keeps the shards of one embedding space."""
    return work_dir / "shards" / fingerprint[:16]


def space_directories(work_dir: Path) -> list[Path]:
    """Every embedding space's directory that has a shard, in a fixed order."""
    return [one for one in sorted(work_dir.glob("shards/*/")) if list_shards(one).current]


def _kind(name: str, path: Path) -> Kind:
    try:
        return Kind(name)
    except ValueError as error:
        msg = f"{path} is a shard of kind {name!r}; this version knows {', '.join(Kind)}"
        raise SourceInvalid(msg) from error
