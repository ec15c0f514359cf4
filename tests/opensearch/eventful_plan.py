"""A plan of faults that has something done when a certain request comes."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.opensearch.fault_plan import Decision, FaultPlan


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens once.

    Attributes:
        part: Of the paths that are counted, such as ``_bulk``.
        number: Which of the requests to such a path it is that brings it about, from 1.
        happen: What is done, before that request goes on its way.
    """

    part: str
    number: int
    happen: Callable[[], object]


class EventfulPlan(FaultPlan):
    """Harms every kind of request, and brings events about."""

    def __init__(self, *, seed: int, share: float, events: Sequence[Event]) -> None:
        """Make a plan; see FaultPlan."""
        super().__init__(seed=seed, share=share, picks=lambda *_: True)
        self._events = events
        self._seen: Counter[Event] = Counter()
        self._events_lock = threading.Lock()

    def decide(self, method: str, path: str, body: bytes) -> Decision:
        """Let happen what is due, then decide about the request."""
        for event in self._due(path):
            event.happen()
        return super().decide(method, path, body)

    def _due(self, path: str) -> list[Event]:
        with self._events_lock:
            counted = [event for event in self._events if event.part in path]
            self._seen.update(counted)
            return [event for event in counted if self._seen[event] == event.number]
