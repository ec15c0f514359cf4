"""A process that dies at a chosen step, as far as the disk can tell."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow.parquet as pq

_STEPS = [
    (os, "fsync"),
    (Path, "replace"),
    (Path, "unlink"),
    (Path, "write_text"),
    (pq, "write_table"),
    (pq.ParquetWriter, "write_table"),
]


class Died(BaseException):
    """The process is gone."""


@contextmanager
def dying_at(step: int) -> Iterator[None]:
    """Let all that changes the disk fail from the step-th call on (from 1), clearing-up included.

    Ends without Died when the block makes fewer calls.
    """
    calls = 0

    def mortal(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls >= step:
                raise Died
            return real(*arguments, **options)

        return call

    patches = [patch.object(owner, name, mortal(getattr(owner, name))) for owner, name in _STEPS]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


def survive_every_death(start: Callable[[], None], act: Callable[[], object]) -> Iterator[int]:
    """Yield after each death of ``act``, one step later each time, until it lives to its end.

    Args:
        start: Makes the world as it is before.
        act: What dies.
    """
    step = 1
    while True:
        start()
        try:
            with dying_at(step):
                act()
        except Died:
            yield step
            step += 1
        else:
            assert step > 1
            return
