"""Ingest of drawn photos and of camera-sized ones: photos a second, and where the time goes."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.machine import Figure, report
from ingest.job import IngestOptions, run_ingest
from ingest.sources.folder import FolderSource
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.encoder import Encoder
from photo_search.model_bundle import read_model_bundle
from photo_search.settings import read_settings

# Photos of each kind: (count, width, height); the second is a 12-megapixel camera's.
KINDS = {"480 x 320": (400, 480, 320), "4000 x 3000": (40, 4000, 3000)}
_STAGES = ("decode_wait", "encode", "shards", "index", "list")


def main() -> None:
    """Draw, ingest, and tell."""
    encoder = Encoder(read_model_bundle(read_settings().model_dir))
    encoder.warm_up(("image",))
    rows: list[Mapping[str, Figure]] = []
    for kind, (count, width, height) in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            _draw(root / "photos", count, width, height)
            options = IngestOptions(
                index_url=f"sqlite:///{root}/photos.db",
                work_dir=root / "work",
                thumbnails_dir=root / "thumbs",
                quiet=True,
            )
            account = run_ingest(FolderSource(root / "photos"), encoder, options)
            total_s = account.seconds["total"]
            row: dict[str, Figure] = {"photos": kind, "count": account.indexed}
            row["photos/s"] = account.indexed / total_s
            row |= {f"{stage} share": account.seconds[stage] / total_s for stage in _STAGES}
            rows.append(row)
    report("ingest", rows)


def _draw(directory: Path, count: int, width: int, height: int) -> None:
    """Write JPEGs; large ones are small ones enlarged, as decoding is what they are here for."""
    directory.mkdir()
    rng = np.random.default_rng(5)
    for number in range(count):
        picture = render(sample_scene(rng), 480, 320).resize((width, height))
        picture.save(directory / f"{number:04}.jpg", quality=88)


if __name__ == "__main__":
    main()
