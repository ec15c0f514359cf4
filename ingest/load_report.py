"""What a load into OpenSearch is asked to do, and what it says afterwards."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from ingest.atomic_file import make_directory, replacing
from photo_search.index.opensearch_schema import DEFAULT_PROFILE


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a load works.

    Attributes:
        profile: How the new index keeps embeddings.
        keep: Older indexes that stay for a rollback.
        threads: Requests under way at once.
        allow_smaller: Whether the new index may have less than half of the old one's photos.
        dead_letters: Where photos are listed that the server refuses, as lines of JSON; None
            leaves that to the report.
        quiet: No progress bar.
    """

    profile: str = DEFAULT_PROFILE
    keep: int = 1
    threads: int = 2
    allow_smaller: bool = False
    dead_letters: Path | None = None
    quiet: bool = False


@dataclass(slots=True)
class LoadReport:
    """The account of a load.

    Attributes:
        index: Name of the new index.
        full_name: The same with its server, as PhotoIndex names it.
        filled_to: Number of the newest shard that is in it.
        photos: Photos in it.
        stored: Photos that this run stored.
        rejected: The server's reason by photo_id.
        found_share: Share of a sample of photos that are their own near neighbours.
        dropped: Indexes that were deleted: older ones, and what earlier loads left unfinished.
        notes: What a person should know.
        seconds: Time by stage.
    """

    index: str = ""
    full_name: str = ""
    filled_to: int = 0
    photos: int = 0
    stored: int = 0
    rejected: dict[str, str] = field(default_factory=dict)
    found_share: float = 0.0
    dropped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)


def write_dead_letters(path: Path, rejected: dict[str, str]) -> None:
    """List refused photos, in place of the list of the load before.

    Args:
        path: The file; where nothing is refused there will be none.
        rejected: The server's reason by photo_id.

    Raises:
        DiskFull: There is no room for it.
        SettingsError: Its directory cannot be made.
    """
    if not rejected:
        path.unlink(missing_ok=True)
        return
    make_directory(path.parent)
    with replacing(path) as partial:
        lines = (
            json.dumps({"photo_id": photo_id, "reason": reason}, ensure_ascii=False)
            for photo_id, reason in sorted(rejected.items())
        )
        partial.write_text("".join(f"{line}\n" for line in lines))
