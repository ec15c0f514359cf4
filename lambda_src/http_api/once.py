"""One lazily made value, shared by all threads."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def once(make: Callable[[], Value]) -> Callable[[], Value]:
    """Return a function that makes the value at its first call and gives it at each later one.

    Threads that ask meanwhile wait. A failure is not remembered: the next call tries again, so that
    an index that is missing now may be there later.
    """
    lock = threading.Lock()
    made: list[Value] = []

    def get() -> Value:
        with lock:
            if not made:
                made.append(make())
        return made[0]

    return get
