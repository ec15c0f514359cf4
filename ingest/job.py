"""The job: list, decode, encode, write shards, fill the index.

It may be stopped anywhere and run again.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from ingest.atomic_file import make_directory, remove_partial_files
from ingest.collection import claim
from ingest.decode import DecodeSettings, decoding_cpu_s
from ingest.download import DownloadLimits
from ingest.failure import Failure, Reason
from ingest.load import MARKS_NAME, Filled, Loader
from ingest.outcomes import say
from ingest.pipeline import Pipeline
from ingest.progress import Progress, progress_bar
from ingest.remove import keep_removed_out
from ingest.report import Report, RunPace
from ingest.shard_files import space_directory
from ingest.shards import ShardLog, ShardRow, ShardStore
from ingest.sources import Listing, PhotoSource, SourcePhoto
from ingest.thumbnails import ThumbnailDirectory, Thumbnails
from ingest.tuning import DEFAULT_BATCH, FEW_PHOTOS, Pace, Work, choose_pace
from ingest.writer_lock import writer_lock
from photo_search.cpus import usable_cpus
from photo_search.encoder import Encoder
from photo_search.errors import TooManyFailures
from photo_search.index import EmbeddedPhoto, PhotoIndex, create_index
from photo_search.settings import IndexAccess

SHARD_PHOTOS = 512
SHARD_S = 10.0
"""A shard is written when it has this many photos or is this old: a kill loses no more."""


@dataclass(frozen=True, slots=True)
class IngestOptions:
    """How a run works.

    Attributes:
        index_url: The index to fill; empty fills none.
        index_access: How its server is reached.
        work_dir: Shards, marks, lock and report.json.
        thumbnails_dir: Where thumbnails of one's own photos go.
        thumbnails: Who keeps them instead of that directory.
        shard_log: Where other writers publish shards too. It goes with an empty ``index_url``: an
            index is filled from what all of them have published.
        workers: Processes that decode; 1 decodes in this one.
        batch: Photos per call of the encoder; 0 for what is found best where the run is long.
        threads: Those that the encoder was given; 0 for the same.
        shard_photos: Most photos of a shard.
        quiet: No progress bar, and no word of what was found best.
        download: Patience with servers.
    """

    index_url: str
    work_dir: Path
    thumbnails_dir: Path
    index_access: IndexAccess = field(default_factory=IndexAccess)
    workers: int = field(default_factory=usable_cpus)
    batch: int = 0
    threads: int = 0
    shard_photos: int = SHARD_PHOTOS
    quiet: bool = False
    download: DownloadLimits = field(default_factory=DownloadLimits)
    thumbnails: Thumbnails | None = None
    shard_log: ShardLog | None = None


def run_ingest(source: PhotoSource, encoder: Encoder, options: IngestOptions) -> Report:
    """Bring an index up to date with a source.

    Args:
        source: The collection.
        encoder: Embeds the photos.
        options: How to work.

    Returns:
        The account of the run, which is also in ``report.json``.

    Raises:
        SourceInvalid: There are no photos, or the work directory holds another collection.
        SettingsError: A directory to write to cannot be used.
        IndexUnavailable: Another ingest is at work.
        TooManyFailures: Most photos fail; the batches encoded before are in the index.
        DiskFull: There is no room; what is written is whole, and the next run goes on.
        PhotoSearchError: The model or the index cannot do its part.
    """
    report = Report(
        source=source.identity,
        index_url=options.index_url,
        fingerprint=encoder.bundle.fingerprint,
        build=encoder.bundle.build,
    )
    start_s = time.perf_counter()
    make_directory(options.work_dir)
    with writer_lock(options.work_dir):
        remove_partial_files(options.work_dir)
        with report.timed("list"):
            listing = source.list_photos()
        # Not before it is known that there are photos: a mistyped directory must claim nothing.
        claim(options.work_dir, source.identity)
        try:
            _Run(source, encoder, options, report).run(listing)
            report.finished = True
            report.judge()
        finally:
            report.seconds["total"] = time.perf_counter() - start_s
            report.write(options.work_dir / "report.json")
    return report


class _Run:
    """One run while its lock is held."""

    def __init__(
        self, source: PhotoSource, encoder: Encoder, options: IngestOptions, report: Report
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._options = options
        self._report = report
        directory = space_directory(options.work_dir, encoder.bundle.fingerprint)
        self._shards = ShardStore(
            directory, encoder.bundle, rendition=source.rendition, log=options.shard_log
        )
        keep_removed_out(options.work_dir, self._shards)
        self._marks = directory / MARKS_NAME
        self._thumbnails: Thumbnails | None = None
        self._rows: list[ShardRow] = []
        self._shard_start_s = 0.0

    def run(self, listing: Listing) -> None:
        report = self._report
        listing = self._without_removed(listing)
        report.add_listing(listing)
        if self._source.writes_thumbnails:
            self._thumbnails = self._options.thumbnails or ThumbnailDirectory(
                self._options.thumbnails_dir
            )
            self._thumbnails.prepare()
            self._thumbnails.remove(list(self._shards.tombstones))
        if not self._options.index_url:
            self._bring(listing, _NoIndex())
            return
        with closing(self._open_index()) as index:
            loader = self._loader(index)
            with report.timed("index"):
                self._add_rejected(loader.catch_up().rejected)
            self._bring(listing, loader)
        # A load may have swapped another index in meanwhile, which lacks what came since.
        with closing(self._open_index()) as current, report.timed("index"):
            if current.name != index.name:
                self._add_rejected(self._loader(current).catch_up().rejected)

    def _bring(self, listing: Listing, loader: Loader | _NoIndex) -> None:
        """Ingest what is new, forget what is gone."""
        todo = [photo for photo in listing.photos if not self._is_done(photo)]
        self._report.unchanged = len(listing.photos) - len(todo)
        pace = self._pace(todo)
        with progress_bar(
            len(listing.photos), done=self._report.unchanged, quiet=self._options.quiet
        ) as progress:
            self._ingest(todo, pace, loader, progress)
        self._forget(listing, loader)

    def _open_index(self) -> PhotoIndex:
        bundle = self._encoder.bundle
        return create_index(
            self._options.index_url,
            fingerprint=bundle.fingerprint,
            dimension=bundle.dimension,
            access=self._options.index_access,
        )

    def _loader(self, index: PhotoIndex) -> Loader:
        return Loader(self._shards, index, marks=self._marks, name=index.name)

    def _without_removed(self, listing: Listing) -> Listing:
        removed = self._shards.tombstones
        photos = [one for one in listing.photos if one.photo.photo_id not in removed]
        failures = [one for one in listing.failures if one.photo_id not in removed]
        self._report.kept_out = (
            len(listing.photos) + len(listing.failures) - len(photos) - len(failures)
        )
        return replace(listing, photos=photos, failures=failures)

    @property
    def _decode_settings(self) -> DecodeSettings:
        directory = None if self._thumbnails is None else self._thumbnails.directory
        return DecodeSettings(self._encoder.bundle.image, directory)

    def _pace(self, todo: Sequence[SourcePhoto]) -> Pace:
        options = self._options
        pace = Pace(self._encoder, options.batch or DEFAULT_BATCH)
        if len(todo) > FEW_PHOTOS and not (options.batch and options.threads):
            with self._report.timed("timing"):
                decode_s = decoding_cpu_s(todo, self._decode_settings)
                work = Work(len(todo), decode_s, options.workers, usable_cpus())
                pace = choose_pace(
                    self._encoder, work, batch=options.batch, threads=options.threads
                )
            if not options.quiet:
                say(pace.note)
        self._report.pace = RunPace(
            pace.encoder.device, pace.encoder.threads, pace.batch, options.workers, pace.note
        )
        return pace

    def _ingest(
        self,
        todo: Sequence[SourcePhoto],
        pace: Pace,
        loader: Loader | _NoIndex,
        progress: Progress,
    ) -> None:
        pipeline = Pipeline(
            pace.encoder,
            self._decode_settings,
            self._options.download,
            download_url=self._source.download_url,
            workers=self._options.workers,
            batch=pace.batch,
        )
        self._shard_start_s = time.monotonic()
        try:
            for rows in pipeline.run(todo, self._report, progress):
                self._rows += rows
                age_s = time.monotonic() - self._shard_start_s
                if len(self._rows) >= self._options.shard_photos or age_s >= SHARD_S:
                    self._flush(loader)
        # What is encoded by now need not be encoded again.
        except (KeyboardInterrupt, TooManyFailures):
            self._flush(loader)
            raise
        self._flush(loader)

    def _is_done(self, photo: SourcePhoto) -> bool:
        live = self._shards.live.get(photo.photo.photo_id)
        if live is None or live.version != photo.version:
            return False
        return self._thumbnails is None or self._thumbnails.has(photo.photo.photo_id)

    def _flush(self, loader: Loader | _NoIndex) -> None:
        if self._rows:
            with self._report.timed("shards"):
                if self._thumbnails is not None:
                    self._thumbnails.keep([row.embedded.photo.photo_id for row in self._rows])
                photos = self._shards.add(self._rows)
            with self._report.timed("index"):
                filled = loader.store(photos)
            self._add_rejected(filled.rejected)
            self._report.indexed += filled.stored
            self._rows = []
        self._shard_start_s = time.monotonic()

    def _add_rejected(self, rejected: Mapping[str, str]) -> None:
        told = {failure.photo_id for failure in self._report.failures}
        for photo_id in sorted(rejected.keys() - told):
            failure = Failure(photo_id, photo_id, Reason.REFUSED_BY_INDEX, rejected[photo_id])
            self._report.add_failure(failure)

    def _forget(self, listing: Listing, loader: Loader | _NoIndex) -> None:
        """Take out photos that are no longer there, or no longer pictures."""
        if not (self._source.forgets_missing and listing.complete):
            return
        kept = {photo.photo.photo_id for photo in listing.photos}
        kept -= {
            failure.photo_id
            for failure in self._report.failures
            # What an index refuses is a picture nevertheless; another index may take it.
            if failure.reason is not Reason.REFUSED_BY_INDEX
        }
        if gone := sorted(self._shards.live.keys() - kept):
            gone = self._shards.remove(gone)
            loader.delete(gone)
            self._report.removed = len(gone)
        if self._thumbnails is not None:
            self._thumbnails.remove(gone)


class _NoIndex:
    """In a loader's place where the index is filled later, from the shards."""

    def store(self, photos: Sequence[EmbeddedPhoto]) -> Filled:
        return Filled(stored=len(photos))

    def delete(self, photo_ids: Sequence[str]) -> None:
        pass
