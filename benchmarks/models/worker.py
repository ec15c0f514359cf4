"""One contender in a process of its own, asked by lines of JSON.

A line in is ``{"text": …}`` or ``{"images": [paths]}``; a line out says how long it took. Imports
next to nothing itself, for its start is measured, too.
"""

from __future__ import annotations

import io
import json
import sys
import time
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.models.contenders import CONTENDERS


def main(name: str, source: str, threads: str) -> None:
    """Answer until the input ends."""
    answers = sys.stdout
    with redirect_stdout(io.StringIO()):  # the handler logs there
        contender = CONTENDERS[name](Path(source), int(threads))
        for line in sys.stdin:
            question = json.loads(line)
            pictures = [Path(path).read_bytes() for path in question.get("images", [])]
            start_s = time.perf_counter()
            if pictures:
                contender.images(pictures)
            else:
                contender.text(question["text"])
            elapsed_ms = (time.perf_counter() - start_s) * 1000
            print(json.dumps({"ms": elapsed_ms}), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
