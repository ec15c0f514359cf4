"""`make prove`: loads through a network that fails, into a server that is killed meanwhile."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from proofs.load_under_faults import ALL_CASES, prove

_MINUTES = 150.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is still to be run; returns the exit code.

    0: all is proved; 1: something is wrong; 75: the time is over, the same again goes on.
    """
    parser = argparse.ArgumentParser(prog="python -m proofs", description=__doc__)
    parser.add_argument(
        "--seeds",
        type=_seeds,
        metavar="FIRST:END",
        help="only a part, which writes no file to docs/proofs",
    )
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="after which it stops")
    options = parser.parse_args(arguments)
    cases = [case for case in ALL_CASES if options.seeds is None or case.seed in options.seeds]
    return prove(cases, limit_s=60 * options.minutes, is_whole=options.seeds is None)


def _seeds(text: str) -> range:
    first, _, end = text.partition(":")
    return range(int(first), int(end))


if __name__ == "__main__":
    sys.exit(main())
