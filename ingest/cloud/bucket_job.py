"""The job where photos, shards, thumbnails or index are in buckets.

The index is filled at the end and from the shards of all writers, never from what this run alone
has embedded. A part of an array job fills none: the job that follows the array does, and finds
nearly all done.
"""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

from ingest.cloud.batch_part import chosen_part
from ingest.cloud.s3 import S3
from ingest.cloud.workplace import Workplace, workplace
from ingest.failure import Failure, Reason
from ingest.job import IngestOptions, run_ingest
from ingest.load import Filled
from ingest.outcomes import say_device
from ingest.report import Report
from ingest.shard_files import space_directory
from ingest.sources import PhotoSource
from ingest.sources.bucket import BucketSource
from ingest.sources.part import Part, PartOfSource
from photo_search.encoder import Encoder
from photo_search.errors import TooManyFailures
from photo_search.s3_url import S3Url
from photo_search.search import open_encoder
from photo_search.settings import Settings


def ingest(
    arguments: Namespace, settings: Settings, options: IngestOptions, source: PhotoSource | None
) -> tuple[Report, str]:
    """Run the job.

    Args:
        arguments: Those of the command.
        settings: Model and index.
        options: How to work; the places that are buckets are put in here.
        source: The collection; None for the bucket that ``arguments.path`` names.

    Returns:
        The account of the run, and where it is kept.

    Raises:
        PhotoSearchError: As ``run_ingest``, and what S3 gives rise to; see ``s3_errors``.
    """
    part = chosen_part(getattr(arguments, "part", None), getattr(arguments, "parts", None))
    with workplace(arguments.work, settings) as place:
        if source is None:
            source = _bucket_source(arguments, place.s3)
        encoder = open_encoder(settings, spins=False)
        say_device(encoder, quiet=options.quiet)
        # Before the photos are listed: this run cannot judge what others bring after its list.
        place.pull()
        report = _embed(
            source if part is None else PartOfSource(source, part),
            encoder,
            replace(
                options,
                index_url="" if part or _is_filled_later(place) else settings.index_url,
                work_dir=place.directory,
                thumbnails=place.thumbnails(arguments.thumbs),
                shard_log=place.work,
            ),
        )
        report.index_url = settings.index_url
        if part is None and _is_filled_later(place):
            with report.timed("index"):
                directory = space_directory(place.directory, encoder.bundle.fingerprint)
                _note_refused(place.filler().fill(directory), report)
        return report, _keep(report, place, part)


def _bucket_source(arguments: Namespace, s3: S3) -> BucketSource:
    places = (arguments.work, arguments.thumbs)
    excluded = tuple(place for place in places if isinstance(place, S3Url))
    return BucketSource(s3, arguments.path, excluded)


def _embed(source: PhotoSource, encoder: Encoder, options: IngestOptions) -> Report:
    try:
        return run_ingest(source, encoder, options)
    except TooManyFailures:
        # A download does not tell credentials that have expired from a photo that is refused.
        source.list_photos()
        raise


def _is_filled_later(place: Workplace) -> bool:
    return place.work is not None or place.publisher() is not None


def _note_refused(filled: Filled, report: Report) -> None:
    for photo_id, reason in sorted(filled.rejected.items()):
        report.add_failure(Failure(photo_id, photo_id, Reason.REFUSED_BY_INDEX, reason))


def _keep(report: Report, place: Workplace, part: Part | None) -> str:
    path = place.directory / "report.json"
    report.write(path)
    if place.work is None:
        return str(path)
    place.work.publish_lists()
    name = "report" if part is None else f"report-{part.number}-of-{part.parts}"
    return str(place.work.put_report(name))
