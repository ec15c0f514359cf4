"""``python -m local``: serve an ingested collection on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from local.server import run
from photo_search.errors import PhotoSearchError
from photo_search.settings import read_settings


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and serve; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address or name to listen on")
    parser.add_argument("--port", default=8000, type=int, help="0 takes any free port")
    parser.add_argument("--photos", type=Path, help="directory of the collection's own photos")
    parser.add_argument(
        "--thumbs", type=Path, default=Path("build/thumbs"), help="directory of their thumbnails"
    )
    given = parser.parse_args(arguments)
    try:
        return run(
            read_settings(),
            photos_root=given.photos,
            thumbs_dir=given.thumbs,
            host=given.host,
            port=given.port,
        )
    except PhotoSearchError as error:
        sys.stderr.write(f"photo-search: {error}\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
