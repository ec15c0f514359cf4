from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from ingest.tuning import DEFAULT_BATCH, Work, choose_pace
from photo_search.errors import ModelError

CPUS = 4
MANY = 100_000


class Clock:
    """Stands still but for what fakes spend."""

    def __init__(self) -> None:
        self.wall_s = self.cpu_s = 0.0

    def __call__(self) -> tuple[float, float]:
        return self.wall_s, self.cpu_s

    def spend(self, wall_s: float, cpu_s: float) -> None:
        self.wall_s += wall_s
        self.cpu_s += cpu_s


class PricedEncoder:
    """An encoder of known costs: ``overhead_s`` a call, and ``photo_s`` a photo and thread.

    ``serial`` of a photo's time is not shared among threads; ``most`` photos fit into memory.
    """

    def __init__(self, clock, *, device="cpu", threads=CPUS, **prices):
        self.clock, self.device, self.threads, self.prices = clock, device, threads, prices
        self.bundle = SimpleNamespace(image=SimpleNamespace(size=4))
        self.batches: list[int] = []
        self.is_loaded = False

    def with_threads(self, threads):
        return PricedEncoder(self.clock, device=self.device, threads=threads, **self.prices)

    def warm_up(self, towers):
        assert towers == ("image",)
        if not self.is_loaded:
            self.clock.spend(self.prices.get("load_s", 0.0), 0.0)
        self.is_loaded = True

    def encode_image(self, pixel_values):
        photos = len(pixel_values)
        self.batches.append(photos)
        if photos > self.prices.get("most", 10_000):
            msg = "CUDA failure 2: out of memory"
            raise ModelError(msg)
        serial = self.prices.get("serial", 0.0)
        share = serial + (1 - serial) / self.threads
        wall_s = self.prices.get("overhead_s", 0.0) + photos * self.prices["photo_s"] * share
        self.clock.spend(wall_s, wall_s * self.threads)
        return np.ones((photos, 8), np.float32)


def chosen(encoder, clock, *, decode_s=0.0, photos=MANY, workers=CPUS, batch=0, threads=0):
    work = Work(photos, decode_s, workers, CPUS)
    return choose_pace(encoder, work, batch=batch, threads=threads, now=clock)


@pytest.fixture
def clock():
    return Clock()


def test_where_a_call_costs_much_the_largest_batch_is_chosen_and_the_gain_said(clock):
    encoder = PricedEncoder(clock, device="cuda", overhead_s=0.01, photo_s=0.0004)

    pace = chosen(encoder, clock)

    assert pace.batch == 512
    assert pace.encoder is encoder
    # (10 / 32 + 0.1) / (10 / 512 + 0.1) ms a photo
    assert pace.note.startswith(
        "batches of 512 with 4 threads: 3.45 times as fast as batches of 32"
    )


def test_what_the_memory_does_not_hold_is_the_upper_end(clock):
    encoder = PricedEncoder(clock, device="cuda", overhead_s=0.01, photo_s=0.0004, most=200)

    assert chosen(encoder, clock).batch == 128


def test_a_model_that_cannot_be_run_at_all_is_an_error(clock):
    encoder = PricedEncoder(clock, device="cuda", photo_s=0.001, most=0)

    with pytest.raises(ModelError, match="out of memory"):
        chosen(encoder, clock)


def test_where_nothing_gains_the_defaults_stay(clock):
    encoder = PricedEncoder(clock, photo_s=0.01)

    pace = chosen(encoder, clock)

    assert (pace.batch, pace.encoder) == (DEFAULT_BATCH, encoder)
    assert pace.note.startswith("batches of 32 with 4 threads: no others are faster, by ")


def test_where_a_single_batch_takes_too_long_the_defaults_stay_untimed(clock):
    encoder = PricedEncoder(clock, photo_s=4.0)

    pace = chosen(encoder, clock)

    assert (pace.batch, pace.encoder) == (DEFAULT_BATCH, encoder)
    assert pace.note == "batches of 32 with 4 threads: others would take too long to time"
    assert set(encoder.batches) == {1}


def test_what_else_the_machine_does_is_not_held_against_a_batch(clock):
    class Disturbed(PricedEncoder):
        """The defaults come at a bad moment."""

        def encode_image(self, pixel_values):
            if len(pixel_values) == DEFAULT_BATCH:
                clock.spend(1.0, 0.0)
            return super().encode_image(pixel_values)

    assert chosen(Disturbed(clock, photo_s=0.01), clock).batch == DEFAULT_BATCH


def test_threads_that_wait_for_each_other_leave_the_cpus_to_the_decoders(clock):
    encoder = PricedEncoder(clock, photo_s=0.01, serial=0.5)

    # Encoding costs 0.025 CPU seconds with four threads and 0.01 with one.
    assert chosen(encoder, clock, decode_s=0.08).encoder.threads == 1


def test_all_threads_encode_where_decoding_costs_nothing(clock):
    encoder = PricedEncoder(clock, photo_s=0.01, serial=0.1, threads=1)

    assert chosen(encoder, clock).encoder.threads == CPUS


def test_where_decoders_are_the_limit_a_faster_encoder_gains_nothing(clock):
    encoder = PricedEncoder(clock, device="cuda", overhead_s=0.01, photo_s=0.0004)

    assert chosen(encoder, clock, decode_s=0.1).batch == DEFAULT_BATCH


def test_a_batch_that_is_asked_for_stays_and_threads_are_chosen(clock):
    encoder = PricedEncoder(clock, photo_s=0.01, overhead_s=0.001, serial=0.5)

    pace = chosen(encoder, clock, batch=2, decode_s=0.08)

    assert (pace.batch, pace.encoder.threads) == (2, 1)
    assert set(encoder.batches) == {1, 2}  # one photo, to know what timing costs


def test_threads_that_are_asked_for_stay_and_the_batch_is_chosen(clock):
    encoder = PricedEncoder(clock, photo_s=0.01, overhead_s=0.1, serial=0.5)

    pace = chosen(encoder, clock, threads=CPUS)

    assert (pace.batch, pace.encoder) == (64, encoder)


@pytest.mark.parametrize("photo_s", [0.001, 0.01, 0.1, 1.0])
@pytest.mark.parametrize("photos", [1_001, 10_000, 1_000_000])
def test_timing_takes_a_small_share_of_the_run_and_seconds_at_most(clock, photo_s, photos):
    encoder = PricedEncoder(clock, photo_s=photo_s, overhead_s=0.01, load_s=0.5)
    encoder.warm_up(("image",))

    chosen(encoder, clock, photos=photos)

    spent_s = clock.wall_s - 0.5
    one_s = 0.01 + photo_s / CPUS
    # A photo's time is known; that of the last batch's two calls is not, before they are made.
    assert spent_s <= max(2 * one_s, min(10.0, 0.03 * photos * one_s) + 2 * 0.01)
