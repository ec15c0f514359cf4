"""An ingest with small batches and shards, for tests that kill it; takes PHOTOS DIR MODEL."""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.job import IngestOptions, run_ingest
from ingest.sources.folder import FolderSource
from photo_search.encoder import Encoder
from photo_search.model_bundle import read_model_bundle

if __name__ == "__main__":
    photos, directory, model = (Path(argument) for argument in sys.argv[1:])
    run_ingest(
        FolderSource(photos),
        Encoder(read_model_bundle(model), threads=1),
        IngestOptions(
            f"sqlite:///{directory / 'photos.db'}",
            directory / "work",
            directory / "thumbs",
            workers=2,
            batch=2,
            shard_photos=4,
            quiet=True,
        ),
    )
