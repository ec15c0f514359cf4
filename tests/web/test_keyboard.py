import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, focused, shown

pytestmark = pytest.mark.browser


@pytest.fixture
def page(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", viewport={"width": 1280, "height": 800})
    expect(page.locator(".tile")).to_have_count(30)
    return page


def focused_photo(page):
    return page.evaluate("document.activeElement.closest('.tile')?.dataset.photoId")


def test_slash_leads_to_the_search_box_and_is_a_letter_inside_it(page):
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()

    page.keyboard.press("End")
    page.keyboard.type("a/b")

    expect(page.get_by_role("searchbox")).to_have_value("kitea/b")


def test_tab_goes_through_the_page_in_the_order_of_reading(page):
    names = []
    page.locator("#home").focus()
    for _ in range(9):
        names.append(focused(page))
        page.keyboard.press("Tab")

    assert names[:7] == [
        "Photo search, start page",
        "Describe the photo",
        "Clear the search",
        "Search with a picture",
        "",  # the chosen orientation: one stop for the whole group
        "",  # the chosen colour
        "How words are matched",
    ]
    assert names[7].startswith("picture number")
    assert names[8].startswith("More like this: picture number")
    assert focused(page) == "Ada Moss"


def test_photos_are_one_stop_in_the_tab_order(page):
    reachable = page.locator(".tile button.photo[tabindex='0']")

    expect(reachable).to_have_count(1)
    page.locator(".tile button.photo").nth(4).focus()
    expect(reachable).to_have_count(1)
    assert focused_photo(page) == shown(page)[4]


def test_arrow_keys_walk_among_the_photos(page):
    ids = shown(page)
    page.get_by_role("searchbox").focus()
    page.keyboard.press("ArrowDown")
    assert focused_photo(page) == ids[0]

    for key, index in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("Home", 0)]:
        page.keyboard.press(key)
        assert focused_photo(page) == ids[index]
    page.keyboard.press("ArrowDown")
    below = focused_photo(page)
    box = page.locator(f"[data-photo-id='{below}']").bounding_box()
    first = page.locator(f"[data-photo-id='{ids[0]}']").bounding_box()
    assert box["y"] > first["y"] + first["height"]
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")

    expect(page.get_by_role("searchbox")).to_be_focused()


def test_focused_photo_is_never_under_the_top_bar(page):
    page.get_by_role("searchbox").focus()
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    for _ in range(3):
        page.keyboard.press("ArrowUp")

    top = page.locator("header").bounding_box()
    photo = page.locator(".photo:focus").bounding_box()
    assert photo["y"] >= top["y"] + top["height"]


def test_enter_opens_the_photo_escape_closes_it_and_the_focus_returns(page):
    ids = shown(page)
    page.locator(".tile button.photo").nth(1).focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    expect(dialog).to_have_accessible_name(page.locator("#lightbox-title").text_content())
    expect(dialog.get_by_text("Lofoten")).to_be_visible()

    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")

    expect(dialog).to_be_hidden()
    page.wait_for_timeout(100)
    assert focused_photo(page) == ids[2]


def test_lightbox_leads_to_more_like_this_and_to_the_original(page, fake):
    photo_id = shown(page)[0]
    page.locator(".tile button.photo").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Previous photo")).to_be_hidden()
    expect(dialog.get_by_role("link", name="Open the original")).to_have_attribute(
        "href", f"/originals/{photo_id}"
    )
    expect(dialog.get_by_role("link", name="Ada Moss")).to_be_visible()

    dialog.get_by_role("button", name="More like this").click()

    expect(dialog).to_be_hidden()
    expect_first(page, best(fake, photo_id=photo_id))
    assert focused_photo(page) == shown(page)[0]


def test_escape_clears_the_search_box(page):
    page.keyboard.press("/")
    page.keyboard.press("Escape")

    expect(page.get_by_role("searchbox")).to_have_value("")
    expect(page.get_by_label("Searches to try")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()


def test_escape_that_is_for_the_input_method_leaves_the_search(page):
    page.get_by_role("searchbox").dispatch_event(
        "keydown", {"key": "Escape", "isComposing": True, "bubbles": True}
    )

    expect(page.get_by_role("searchbox")).to_have_value("kite")


def test_everything_that_can_be_operated_has_a_name(page):
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, a, input')].filter((control) => {
            const label = control.labels?.[0]?.textContent;
            const picture = control.querySelector('img')?.alt;
            const own = control.getAttribute('aria-label') || control.textContent;
            const name = own || label || picture;
            return !control.hidden && control.checkVisibility() && !name.trim();
        }).map((control) => control.outerHTML)"""
    )

    assert nameless == []


def test_reduced_motion_stops_the_gliding(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", reduced_motion="reduce")
    expect(page.locator(".tile")).to_have_count(30)

    page.get_by_role("searchbox").fill("boat")
    expect_first(page, best(fake, text="boat"))

    longest_ms = page.evaluate(
        """() => Math.max(0, ...document.getAnimations().map(
            (animation) => animation.effect.getComputedTiming().endTime))"""
    )
    assert longest_ms < 1
