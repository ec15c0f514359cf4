"""Chooses the encoder's batch and threads by timing them, where a run is long enough to gain by it.

Decoders and encoder share the CPUs, and both may want all of them: the system gives a waiting
decoder what the encoder leaves. So the photos a second are at most what the decoders can, what the
encoder can, and the CPUs' seconds over those that a photo takes of both; the choice has the most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import numpy as np

from photo_search.encoder import Encoder
from photo_search.errors import ModelError

FEW_PHOTOS = 1_000  # up to so many, nothing is timed
DEFAULT_BATCH = 32
_BATCHES = {"cpu": (1, 2, 4, 8, 16, 32, 64), "cuda": (32, 64, 128, 256, 512)}
_MOST_S, _MOST_SHARE = 10.0, 0.03
"""What timing may take: seconds, and a share of what the encoder needs for the run."""
_LEAST_GAIN = 1.05
"""What another choice must have over the defaults: less is noise."""
_CALLS = 2

Clocks = Callable[[], tuple[float, float]]  # seconds passed, and of CPU of this process


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
        threads: As ``batch``.
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
    """Times one pace after another and keeps the best; times none where the first takes too long.

    On a CPU it goes by seconds of CPU: those that pass are also spent on what else the machine
    does, and a long call finds no quiet moment.
    """

    def __init__(self, start: Pace, work: Work, now: Clocks) -> None:
        self.best = self._start = start
        self._work, self._now = work, now
        load_s = now()[0]
        start.encoder.warm_up(("image",))
        self._begin_s = now()[0]
        self._load_s = self._begin_s - load_s
        least = replace(start, batch=min(start.batch, *_BATCHES[start.encoder.device]))
        self._photo_s, _ = _cost(least, now)
        self._end_s = self._begin_s + min(_MOST_S, _MOST_SHARE * work.photos * self._photo_s)
        self._rate = self._start_rate = self._rate_of(start) if self._fits(start) else 0.0

    def take_better(self, others: Sequence[Pace]) -> None:
        for pace in others:
            if not self._start_rate or str(pace) == str(self.best) or not self._fits(pace):
                continue
            with suppress(ModelError):  # the device's memory does not hold so many
                if (rate := self._rate_of(pace)) > self._rate:
                    self.best, self._rate = pace, rate

    def outcome(self) -> Pace:
        if not self._start_rate:
            return replace(self._start, note=f"{self._start}: others would take too long to time")
        gain = self._rate / self._start_rate
        found = f"{self.best}: {gain:.2f} times as fast as {self._start}"
        if gain < _LEAST_GAIN:
            self.best, found = self._start, f"{self._start}: no others are faster"
        return replace(
            self.best, note=f"{found}, by {self._now()[0] - self._begin_s:.1f} s of timing"
        )

    def _rate_of(self, pace: Pace) -> float:
        """Photos a second of the whole run."""
        work = self._work
        wall_s, cpu_s = _cost(pace, self._now)
        self._photo_s = min(self._photo_s, wall_s)
        if pace.encoder.device != "cpu":
            return 1 / max(work.decode_s / work.workers, wall_s)
        on_cpus_s = (work.decode_s + cpu_s) / work.cpus
        return 1 / max(work.decode_s / work.workers, cpu_s / pace.encoder.threads, on_cpus_s)

    def _fits(self, pace: Pace) -> bool:
        slower = max(1.0, self._start.encoder.threads / pace.encoder.threads)
        load_s = 0.0 if pace.encoder is self._start.encoder else self._load_s
        encode_s = _CALLS * pace.batch * self._photo_s * slower
        return self._now()[0] + load_s + encode_s <= self._end_s


def _cost(pace: Pace, now: Clocks) -> tuple[float, float]:
    """Seconds of a photo, passed and of CPU: each the best of some calls."""
    pace.encoder.warm_up(("image",))
    size = pace.encoder.bundle.image.size
    pixel_values = np.zeros((pace.batch, 3, size, size), np.float32)
    wall_s = cpu_s = math.inf
    for _ in range(_CALLS):
        wall_begin_s, cpu_begin_s = now()
        pace.encoder.encode_image(pixel_values)
        wall_end_s, cpu_end_s = now()
        wall_s, cpu_s = min(wall_s, wall_end_s - wall_begin_s), min(cpu_s, cpu_end_s - cpu_begin_s)
    return wall_s / pace.batch, cpu_s / pace.batch
