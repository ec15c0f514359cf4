"""``python -m ingest``: the verb ``ingest`` unless another is named."""

from __future__ import annotations

import sys

from ingest.arguments import TOP_VERBS
from ingest.command import main

if __name__ == "__main__":
    arguments = sys.argv[1:]
    named = arguments[:1] and arguments[0] in TOP_VERBS
    sys.exit(main(arguments if named else ["ingest", *arguments]))
