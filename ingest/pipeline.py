"""From listed photos to encoded rows: download, decode in parallel, encode in batches, in order.

Downloads, decoders, the encoder and whoever takes the rows work at the same time. In memory are at
most the pixel values of four batches and of two photos a worker: one batch in the window of the
decoders, one that is gathered and copied for the encoder, one encoded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from ingest.decode import DecodedPhoto, DecodeJob, DecodeSettings, decode
from ingest.download import DownloadFailed, DownloadLimits, download
from ingest.encoder_thread import Batch, EncoderThread
from ingest.failure import Failure, Reason
from ingest.ordered_map import WorkerProcesses, map_in_order
from ingest.progress import Progress
from ingest.report import Report
from ingest.shards import ShardRow
from ingest.sources import SourcePhoto
from photo_search.encoder import Encoder
from photo_search.errors import TooManyFailures

_DOWNLOADS = 16
# Below this many photos, starting worker processes costs more than they save.
_FEW_PHOTOS = 16

Item = TypeVar("Item")


class Pipeline:
    """The part of the job between the list and the shards."""

    def __init__(
        self,
        encoder: Encoder,
        settings: DecodeSettings,
        limits: DownloadLimits,
        *,
        download_url: Callable[[SourcePhoto], str],
        workers: int,
        batch: int,
    ) -> None:
        """Join the stages.

        Args:
            encoder: Embeds the photos.
            settings: How photos are decoded.
            limits: Patience with servers.
            download_url: Tells where a photo without a file is; see PhotoSource.
            workers: Processes that decode; 1 decodes in this one.
            batch: Photos per call of the encoder.
        """
        self._encoder = encoder
        self._settings = settings
        self._limits = limits
        self._download_url = download_url
        self._workers = workers
        self._batch = batch

    def run(
        self, photos: Sequence[SourcePhoto], report: Report, progress: Progress
    ) -> Iterator[list[ShardRow]]:
        """Give the photos' rows, batch by batch, in the order of the photos.

        Args:
            photos: What to work on.
            report: Gets the failures and the time of each stage.
            progress: Counts what is done or failed.

        Raises:
            TooManyFailures: Most photos fail.
            DiskFull: There is no room for a thumbnail.
            ModelError: The model gives no embedding.
        """

        def leave_out(failure: Failure) -> None:
            progress.update()
            report.add_failure(failure)

        if photos:
            with report.timed("encode"):
                # Not in the encoder's thread: see photo_search.huge_pages.
                self._encoder.warm_up(("image",))
        batch: list[DecodedPhoto] = []
        with EncoderThread(self._encoder, report) as encoder:
            try:
                for decoded in _timed(self._decoded(photos, leave_out), report, "decode_wait"):
                    if isinstance(decoded, Failure):
                        leave_out(decoded)
                        continue
                    report.worked += 1
                    batch.append(decoded)
                    if len(batch) == self._batch:
                        encoder.begin(Batch.of(batch))
                        batch = []
                    yield from _counted(encoder.finished(), progress)
                if batch:
                    encoder.begin(Batch.of(batch))
                yield from _counted(encoder.rest(), progress)
            # What is encoded by now, or in a moment, need not be encoded again.
            except (KeyboardInterrupt, TooManyFailures):
                yield from _counted(encoder.under_way(), progress)
                raise

    def _decoded(
        self, photos: Sequence[SourcePhoto], leave_out: Callable[[Failure], None]
    ) -> Iterator[DecodedPhoto | Failure]:
        task = partial(decode, settings=self._settings)
        with _downloads() as (threads, stopped):
            jobs = self._jobs(photos, threads, stopped, leave_out)
            if self._workers == 1 or len(photos) <= _FEW_PHOTOS:
                yield from map(task, jobs)
                return
            # The next batch, which is taken at once when it may be, and work for the workers.
            window = self._batch + 2 * self._workers
            with WorkerProcesses(self._workers) as processes:
                yield from processes.map_in_order(
                    task, jobs, window=window, when_killed=_killed_a_worker
                )

    def _jobs(
        self,
        photos: Sequence[SourcePhoto],
        threads: ThreadPoolExecutor,
        stopped: threading.Event,
        leave_out: Callable[[Failure], None],
    ) -> Iterator[DecodeJob]:
        """Fetch what is not on this machine; files are left to the workers to read."""

        def fetch(photo: SourcePhoto) -> DecodeJob | Failure:
            if photo.file is not None:
                return DecodeJob(photo)
            url = self._download_url(photo)
            try:
                data = download(url, self._limits, sleep=stopped.wait, is_stopped=stopped.is_set)
                return DecodeJob(photo, data)
            except DownloadFailed as error:
                # A signed URL opens the picture to whoever reads it.
                return photo.failure(error.reason, str(error).replace(url, photo.url))

        for job in map_in_order(threads, fetch, photos, window=2 * _DOWNLOADS):
            if isinstance(job, Failure):
                leave_out(job)
            else:
                yield job


@contextmanager
def _downloads() -> Iterator[tuple[ThreadPoolExecutor, threading.Event]]:
    """Threads for downloads, which are given up and not waited for when the block ends early."""
    stopped = threading.Event()
    threads = ThreadPoolExecutor(_DOWNLOADS)
    try:
        yield threads, stopped
    finally:
        stopped.set()
        threads.shutdown(wait=False, cancel_futures=True)


def _killed_a_worker(job: DecodeJob) -> Failure:
    return job.source.failure(Reason.WORKER_DIED, "the process that decoded it was killed")


def _timed(items: Iterator[Item], report: Report, stage: str) -> Iterator[Item]:
    """Pass items on and add the time that each took to come to a stage."""
    while True:
        with report.timed(stage):
            item = next(items, None)
        if item is None:
            return
        yield item


def _counted(rows: Iterator[list[ShardRow]], progress: Progress) -> Iterator[list[ShardRow]]:
    for batch in rows:
        progress.update(len(batch))
        yield batch
