"""Where thumbnails of one's own photos are kept: a directory, or elsewhere by way of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ingest.atomic_file import make_directory, remove_partial_files
from ingest.remove import remove_thumbnails
from ingest.thumbnail import thumbnail_path


class Thumbnails(Protocol):
    """Thumbnails by photo_id."""

    @property
    def directory(self) -> Path:
        """Where the decoder leaves them."""

    def prepare(self) -> None:
        """Make the directory, and clear away what a killed run left there.

        Raises:
            SettingsError: It cannot be used.
        """

    def has(self, photo_id: str) -> bool:
        """Whether a photo's thumbnail is kept, with bytes in it."""

    def keep(self, photo_ids: Sequence[str]) -> None:
        """Keep what the decoder has left; called before a shard names the photos."""

    def remove(self, photo_ids: Sequence[str]) -> None:
        """Take thumbnails away; those that are not there are fine."""


@dataclass(frozen=True, slots=True)
class ThumbnailDirectory:
    """They stay where the decoder leaves them."""

    directory: Path

    def prepare(self) -> None:
        """Make the directory, and clear away what a killed run left there."""
        make_directory(self.directory)
        remove_partial_files(self.directory)

    def has(self, photo_id: str) -> bool:
        """Whether the file is there; a power cut can leave it without its bytes."""
        try:
            return thumbnail_path(self.directory, photo_id).stat().st_size > 0
        except FileNotFoundError:
            return False

    def keep(self, photo_ids: Sequence[str]) -> None:
        """They are kept already."""

    def remove(self, photo_ids: Sequence[str]) -> None:
        """Delete the files."""
        remove_thumbnails(self.directory, photo_ids)
