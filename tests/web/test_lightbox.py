import re
from dataclasses import replace

import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, focused, search, shown, until

pytestmark = pytest.mark.browser


@pytest.fixture
def page(fake, open_page):
    """Two searches after each other, as by typing them."""
    page = open_page(fake.url)
    for text in ("alpha", "beta"):
        search(page, text)
        page.keyboard.press("Enter")
        expect_first(page, best(fake, text=text))
    return page


def open_photo(page, index):
    page.locator(".tile button.photo").nth(index).click()
    expect(page.get_by_role("dialog")).to_be_visible()


def test_back_closes_the_lightbox_and_stays_on_the_results(fake, page):
    asked = len(fake.texts)
    open_photo(page, 5)

    page.go_back()

    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(page).to_have_url(re.compile("q=beta$"))
    expect_first(page, best(fake, text="beta"))
    page.go_back()
    expect_first(page, best(fake, text="alpha"))
    assert len(fake.texts) == asked


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_closed_lightbox_leaves_no_step_behind(fake, page, way):
    open_photo(page, 5)

    if way == "Close":
        page.get_by_role("button", name="Close").click()
    else:
        page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    until(page, "!history.state.photo")

    page.go_back()
    expect_first(page, best(fake, text="alpha"))


def test_forward_opens_the_photo_again(page):
    open_photo(page, 5)
    title = page.locator("#lightbox-title").text_content()
    page.go_back()
    expect(page.get_by_role("dialog")).to_be_hidden()

    page.go_forward()

    expect(page.get_by_role("dialog", name=title)).to_be_visible()


def test_a_photo_that_forward_opened_before_its_closing_was_told_of_stays_open(page):
    open_photo(page, 5)
    title = page.locator("#lightbox-title").text_content()

    # What Chromium sends for a dialog that Back closed, when it is late.
    page.evaluate("document.getElementById('lightbox').dispatchEvent(new Event('close'))")
    page.wait_for_timeout(300)

    expect(page.get_by_role("dialog", name=title)).to_be_visible()
    assert page.evaluate("history.state.photo")


def test_lightbox_closes_when_history_leads_to_another_search(fake, page):
    open_photo(page, 5)

    page.evaluate("history.go(-2)")

    expect_first(page, best(fake, text="alpha"))
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_lightbox_closes_when_history_leads_to_the_start_page(page):
    open_photo(page, 5)

    page.evaluate("history.go(-3)")

    expect(page.get_by_role("heading", name="Find the photo you have in mind")).to_be_visible()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_back_from_more_like_this_leads_to_the_results(fake, page):
    photo_id = shown(page)[5]
    open_photo(page, 5)
    page.get_by_role("dialog").get_by_role("button", name="More like this").click()
    expect_first(page, best(fake, photo_id=photo_id))

    page.go_back()

    expect_first(page, best(fake, text="beta"))
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_more_like_this_means_the_photo_that_is_seen(fake, page):
    """Also while the answer to further words is under way."""
    fake.hold("beta gamma")
    photo_id = shown(page)[5]
    search(page, "beta gamma")
    open_photo(page, 5)
    until(page, "document.body.dataset.busy === 'first'")

    page.get_by_role("dialog").get_by_role("button", name="More like this").click()

    expect_first(page, best(fake, photo_id=photo_id))


def test_lightbox_closes_when_other_photos_come(fake, page):
    answer = fake.hold("beta gamma")
    search(page, "beta gamma")
    open_photo(page, 5)

    answer.set()

    expect_first(page, best(fake, text="beta gamma"))

    expect(page.get_by_role("dialog")).to_be_hidden()


def test_leafing_goes_on_into_photos_that_come_meanwhile(page):
    open_photo(page, 28)

    for _ in range(4):
        page.get_by_role("button", name="Next photo").click()

    expect(page.locator("#lightbox-title")).to_have_text(
        page.locator(".tile img").nth(32).get_attribute("alt")
    )


def test_leafing_is_announced_and_keeps_the_focus(fake, open_page):
    fake.photos = fake.photos[:3]
    page = open_page(f"{fake.url}/?q=kite")
    open_photo(page, 1)
    page.get_by_role("button", name="Next photo").focus()

    page.keyboard.press("Enter")

    title = page.locator("#lightbox-title").text_content()
    expect(page.locator("#lightbox-spoken")).to_have_text(f"Photo 3: {title}")
    expect(page.get_by_role("button", name="Next photo")).to_be_hidden()
    assert focused(page) == "Previous photo"
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert focused(page) == "Next photo"


def test_small_picture_is_not_enlarged_until_it_blurs(fake, open_page):
    fake.photos = [replace(fake.photos[0], width=300, height=200)]
    page = open_page(f"{fake.url}/?q=kite", viewport={"width": 1280, "height": 800})
    open_photo(page, 0)

    assert page.locator("#lightbox-picture").bounding_box()["width"] == 450


def test_photo_of_ones_own_is_named_after_its_file(fake, open_page):
    own = replace(fake.photos[0], description="", credit="", path="2019/norway/harbour.jpg")
    fake.photos = [own]
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile img")).to_have_attribute("alt", "harbour.jpg")

    open_photo(page, 0)

    expect(page.locator("#lightbox-title")).to_have_text("harbour.jpg")
    expect(page.locator("#lightbox-facts dd", has_text="2019/norway/harbour.jpg")).to_be_visible()


def test_nameless_photo_of_a_server_without_paths_is_shown_all_the_same(fake, open_page):
    fake.photos = [replace(fake.photos[0], description="", credit="")]
    page = open_page(fake.url)
    page.evaluate(
        """() => {
            const parse = Response.prototype.json;
            Response.prototype.json = async function () {
                const answer = await parse.call(this);
                for (const hit of answer.hits ?? []) delete hit.path;
                return answer;
            };
        }"""
    )

    search(page, "kite")

    expect(page.locator(".tile img")).to_have_attribute("alt", "Photo without a description")
