"""What a person sees on the page and does there, in the words of the tests."""

import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.web.fake_server import FakeServer


def shown(page: Page) -> list[str]:
    ids: list[str] = page.locator(".tile").evaluate_all(
        "tiles => tiles.map(t => t.dataset.photoId)"
    )
    return ids


def search(page: Page, text: str) -> None:
    page.get_by_role("searchbox").fill(text)


def expect_first(page: Page, photo_id: str) -> None:
    expect(page.locator(".tile").first).to_have_attribute("data-photo-id", photo_id)


def best(fake: FakeServer, **fields: Any) -> str:
    answer = fake.search({"k": 30, "offset": 0, **fields})
    photo_id: str = answer["hits"][0]["photo_id"]
    return photo_id


def give_picture(page: Page, path: Path) -> None:
    page.locator("#file").set_input_files(path)


def expect_status(page: Page, words: str) -> None:
    expect(page.get_by_role("status")).to_have_text(words)


def focused(page: Page) -> str:
    """Accessible name, or text, of what has the focus."""
    name: str = page.evaluate(
        """() => {
            const at = document.activeElement;
            return at.getAttribute('aria-label') ?? at.querySelector('img')?.alt ?? at.textContent;
        }"""
    )
    return name


def until(page: Page, condition: str) -> None:
    """Wait for an expression to hold; Playwright's own way needs eval, which the CSP forbids."""
    deadline_s = time.monotonic() + 30
    while not page.evaluate(condition):
        assert time.monotonic() < deadline_s, f"{condition} did not come true"
        page.wait_for_timeout(20)
