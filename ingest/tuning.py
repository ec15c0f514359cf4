"""Chooses the encoder's batch and threads by timing them, where a run is long enough to gain by it.

Decoders and encoder share the CPUs, and both may want all of them: the system gives a waiting
decoder what the encoder leaves. So the photos a second are at most what the decoders can, what the
encoder can, and the CPUs' seconds over those that a photo takes of both; the choice has the most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from photo_search.encoder import Encoder
from photo_search.errors import ModelError

FEW_PHOTOS = 1_000
"""Up to so many, nothing is timed."""
DEFAULT_BATCH = 32
_BATCHES = {"cpu": (1, 2, 4, 8, 16, 32, 64), "cuda": (32, 64, 128, 256, 512)}
_MOST_S = 5.0
_MOST_SHARE = 0.03
"""Of the time that the encoder needs for the run: what timing may take, besides ``_MOST_S``."""
_LEAST_GAIN = 1.05
"""What another choice must have over the defaults: less is noise."""
_CALLS = 2

Clocks = Callable[[], tuple[float, float]]
"""Seconds that have passed, and seconds of CPU that this process has had."""


@dataclass(frozen=True, slots=True)
class Pace:
    """An encoder with its threads, and photos per call of it; ``note`` tells what timing found."""

    encoder: Encoder
    batch: int
    note: str = ""

    def __str__(self) -> str:
        return f"batches of {self.batch} with {self.encoder.threads} threads"


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done: photos, seconds of CPU to decode one, processes that do, CPUs in all."""

    photos: int
    decode_s: float
    workers: int
    cpus: int


def clocks() -> tuple[float, float]:
    """The clocks of this process."""
    return time.perf_counter(), time.process_time()


def choose_pace(
    encoder: Encoder, work: Work, *, batch: int, threads: int, now: Clocks = clocks
) -> Pace:
    """Choose batch and threads.

    Args:
        encoder: With the threads that are asked for, or the default.
        work: Should be of more than ``FEW_PHOTOS``.
        batch: What is asked for; 0 for what is best.
        threads: The same.
        now: The clocks.

    Raises:
        ModelError: The model cannot be run.
    """
    trials = _Trials(Pace(encoder, batch or DEFAULT_BATCH), work, now)
    if not batch:
        trials.take_better([Pace(encoder, size) for size in _BATCHES[encoder.device]])
    if not threads and encoder.device == "cpu":
        numbers = [2**power for power in range(work.cpus.bit_length())]
        trials.take_better([Pace(encoder.with_threads(n), trials.best.batch) for n in numbers])
    return trials.outcome()


class _Trials:
    """Times one pace after another and keeps the best."""

    def __init__(self, start: Pace, work: Work, now: Clocks) -> None:
        self.best = self._start = start
        self._work, self._now = work, now
        begin_s = now()[0]
        start.encoder.warm_up(("image",))
        self._loaded_s = now()[0]
        self._load_s = self._loaded_s - begin_s
        self._photo_s, _ = cost = _cost(start, now)
        self._rate = self._first_rate = self._rate_of(*cost)
        self._end_s = now()[0] + min(_MOST_S, _MOST_SHARE * work.photos * self._photo_s)

    def take_better(self, others: Sequence[Pace]) -> None:
        for pace in others:
            if str(pace) == str(self.best) or self._now()[0] + self._expected_s(pace) > self._end_s:
                continue
            try:
                rate = self._rate_of(*_cost(pace, self._now))
            except ModelError:  # the device's memory does not hold so many
                continue
            if rate > self._rate:
                self.best, self._rate = pace, rate

    def outcome(self) -> Pace:
        gain = self._rate / self._first_rate
        found = f"{self.best}, {gain:.2f} times as fast as {self._start}"
        if gain < _LEAST_GAIN:
            self.best, found = self._start, f"{self._start}, which no others beat"
        return replace(
            self.best, note=f"{found} in {self._now()[0] - self._loaded_s:.1f} s of timing"
        )

    def _rate_of(self, wall_s: float, cpu_s: float) -> float:
        """Photos a second of the whole run."""
        work = self._work
        encode_s = cpu_s if self._start.encoder.device == "cpu" else 0.0
        on_cpus_s = (work.decode_s + encode_s) / work.cpus
        return 1 / max(work.decode_s / work.workers, wall_s, on_cpus_s)

    def _expected_s(self, pace: Pace) -> float:
        slower = max(1.0, self._start.encoder.threads / pace.encoder.threads)
        encode_s = _CALLS * pace.batch * self._photo_s * slower
        return encode_s + (0 if pace.encoder is self._start.encoder else self._load_s)


def _cost(pace: Pace, now: Clocks) -> tuple[float, float]:
    """Seconds of a photo, passed and of CPU, in the best of some calls: the first may allocate."""
    pace.encoder.warm_up(("image",))
    size = pace.encoder.bundle.image.size
    pixel_values = np.zeros((pace.batch, 3, size, size), np.float32)
    costs = []
    for _ in range(_CALLS):
        wall_s, cpu_s = now()
        pace.encoder.encode_image(pixel_values)
        wall_end_s, cpu_end_s = now()
        costs.append(((wall_end_s - wall_s) / pace.batch, (cpu_end_s - cpu_s) / pace.batch))
    return min(costs)
