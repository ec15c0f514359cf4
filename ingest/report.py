"""The account of a run: what was found, what became of it, and where the time went."""

from __future__ import annotations

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ingest.atomic_file import replacing
from ingest.failure import TRANSIENT, Failure, Reason
from ingest.sources import Listing
from photo_search.errors import TooManyFailures

MAX_FAILED_SHARE = 0.5
# With fewer, going on to the end costs nothing.
_MIN_FAILURES_TO_STOP = 20


@dataclass(frozen=True, slots=True)
class RunPace:
    """What a run worked with.

    Attributes:
        device: What embedded: ``cpu`` or ``cuda``.
        threads: Of one call of the encoder.
        batch: Photos of one call.
        workers: Processes that decoded.
        timing: What was found by timing other paces; empty where none was.
    """

    device: str
    threads: int
    batch: int
    workers: int
    timing: str


@dataclass(slots=True)
class Report:
    """Counts of one run.

    Attributes:
        source: The collection.
        index_url: Where it went.
        fingerprint: The embedding space.
        build: How the model ran.
        found: Photos that the source listed.
        indexed: Photos that were new or had changed.
        unchanged: Photos that earlier runs had done.
        removed: Photos that left the index because the source has them no more.
        kept_out: Photos of the source that ``photo-search remove`` took out for good.
        failures: Photos left out.
        notes: What a person should know of the source.
        other_files: Files that are no pictures, by extension.
        pace: What it worked with; None until that is decided.
        seconds: Time by stage. Decoders and encoder work beside the rest: ``decode_wait`` and
            ``encode_wait`` are those that they were waited for, ``encode`` those the encoder
            worked.
        finished: False when the run stopped early.
        worked: Photos decoded, in the index or on their way there.
        transient: Failures whose cause may pass.
    """

    source: str = ""
    index_url: str = ""
    fingerprint: str = ""
    build: str = ""
    found: int = 0
    indexed: int = 0
    unchanged: int = 0
    removed: int = 0
    kept_out: int = 0
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    other_files: Counter[str] = field(default_factory=Counter)
    pace: RunPace | None = None
    seconds: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    finished: bool = False
    worked: int = 0
    transient: int = 0

    @property
    def reasons(self) -> Counter[Reason]:
        """Failed photos by reason, the commonest first."""
        return Counter(failure.reason for failure in self.failures)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time that the block takes to a stage."""
        start_s = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - start_s

    def add_failure(self, failure: Failure) -> None:
        """Count a photo that is left out.

        Raises:
            TooManyFailures: They are not few, and more than half of all photos have failed, or of
                those tried so far where the cause may pass: a dead network is not worth hours.
        """
        self.failures.append(failure)
        if failure.reason in TRANSIENT:
            self.transient += 1
            if self.transient >= _MIN_FAILURES_TO_STOP:
                self._judge(self.transient, self.worked + self.transient)
        if len(self.failures) >= _MIN_FAILURES_TO_STOP:
            self.judge()

    def add_listing(self, listing: Listing) -> None:
        """Take over what a source found, without what is kept out.

        Raises:
            TooManyFailures: More than half of it is out already, and that is not little.
        """
        self.notes += listing.notes
        self.other_files = listing.other_files
        self.failures += listing.failures
        self.found = len(listing.photos) + len(listing.failures) + self.kept_out
        if len(self.failures) >= _MIN_FAILURES_TO_STOP:
            self.judge()

    def judge(self) -> None:
        """Tell a collection with some bad photos from a cause that lies outside of them.

        Raises:
            TooManyFailures: More than half of all photos have failed.
        """
        self._judge(len(self.failures), self.found - self.kept_out)

    def _judge(self, failed: int, tried: int) -> None:
        if failed <= MAX_FAILED_SHARE * tried:
            return
        ((reason, count),) = self.reasons.most_common(1)
        detail = next(one.detail for one in reversed(self.failures) if one.reason is reason)
        msg = f"{failed} of {tried} photos failed, {count} of them as {reason}: {detail}"
        raise TooManyFailures(msg, transient=reason in TRANSIENT)

    def summary(self) -> str:
        """Tell in a few lines how the run went."""
        counts = (
            f"{self.indexed} photos indexed, {self.unchanged} unchanged, {self.removed} removed"
        )
        if self.kept_out:
            counts += f", {self.kept_out} kept out"
        lines = [f"{counts}, {len(self.failures)} failed, in {self.seconds['total']:.1f} s"]
        lines += [f"  {count} {reason}" for reason, count in self.reasons.most_common()]
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def write(self, path: Path) -> None:
        """Write ``report.json``, whole or not at all.

        Raises:
            DiskFull: There is no room for it.
        """
        total_s = self.seconds["total"]
        facts = {
            "source": self.source,
            "index_url": self.index_url,
            "model": {"fingerprint": self.fingerprint, "build": self.build},
            "finished": self.finished,
            "found": self.found,
            "indexed": self.indexed,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "kept_out": self.kept_out,
            "failed": len(self.failures),
            "failed_by_reason": dict(self.reasons.most_common()),
            "failures": [
                {
                    "photo_id": failure.photo_id,
                    "place": failure.place,
                    "reason": failure.reason,
                    "detail": failure.detail,
                }
                for failure in sorted(self.failures, key=lambda one: one.place)
            ],
            "notes": self.notes,
            "other_files": dict(self.other_files.most_common()),
            "pace": None if self.pace is None else asdict(self.pace),
            "photos_per_s": round(self.indexed / total_s, 1) if total_s else 0.0,
            "encoder_busy_share": round(self.seconds["encode"] / total_s, 3) if total_s else 0.0,
            "seconds": {stage: round(value, 3) for stage, value in self.seconds.items()},
        }
        with replacing(path) as partial:
            partial.write_text(json.dumps(facts, indent=2) + "\n")
