"""What the command line's tasks tell a person of their outcome."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest.compact import Compaction
    from ingest.load_report import LoadReport
    from ingest.remove import Removal
    from photo_search.encoder import Encoder


def say(line: str) -> None:
    """Write a line to a person."""
    sys.stdout.write(f"{line}\n")


def counted(count: int, thing: str, things: str = "") -> str:
    """A number and what it counts, in the plural where that is due."""
    return f"{count} {thing if count == 1 else things or f'{thing}s'}"


def say_device(encoder: Encoder, *, quiet: bool) -> None:
    """Tell which device was chosen, where one was to be chosen."""
    if encoder.device_reason and not quiet:
        say(f"encoding on {encoder.device}: {encoder.device_reason}")


def say_removed(removal: Removal, *, indexes: int) -> None:
    """Tell what became of a removal."""
    say(
        f"{counted(len(removal.photo_ids), 'photo')} to stay out from now on; "
        f"{removal.taken_out} taken out of {counted(indexes, 'index', 'indexes')}"
    )
    for photo_id in removal.unknown:
        say(f"  {photo_id} has never been in the collection; it stays out should it come")


def say_restored(restored: Sequence[str], asked: Sequence[str]) -> None:
    """Tell what became of a restoration."""
    say(f"{counted(len(restored), 'photo')} may come back; the next ingest brings them")
    for photo_id in dict.fromkeys(asked):
        if photo_id not in restored:
            say(f"  {photo_id} had not been removed")


def say_compacted(done: Sequence[Compaction]) -> None:
    """Tell what became of directories of shards."""
    for one in done:
        say(
            f"{one.directory}: {counted(one.photos, 'photo')}, {one.files_before} files of "
            f"{one.size_before_bytes} bytes are now {one.files_after} of {one.size_after_bytes}"
        )


def say_loaded(report: LoadReport, dead_letters: Path) -> None:
    """Tell what became of a load into a server."""
    total_s = sum(report.seconds.values())
    say(
        f"{counted(report.photos, 'photo')} in {report.index}, {report.stored} stored, "
        f"{total_s:.1f} s"
    )
    say(f"  {report.found_share:.0%} of a sample are found by their own embedding")
    for name in report.dropped:
        say(f"  deleted {name}")
    for note in report.notes:
        say(f"  note: {note}")
    if report.rejected:
        refused = counted(len(report.rejected), "photo")
        say(f"  {refused} refused by the server, listed in {dead_letters}")
