"""One's own photos: every picture in a tree of directories, and a CSV of what is known of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ingest.collection import FOLDER_PREFIX
from ingest.failure import Failure, Reason
from ingest.sources.captions import Caption, path_key, read_captions
from ingest.sources.source import Listing, SourcePhoto
from photo_search.errors import SourceInvalid
from photo_search.photo import Photo

CAPTIONS_NAME = "captions.csv"
PICTURE_EXTENSIONS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".tif", ".tiff", ".bmp"}
    | {".heic", ".heif", ".avif"}
)
# Where NAS systems and archivers keep copies of pictures that are no photos of their own.
SKIPPED_DIRECTORIES = frozenset({"@eadir", "__macosx", "#recycle"})


@dataclass(frozen=True, slots=True)
class FolderSource:
    """A tree of pictures.

    Attributes:
        root: Its top; photos are named by their path below it.
        captions: The CSV; None takes ``captions.csv`` in the root where there is one.
        excluded: Directories of our own that may lie below the root.
    """

    root: Path
    captions: Path | None = None
    excluded: tuple[Path, ...] = ()

    @property
    def identity(self) -> str:
        """The root's place on this machine."""
        return f"{FOLDER_PREFIX}{self.root.resolve()}"

    @property
    def rendition(self) -> str:
        """The files themselves."""
        return "original"

    @property
    def writes_thumbnails(self) -> bool:
        """One's own photos may be copied."""
        return True

    @property
    def forgets_missing(self) -> bool:
        """A deleted file leaves the index."""
        return True

    def list_photos(self) -> Listing:
        """Find every picture below the root.

        Raises:
            SourceInvalid: The root is no directory, holds no picture, or the CSV is none.
        """
        if not self.root.is_dir():
            msg = f"{self.root} is no directory"
            raise SourceInvalid(msg)
        captions_path = self.captions or self.root / CAPTIONS_NAME
        captions: dict[str, Caption] = {}
        listing = Listing()
        if self.captions is not None or captions_path.is_file():
            captions, notes = self._read_captions(captions_path)
            listing.notes += notes
        tree = _Tree(self.root, listing, frozenset(path.resolve() for path in self.excluded))
        for path in tree.files():
            caption = captions.pop(path_key(_relative(path, self.root)), None)
            _add(path, caption, listing, root=self.root)
        if captions:
            listing.notes.append(
                f"{len(captions)} rows of {captions_path.name} name no picture here"
            )
        if not listing.photos and not listing.failures:
            others = ", ".join(
                f"{count} {kind}" for kind, count in listing.other_files.most_common(3)
            )
            msg = f"{self.root} is a directory without photos" + (
                f"; it has {others}" if others else ""
            )
            raise SourceInvalid(msg)
        drop_repeated_ids(listing)
        return listing

    def download_url(self, photo: SourcePhoto) -> str:
        """Nowhere: the files are on this machine."""
        return photo.url

    def _read_captions(self, path: Path) -> tuple[dict[str, Caption], list[str]]:
        try:
            return read_captions(path)
        except SourceInvalid as error:
            if self.captions is not None:
                raise
            # A file of that name may be there for another purpose.
            return {}, [f"not taken for captions: {error}"]


@dataclass(slots=True)
class _Tree:
    """A walk that never follows a link to a directory, so that it cannot go in circles."""

    root: Path
    listing: Listing
    excluded: frozenset[Path]
    linked_directories: int = 0

    def files(self) -> Iterator[Path]:
        """Every picture file, sorted by its path's parts."""
        # A stack and no recursion: trees deeper than Python's limit exist.
        stack = [self._entries(self.root)]
        while stack:
            entry = next(stack[-1], None)
            if entry is None:
                stack.pop()
                continue
            path = Path(entry.path)
            if _is_directory(entry):
                if self._is_entered(path):
                    stack.append(self._entries(path))
            elif path.suffix.lower() in PICTURE_EXTENSIONS:
                yield path
            elif path != self.root / CAPTIONS_NAME:
                self.listing.other_files[path.suffix.lower() or "(none)"] += 1
        if self.linked_directories:
            self.listing.notes.append(f"{self.linked_directories} linked directories not followed")

    def _entries(self, directory: Path) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(directory) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self.listing.complete = False
            self.listing.failures.append(
                Failure("", str(directory), Reason.UNREADABLE, error.strerror or str(error))
            )
            return iter(())
        return iter([entry for entry in entries if not entry.name.startswith(".")])

    def _is_entered(self, directory: Path) -> bool:
        if directory.is_symlink():
            self.linked_directories += 1
            return False
        return not self._is_skipped(directory)

    def _is_skipped(self, directory: Path) -> bool:
        return directory.name.lower() in SKIPPED_DIRECTORIES or directory.resolve() in self.excluded


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A link to itself; stat tells more when the picture is added.
        return False


def photo_id_of(relative_path: str) -> str:
    """Name a photo after its path, so that it stays the same photo when its file is edited."""
    return hashlib.sha256(os.fsencode(relative_path)).hexdigest()[:16]


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def _add(path: Path, caption: Caption | None, listing: Listing, *, root: Path) -> None:
    relative = _relative(path, root)
    photo_id = (caption.photo_id if caption else "") or photo_id_of(relative)
    try:
        relative.encode()
        facts = path.stat()
    except UnicodeEncodeError:
        place = os.fsencode(relative).decode(errors="backslashreplace")
        listing.failures.append(
            Failure(photo_id, place, Reason.UNREADABLE, "its name is not valid UTF-8")
        )
        return
    except OSError as error:
        listing.failures.append(
            Failure(photo_id, relative, Reason.UNREADABLE, error.strerror or str(error))
        )
        return
    version = f"{facts.st_mtime_ns}:{facts.st_size}"
    photo = Photo(photo_id, width=0, height=0, path=relative)
    if caption is not None:
        photo = caption.describe(photo)
        version += f":{caption.digest}"
    listing.photos.append(SourcePhoto(photo, version, file=path))


def drop_repeated_ids(listing: Listing) -> None:
    """Of photos that were given the same photo_id, let the first one have it."""
    first: dict[str, SourcePhoto] = {}
    for photo in listing.photos:
        kept = first.setdefault(photo.photo.photo_id, photo)
        if kept is not photo:
            detail = f"it has the photo_id {photo.photo.photo_id} of {kept.photo.path}"
            own_id = photo_id_of(photo.photo.path)
            listing.failures.append(Failure(own_id, photo.photo.path, Reason.REPEATED_ID, detail))
    listing.photos = list(first.values())
