"""Ingest of drawn photos and of camera-sized ones: photos a second, and where the time goes.

The settings choose model and device. Decoders and encoder work beside the rest: ``encode`` is the
share of the time that the encoder was busy, the GPU with ``ENCODER_DEVICE=cuda``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from benchmarks.machine import Figure, report
from ingest.job import IngestOptions, run_ingest
from ingest.sources.folder import FolderSource
from models.world.render import render
from models.world.scene import sample_scene
from photo_search.search import open_encoder
from photo_search.settings import read_settings

# Photos of each kind: (count, width, height); the second is a 12-megapixel camera's.
KINDS = {"480 x 320": (400, 480, 320), "4000 x 3000": (40, 4000, 3000)}
_STAGES = ("decode_wait", "encode", "encode_wait", "shards", "index", "list", "timing")


def main() -> None:
    """Draw, ingest, and tell."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest", description=__doc__)
    parser.add_argument("--times", type=int, default=1, metavar="N", help="as many photos")
    times = parser.parse_args().times
    settings = read_settings()
    encoder = open_encoder(settings, spins=False)
    encoder.warm_up(("image",))
    rows: list[Mapping[str, Figure]] = []
    for kind, (count, width, height) in KINDS.items():
        with tempfile.TemporaryDirectory() as directory:
            root = Path(directory)
            _draw(root / "photos", times * count, width, height)
            options = IngestOptions(
                index_url=f"sqlite:///{root}/photos.db",
                work_dir=root / "work",
                thumbnails_dir=root / "thumbs",
                threads=settings.encoder_threads,
                quiet=True,
            )
            account = run_ingest(FolderSource(root / "photos"), encoder, options)
            total_s = account.seconds["total"]
            row: dict[str, Figure] = {"photos": kind, "count": account.indexed}
            if account.pace is not None:
                row |= {"device": account.pace.device, "batch": account.pace.batch}
                row |= {"threads": account.pace.threads, "workers": account.pace.workers}
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
