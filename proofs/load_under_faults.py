"""The proof that a load is exact in its effect, whatever the network and the server do."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.machine import machine
from local.opensearch_server.node import Node, running_node
from local.opensearch_server.releases import DEFAULT_VERSION
from photo_search.errors import PhotoSearchError
from proofs.ledger import Case, Ledger
from proofs.provenance import commit, versions
from tests.opensearch.load_scenario import FAULT_SHARE, Crash, LoadFigure, run

_LEDGER = Path("build/proofs/load-under-faults.jsonl")
_RESULT = Path("docs/proofs/load-under-faults.json")
_TIME_IS_OVER = 75
ALL_CASES = [
    *(Case(seed, 5_000) for seed in range(100)),
    *(Case(seed, 25_000, "_bulk") for seed in range(100, 105)),
    # A server may also die at any other step of a load.
    *(
        Case(seed, 1_000, part)
        for seed, part in enumerate(
            ("_settings", "_refresh", "_mapping", "_forcemerge", "_search", "_aliases"), start=105
        )
    ),
]


def prove(cases: Sequence[Case], *, limit_s: float, is_whole: bool) -> int:
    """Run the cases that this commit has no good figure of, and sum up.

    Args:
        cases: Which.
        limit_s: After which no further case is begun.
        is_whole: Whether they are all, so that the sum is written to docs/proofs.

    Returns:
        An exit code; see ``proofs.__main__``.
    """
    give_up_s = time.monotonic() + limit_s
    ledger = Ledger(_LEDGER, commit())
    # What went wrong is run again: whoever mended it without a commit wants to know.
    waiting = [case for case in cases if case not in ledger.figures or _wrong(ledger, case)]
    print(f"commit {commit()}: {len(cases) - len(waiting)} of {len(cases)} runs are there already")
    if waiting:
        with running_node() as node:
            for number, case in enumerate(waiting):
                if time.monotonic() >= give_up_s:
                    left = len(waiting) - number
                    print(f"the time is over, with {left} runs left: the same again goes on")
                    return _TIME_IS_OVER
                ledger.add(case, _figure(case, node))
                _tell(case, ledger.figures[case])
    figures = {case: ledger.figures[case] for case in cases}
    wrong = [case for case in cases if _wrong(ledger, case)]
    summary = _summary(figures) | {"failed_runs": ledger.failures}
    print(json.dumps(summary["total"], indent=1))
    if is_whole:
        _RESULT.parent.mkdir(parents=True, exist_ok=True)
        _RESULT.write_text(json.dumps(summary, indent=1) + "\n")
        print(f"written to {_RESULT}")
    return 1 if wrong else 0


def _figure(case: Case, node: Node) -> LoadFigure:
    crash = Crash(node, case.killed_at) if case.killed_at else None
    with tempfile.TemporaryDirectory() as directory:
        try:
            return run(case.seed, case.photos, node.url, Path(directory), crash=crash)
        except PhotoSearchError as error:
            # The other cases go on, on a server that is surely there.
            node.kill()
            node.start()
            return LoadFigure(seed=case.seed, problems=(f"broken off: {error}",))


def _wrong(ledger: Ledger, case: Case) -> bool:
    return bool(ledger.figures[case].problems)


def _tell(case: Case, figure: LoadFigure) -> None:
    harmed = sum(figure.faults.values())
    print(
        f"{case}: {figure.photos:,} there, lost {figure.lost}, twice {figure.twice}; "
        f"{harmed} of {figure.requests} requests harmed, {figure.loads} loads, "
        f"{figure.seconds:.0f} s",
        flush=True,
    )
    for problem in figure.problems:
        print(f"  WRONG: {problem}")


def _summary(figures: dict[Case, LoadFigure]) -> dict[str, object]:
    groups: dict[tuple[int, bool], list[LoadFigure]] = {}
    for case, figure in figures.items():
        groups.setdefault((case.photos, bool(case.killed_at)), []).append(figure)
    return {
        "proof": "load under faults",
        "commit": commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions() | {"opensearch": DEFAULT_VERSION},
        "share_of_requests_harmed": FAULT_SHARE,
        "total": _sum(figures.values()),
        "by_size": [
            {"begins_with_photos": photos, "is_killed": is_killed} | _sum(group)
            for (photos, is_killed), group in groups.items()
        ],
        "killed_at": dict(Counter(case.killed_at for case in figures if case.killed_at)),
    }


def _sum(figures: Iterable[LoadFigure]) -> dict[str, object]:
    figures = list(figures)
    faults: Counter[str] = Counter()
    for figure in figures:
        faults.update(figure.faults)
    return {
        "runs": len(figures),
        "photos": sum(figure.photos for figure in figures),
        "lost": sum(figure.lost for figure in figures),
        "twice": sum(figure.twice for figure in figures),
        "strange": sum(figure.strange for figure in figures),
        "stale": sum(figure.stale for figure in figures),
        "poison_listed": sum(figure.poison_listed for figure in figures),
        "poison": sum(figure.poison for figure in figures),
        "requests": sum(figure.requests for figure in figures),
        "harmed": sum(faults.values()),
        "faults": dict(faults.most_common()),
        "kills": sum(figure.kills for figure in figures),
        "requests_that_found_the_server_away": sum(figure.found_away for figure in figures),
        "loads_repeated": sum(figure.loads - 1 for figure in figures),
        "seconds": round(sum(figure.seconds for figure in figures)),
        "problems": [problem for figure in figures for problem in figure.problems],
    }
