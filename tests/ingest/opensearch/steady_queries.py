"""Searches at a steady rate, whatever the answers take, and an account of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from photo_search.index import HitPage

Ask = Callable[[int], HitPage]


@dataclass(slots=True)
class Account:
    """What became of the searches of one reader.

    Attributes:
        asked: How many were sent.
        failures: What went wrong.
        empty: How many found nothing.
        models: Which models' photos were found.
        latest_s: The longest time that one took.
    """

    asked: int = 0
    failures: list[BaseException] = field(default_factory=list)
    empty: int = 0
    models: set[str] = field(default_factory=set)
    latest_s: float = 0.0


class SteadyQueries:
    """A context manager that asks ``ask(0)``, ``ask(1)`` … on and on until it is left."""

    def __init__(self, ask: Ask, *, per_s: float) -> None:
        self.account = Account()
        self._ask = ask
        self._per_s = per_s
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(16)
        self._clock = threading.Thread(target=self._tick)
        self._start_s = 0.0
        self.duration_s = 0.0

    def __enter__(self) -> Self:
        self._start_s = time.monotonic()
        self._clock.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._clock.join()
        self.duration_s = time.monotonic() - self._start_s
        self._threads.shutdown()

    def _tick(self) -> None:
        number = 0
        while not self._over.is_set():
            self._threads.submit(self._one, number)
            number += 1
            self._over.wait(max(0.0, self._start_s + number / self._per_s - time.monotonic()))

    def _one(self, number: int) -> None:
        start_s = time.monotonic()
        try:
            hits = self._ask(number).hits
        except BaseException as error:  # noqa: BLE001 - whatever it is, it counts
            with self._lock:
                self.account.asked += 1
                self.account.failures.append(error)
            return
        with self._lock:
            self.account.asked += 1
            self.account.empty += not hits
            self.account.models |= {hit.photo.description.split()[0] for hit in hits}
            self.account.latest_s = max(self.account.latest_s, time.monotonic() - start_s)
