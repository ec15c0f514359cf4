from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.web.chromium import launch
from tests.web.fake_server import FakePhoto, FakeServer, gradient_photo, running_fake_server
from tests.web.real_collection import draw_photograph

WAIT_MS = 30_000  # a loaded machine of two slow cores


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Per module: Playwright's event loop must not stay under the other tests of a run.
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def photos() -> list[FakePhoto]:
    return [gradient_photo(number) for number in range(75)]


@pytest.fixture(scope="session")
def camera_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("camera") / "camera.jpg"
    draw_photograph(path)
    return path


@pytest.fixture
def fake(photos: list[FakePhoto]) -> Iterator[FakeServer]:
    with running_fake_server(list(photos)) as server:
        yield server


@pytest.fixture
def open_page(browser: Browser) -> Iterator["OpenPage"]:
    opener = OpenPage(browser)
    yield opener
    opener.close()


class OpenPage:
    """Opens pages, and fails the test when one of them had an uncaught error or broke the CSP."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: list[Page] = []
        self.complaints: list[str] = []

    def __call__(self, url: str, **context: object) -> Page:
        page = self._browser.new_context(**context).new_page()  # type: ignore[arg-type]
        page.set_default_timeout(WAIT_MS)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("requestfailed", lambda request: print("failed:", request.url, request.failure))
        page.on(
            "console",
            lambda message: (
                self.complaints.append(message.text)
                if "Content Security Policy" in message.text
                else None
            ),
        )
        page.goto(url)
        self._pages.append(page)
        return page

    def close(self) -> None:
        for page in self._pages:
            # Seen where a test fails: what the person would have seen.
            print(page.url, page.locator("body").inner_text(timeout=WAIT_MS), sep="\n")
            page.context.close()
        assert self.complaints == []
