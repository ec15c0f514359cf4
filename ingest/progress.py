"""A progress bar with rate and time left, on a terminal only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Something that counts photos."""

    def update(self, n: float | None = 1) -> object:
        """Count ``n`` more photos, done or failed."""


class _Silent:
    def update(self, n: float | None = 1) -> None:
        """Count nothing."""


@contextmanager
def progress_bar(total: int, *, done: int, quiet: bool) -> Iterator[Progress]:
    """Show a bar for ``total`` photos; nothing when asked to be quiet or without a terminal.

    ``done`` of them were done before; they count as done and not for the rate.
    """
    if quiet or not sys.stderr.isatty():
        yield _Silent()
        return
    from tqdm import tqdm

    with tqdm(total=total, initial=done, unit="photo", desc="ingest", dynamic_ncols=True) as bar:
        yield bar
