"""Takes the README's picture of the page: ``python -m tests.web.screenshot``.

Shows a collection like the demo's, drawn for it.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from tests.web.chromium import launch
from tests.web.on_page import search, until
from tests.web.real_collection import ROOT, draw_photos, ingest, serving

OWN = ROOT / "build" / "screenshot"
OWN_COUNT = 1200
LARGEST_BYTES = 600_000
WAIT_MS = 120_000


def main() -> int:
    """Write the picture; returns the exit code."""
    parser = ArgumentParser(prog="python -m tests.web.screenshot", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "screenshot.png")
    parser.add_argument("--words", default="red balloon")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    given = parser.parse_args()
    expect.set_options(timeout=WAIT_MS)
    directory = _collection()
    with serving(directory / "photos", directory) as url, sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme=given.scheme)
        page.goto(url)
        _show_results(page, given.words)
        size_bytes = _write(page.screenshot(), given.out)
        browser.close()
    sys.stdout.write(f"{given.out}: {size_bytes} bytes\n")
    return 0


def _collection() -> Path:
    OWN.mkdir(parents=True, exist_ok=True)
    draw_photos(OWN / "photos", count=OWN_COUNT)
    ingest(OWN / "photos", OWN)
    return OWN


def _show_results(page: Page, words: str) -> None:
    search(page, words)
    expect(page.locator(".tile").first).to_be_visible()
    until(
        page,
        """[...document.querySelectorAll('.tile')]
            .filter((tile) => tile.getBoundingClientRect().top < innerHeight)
            .every((tile) => tile.classList.contains('loaded'))""",
    )
    # The second search is answered by a warm server, which is what the milliseconds shall tell.
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_timeout(1500)


def _write(png: bytes, path: Path) -> int:
    """Write with as many colours as the size allows; returns the size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for colours in (256, 192, 128, 96, 64):
        out = BytesIO()
        with Image.open(BytesIO(png)) as image:
            # Twice: only a palette that is given is dithered to, and skies need it.
            palette = image.convert("RGB").quantize(colours)
            image.convert("RGB").quantize(colours, palette=palette).save(out, "PNG", optimize=True)
        if out.tell() <= LARGEST_BYTES:
            break
    path.write_bytes(out.getvalue())
    return out.tell()


if __name__ == "__main__":
    sys.exit(main())
