from __future__ import annotations

import threading

import numpy as np
import pytest

from ingest.decode import DecodedPhoto
from ingest.encoder_thread import Batch, EncoderThread
from ingest.report import Report
from photo_search.errors import ModelError
from photo_search.photo import Photo

PATIENCE_S = 30.0


class StepwiseEncoder:
    """Encodes a batch when it is told to; its embeddings are what the pixels are."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Semaphore(0)
        self.calls = 0

    def encode_image(self, pixel_values):
        self.calls += 1
        self.begun.release()
        assert self.may_end.acquire(timeout=PATIENCE_S)
        if np.isnan(pixel_values).any():
            msg = "an embedding has norm nan"
            raise ModelError(msg)
        return pixel_values.reshape(len(pixel_values), -1)


def batch(*numbers: float) -> Batch:
    return Batch.of(
        [
            DecodedPhoto(Photo(f"photo-{number}", 4, 3), "v", np.full((3, 1, 1), number))
            for number in numbers
        ]
    )


def taken(rows):
    return [[row.embedded.photo.photo_id for row in one] for one in rows]


@pytest.fixture
def encoder():
    return StepwiseEncoder()


@pytest.fixture
def thread(encoder):
    with EncoderThread(encoder, Report()) as thread:
        yield thread
        for _ in range(8):
            encoder.may_end.release()


def test_nobody_waits_for_the_first_batch(encoder, thread):
    thread.begin(batch(1, 2))

    assert encoder.begun.acquire(timeout=PATIENCE_S)
    assert taken(thread.finished()) == []
    encoder.may_end.release()
    assert taken(thread.rest()) == [["photo-1", "photo-2"]]


def test_the_next_batch_is_encoded_while_rows_of_the_one_before_are_in_other_hands(encoder, thread):
    thread.begin(batch(1))
    thread.begin(batch(2))
    encoder.may_end.release()

    rows = next(thread.finished())

    assert taken([rows]) == [["photo-1"]]
    for _ in range(2):
        assert encoder.begun.acquire(timeout=PATIENCE_S)
    assert encoder.calls == 2


def test_while_one_is_encoded_only_one_waits(encoder, thread):
    thread.begin(batch(1))
    thread.begin(batch(2))
    waiting = threading.Thread(target=list, args=[thread.finished()])
    waiting.start()

    waiting.join(timeout=0.2)
    assert waiting.is_alive()
    encoder.may_end.release()
    waiting.join(timeout=PATIENCE_S)
    assert not waiting.is_alive()


def test_rows_come_in_the_order_of_the_batches_each_with_its_own_embedding(encoder, thread):
    for number in range(0, 6, 2):
        thread.begin(batch(number, number + 1))
        encoder.may_end.release()

    rows = [row for one in thread.rest() for row in one]

    assert [row.embedded.photo.photo_id for row in rows] == [f"photo-{n}" for n in range(6)]
    assert [row.embedded.embedding[0] for row in rows] == list(range(6))


def test_what_is_under_way_is_kept_when_the_run_is_to_stop_and_what_waits_is_not(encoder, thread):
    thread.begin(batch(1))
    thread.begin(batch(2))
    assert encoder.begun.acquire(timeout=PATIENCE_S)

    under_way = thread.under_way()
    encoder.may_end.release()

    assert taken(under_way) == [["photo-1"]]
    assert encoder.calls == 1


def test_an_error_of_the_encoder_comes_to_whoever_takes_the_rows(encoder, thread):
    thread.begin(batch(1))
    thread.begin(batch(float("nan")))
    for _ in range(2):
        encoder.may_end.release()

    rows = thread.rest()

    assert taken([next(rows)]) == [["photo-1"]]
    with pytest.raises(ModelError, match="norm nan"):
        next(rows)


def test_leaving_does_not_encode_what_waits(encoder):
    thread = EncoderThread(encoder, Report())
    for number in range(3):
        thread.begin(batch(number))
    assert encoder.begun.acquire(timeout=PATIENCE_S)
    leaving = threading.Thread(target=thread.__exit__)
    leaving.start()
    while not thread._begun[2].cancelled():
        leaving.join(timeout=0.01)

    encoder.may_end.release()
    leaving.join(timeout=PATIENCE_S)

    assert not leaving.is_alive()
    assert encoder.calls == 1


def test_the_seconds_of_the_encoder_and_those_of_waiting_for_it_are_told_apart(encoder):
    report = Report()
    with EncoderThread(encoder, report) as thread:
        thread.begin(batch(1))
        assert encoder.begun.acquire(timeout=PATIENCE_S)
        threading.Event().wait(0.05)
        encoder.may_end.release()
        assert taken(thread.rest()) == [["photo-1"]]

    assert report.seconds["encode"] >= 0.05
    assert report.seconds["encode_wait"] < report.seconds["encode"]
