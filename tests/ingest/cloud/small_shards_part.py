"""A part of a job with small batches and shards, for tests that kill it; takes the command's."""

from __future__ import annotations

import sys
from pathlib import Path

from ingest.arguments import parse_arguments
from ingest.cloud.bucket_job import ingest
from ingest.job import IngestOptions
from photo_search.settings import read_settings

if __name__ == "__main__":
    arguments = parse_arguments(["ingest", "bucket", *sys.argv[1:]])
    options = IngestOptions("", Path(), Path(), workers=1, batch=2, shard_photos=4, quiet=True)
    ingest(arguments, read_settings(), options, None)
