"""``python -m ingest``: the verb ``ingest`` unless another is named."""

from __future__ import annotations

import sys

from ingest.command import VERBS, main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    sys.exit(main(arguments if arguments[:1] and arguments[0] in VERBS else ["ingest", *arguments]))
