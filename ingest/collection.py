"""Which collection a work directory belongs to: one directory, one collection."""

from __future__ import annotations

import json
from pathlib import Path

from ingest.atomic_file import replacing
from photo_search.errors import SourceInvalid

FOLDER_PREFIX = "folder:"
CLAIM_NAME = "collection.json"


def claim(work_dir: Path, identity: str) -> None:
    """Keep two collections from taking each other's photos for deleted ones.

    Raises:
        SourceInvalid: The work directory belongs to another collection.
        DiskFull: There is no room.
    """
    owner = read_owner(work_dir)
    if owner is None:
        with replacing(work_dir / CLAIM_NAME) as partial:
            partial.write_text(json.dumps({"source": identity}))
    elif owner != identity:
        msg = f"{work_dir} holds {owner}; give {identity} another --work and --index"
        raise SourceInvalid(msg)


def read_owner(work_dir: Path) -> str | None:
    """Identity of the collection that a work directory holds; None when it holds none."""
    try:
        return str(json.loads((work_dir / CLAIM_NAME).read_text())["source"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{work_dir / CLAIM_NAME} is damaged: {error!r}; delete {work_dir} to start anew"
        raise SourceInvalid(msg) from error


def photos_root(work_dir: Path) -> Path | None:
    """Directory of one's own photos that was ingested last; None when there is none."""
    owner = read_owner(work_dir)
    if owner is None or not owner.startswith(FOLDER_PREFIX):
        return None
    return Path(owner.removeprefix(FOLDER_PREFIX))
