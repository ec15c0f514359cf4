"""``python -m local.openapi``: write openapi.json at the repository's root from the code."""

from __future__ import annotations

import json
from pathlib import Path

from http_api.openapi import openapi_document

OPENAPI_PATH = Path(__file__).parent.parent / "openapi.json"


def openapi_text() -> str:
    """Give the file's text."""
    return json.dumps(openapi_document(), indent=2) + "\n"


if __name__ == "__main__":
    OPENAPI_PATH.write_text(openapi_text())
