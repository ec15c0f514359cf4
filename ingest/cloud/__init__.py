"""Ingest on AWS: photos and shards in buckets, the job and the writer of new photos."""
