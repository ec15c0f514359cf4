"""Encodes in a thread of its own: the encoder works while others are decoded, gathered and written.

ONNX Runtime holds no lock of Python's while it runs, on a CPU or a GPU.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ingest.decode import DecodedPhoto
from ingest.report import Report
from ingest.shards import ShardRow
from photo_search.arrays import Float32Array
from photo_search.encoder import Encoder
from photo_search.index import EmbeddedPhoto
from photo_search.photo import Photo

_BATCHES = 2
"""One that is encoded and one that is ready to be: more would only take memory."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Photos with their versions, and ``(B, 3, H, W)`` pixel values for one call."""

    photos: tuple[tuple[Photo, str], ...]
    pixel_values: Float32Array

    @classmethod
    def of(cls, decoded: Sequence[DecodedPhoto]) -> Batch:
        """Gather decoded photos, one at least; theirs are copied and may be let go."""
        photos = tuple((one.photo, one.version) for one in decoded)
        return cls(photos, np.stack([one.pixel_values for one in decoded]))


def encoded_rows(encoder: Encoder, batch: Batch) -> list[ShardRow]:
    """Embed photos in one call of the encoder.

    Raises:
        ModelError: The model gives no embedding.
    """
    embeddings = encoder.encode_image(batch.pixel_values)  # (B, D)
    return [
        ShardRow(EmbeddedPhoto(photo, embedding), version)
        for (photo, version), embedding in zip(batch.photos, embeddings, strict=True)
    ]


class EncoderThread:
    """Takes batches and gives their rows in the same order; a context manager.

    Leaving it waits for the batch under way and drops those that wait.
    """

    def __init__(self, encoder: Encoder, report: Report) -> None:
        """Prepare the thread; it starts with the first batch.

        Args:
            encoder: Embeds the photos.
            report: Gets ``encode``, the seconds that the encoder worked, and ``encode_wait``, those
                that it was waited for.
        """
        self._encoder = encoder
        self._report = report
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="encode")
        self._begun: deque[Future[list[ShardRow]]] = deque()

    def __enter__(self) -> EncoderThread:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def begin(self, batch: Batch) -> None:
        """Put a batch behind those that were begun; then take what is ``finished``."""
        self._begun.append(self._thread.submit(self._encode, batch))

    def finished(self) -> Iterator[list[ShardRow]]:
        """Rows of the batches that are done, after waiting where none may wait besides."""
        return self._rows(_BATCHES - 1)

    def rest(self) -> Iterator[list[ShardRow]]:
        """Rows of all batches that were begun."""
        return self._rows(0)

    def under_way(self) -> Iterator[list[ShardRow]]:
        """Rows of the batches that are done or cannot be stopped any more; others are dropped."""
        self._begun = deque(future for future in self._begun if not future.cancel())
        return self._rows(0)

    def _rows(self, leave: int) -> Iterator[list[ShardRow]]:
        """Those that are done, and those that are not until ``leave`` of them are left.

        Raises:
            ModelError: The model gives no embedding.
        """
        while self._begun and (len(self._begun) > leave or self._begun[0].done()):
            with self._report.timed("encode_wait"):
                # It leaves the queue when it is here: Ctrl-C while it is waited for loses nothing.
                rows = self._begun[0].result()
            self._begun.popleft()
            yield rows

    def _encode(self, batch: Batch) -> list[ShardRow]:
        with self._report.timed("encode"):
            return encoded_rows(self._encoder, batch)
