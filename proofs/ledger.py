"""The figures of a proof that are there already: one line of JSON each, kept through every end."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.opensearch.load_scenario import LoadFigure


@dataclass(frozen=True, slots=True)
class Case:
    """One run of a proof.

    Attributes:
        seed: Of all that is by chance in it; no two cases have the same one.
        photos: How many it begins with.
        killed_at: A part of the path of the request at which the server is killed; empty for never.
    """

    seed: int
    photos: int
    killed_at: str = ""

    def __str__(self) -> str:
        """Name it in a line."""
        killed = f", killed at {self.killed_at}" if self.killed_at else ""
        return f"seed {self.seed}: {self.photos:,} photos{killed}"


class Ledger:
    """Figures by case, of one commit alone: other code may do otherwise.

    Attributes:
        figures: The last figure of each case.
        failures: What went wrong, run by run; also where a later run of the case went well.
    """

    def __init__(self, path: Path, commit: str) -> None:
        """Read what is there; where there is no file, nothing is."""
        self._path = path
        self._commit = commit
        self.figures: dict[Case, LoadFigure] = {}
        self.failures: list[str] = []
        # Whoever was killed while writing left a line without its end.
        whole, _, _ = path.read_text().rpartition("\n") if path.exists() else ("", "", "")
        for line in whole.splitlines():
            entry = json.loads(line)
            if entry["commit"] == commit:
                figure = entry["figure"] | {"problems": tuple(entry["figure"]["problems"])}
                self._note(Case(**entry["case"]), LoadFigure(**figure))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{whole}\n" if whole else "")

    def add(self, case: Case, figure: LoadFigure) -> None:
        """Keep a figure, on the disk too."""
        self._note(case, figure)
        entry = {"commit": self._commit, "case": asdict(case), "figure": asdict(figure)}
        with self._path.open("a") as file:
            file.write(json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _note(self, case: Case, figure: LoadFigure) -> None:
        self.figures[case] = figure
        self.failures += [f"{case}: {problem}" for problem in figure.problems]
