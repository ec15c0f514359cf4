"""The ingest job and the command line: pictures in, shards and a searchable index out."""
