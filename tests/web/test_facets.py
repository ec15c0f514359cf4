import re

import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, search, until
from tests.web.test_phone import PHONE

pytestmark = pytest.mark.browser

LONG = "Kristjana Guðmundsdóttir von und zu Hohenlohe-Langenburg"
FACETS = {
    "orientation": {"landscape": 40, "portrait": 21},
    "colour": {"blue": 30, "red": 1},
    "country": {
        "Norway": 1200,
        "Iceland": 9,
        "Japan": 7,
        "Peru": 5,
        "Chile": 4,
        "Mali": 3,
        "Fiji": 2,
    },
    "photographer": {LONG: 31, "Ada Moss": 30},
    "camera": {"Canon EOS 5D Mark IV": 12, "Pinhole": 3},
}
NAMES = ["orientation", "colour", "country", "photographer", "camera"]


@pytest.fixture
def counting(fake):
    fake.facets = FACETS
    return fake


def chips(page, group):
    return page.get_by_role("group", name=group).get_by_role("button")


def top_of_photos(page):
    return page.locator("#gallery").bounding_box()["y"]


def test_chips_show_the_commonest_values_with_their_counts(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite", viewport={"width": 1900, "height": 800})

    expect(chips(page, "Country").first).to_have_accessible_name("Norway, 1,200 photos")
    expect(chips(page, "Country").first).to_have_text("Norway1,200")
    expect(chips(page, "Photographer")).to_have_count(2)
    expect(chips(page, "Camera")).to_have_count(2)
    expect(page.get_by_role("button", name="Mali, 3 photos")).to_be_visible()
    expect(page.get_by_role("button", name="Fiji, 2 photos")).to_have_count(0)


def test_chip_filters_and_filters_no_more_when_it_is_pressed_again(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite")
    chips(page, "Country").get_by_text("Iceland").click()

    expect_first(page, best(counting, text="kite", filters={"country": "Iceland"}))
    expect(page).to_have_url(re.compile(r"\?q=kite&country=Iceland$"))
    assert counting.searches[-1].fields["filters"] == {"country": "Iceland"}
    expect(chips(page, "Country")).to_have_count(1)
    pressed = page.get_by_role("button", pressed=True)
    expect(pressed).to_have_accessible_name("Iceland, 9 photos")
    pressed.click()

    expect_first(page, best(counting, text="kite"))
    expect(page).to_have_url(re.compile(r"\?q=kite$"))
    expect(chips(page, "Country").first).to_have_accessible_name("Norway, 1,200 photos")


@pytest.mark.parametrize(
    ("width", "then"),
    [(1900, "Pinhole, 3 photos"), (900, "Canon EOS 5D Mark IV, 12 photos")],  # cut off at 900
)
def test_focus_stays_with_the_chips_when_one_is_pressed_and_released(
    counting, open_page, width, then
):
    page = open_page(
        f"{counting.url}/?q=kite&camera=Pinhole", viewport={"width": width, "height": 800}
    )
    expect(chips(page, "Camera")).to_have_accessible_name("Pinhole, 3 photos")
    chips(page, "Camera").focus()
    page.keyboard.press("Enter")
    expect_first(page, best(counting, text="kite"))
    expect(page.get_by_role("button", name=then)).to_be_focused()

    page.keyboard.press("Enter")

    camera = then.rpartition(",")[0]
    expect_first(page, best(counting, text="kite", filters={"camera": camera}))
    expect(page.get_by_role("button", pressed=True)).to_be_focused()


def test_chips_are_asked_for_with_the_first_page_alone(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    page.mouse.wheel(0, 9000)
    expect(page.locator(".tile")).not_to_have_count(30)

    first, *later = counting.searches
    assert first.fields["facets"] == NAMES
    assert later
    assert all("facets" not in asked.fields for asked in later)
    expect(chips(page, "Country").first).to_have_accessible_name("Norway, 1,200 photos")


def test_cards_of_the_start_page_ask_for_no_counts(counting, open_page):
    page = open_page(counting.url)
    expect(page.locator(".suggestion.loaded")).to_have_count(6)

    assert all("facets" not in asked.fields for asked in counting.asked)
    expect(page.locator("#facets")).to_be_hidden()


def test_back_brings_the_chips_of_the_search_before(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite")
    chips(page, "Country").get_by_text("Iceland").click()
    expect(chips(page, "Country")).to_have_count(1)
    asked = len(counting.asked)

    page.go_back()

    expect(chips(page, "Country").first).to_have_accessible_name("Norway, 1,200 photos")
    expect(page.get_by_role("button", pressed=True)).to_have_count(0)
    assert len(counting.asked) == asked


def test_link_with_filters_shows_them_as_pressed_whatever_the_answer_counts(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite&country=norway&photographer=Nobody&camera=Pinhole")

    expect(chips(page, "Country")).to_have_accessible_name("norway")
    expect(chips(page, "Photographer")).to_have_accessible_name("Nobody")
    expect(chips(page, "Camera")).to_have_accessible_name("Pinhole, 3 photos")
    expect(page.get_by_role("button", pressed=True)).to_have_count(3)


def test_search_that_finds_nothing_can_drop_its_chips(counting, open_page):
    page = open_page(f"{counting.url}/?q=nothing&country=Norway")
    expect(page.get_by_role("heading", name="No photo found")).to_be_visible()
    expect(chips(page, "Country")).to_have_accessible_name("Norway")

    page.get_by_role("button", name="Search without filters").click()

    expect(page).to_have_url(re.compile(r"\?q=nothing$"))
    expect(page.get_by_role("button", pressed=True)).to_have_count(0)


def test_choices_without_photos_are_dimmed_and_every_choice_tells_its_count(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite")
    expect(page.locator(".without")).to_have_count(11)  # ten colours, and square

    expect(page.get_by_label("Blue")).to_have_attribute("title", "Blue: 30 photos")
    expect(page.get_by_label("Red")).to_have_attribute("title", "Red: 1 photo")
    expect(page.get_by_label("Landscape")).to_have_attribute("title", "Landscape: 40 photos")
    expect(page.get_by_label("Teal")).to_have_attribute("title", "Teal: 0 photos")
    page.get_by_label("Teal").check(force=True)  # dimmed, not shut

    until(page, "document.querySelectorAll('.without').length === 1")  # square
    assert page.get_by_label("Blue").get_attribute("title") is None


def test_server_that_counts_nothing_leaves_the_page_as_it_was(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)

    expect(page.locator("#facets")).to_be_hidden()
    expect(page.locator(".without")).to_have_count(0)
    expect(page.get_by_label("Blue")).not_to_have_attribute("title", re.compile("."))


def test_photos_stay_where_they_are_while_one_types(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite")
    expect(chips(page, "Country").first).to_be_visible()
    before = top_of_photos(page)
    counting.facets = {"country": {}}

    search(page, "kites")
    expect_first(page, best(counting, text="kites"))
    without_chips = top_of_photos(page)
    counting.facets = FACETS
    search(page, "kites in the wind")
    expect_first(page, best(counting, text="kites in the wind"))

    assert [without_chips, top_of_photos(page)] == [before, before]


@pytest.mark.parametrize("width", [900, 1024, 1280])
def test_chips_keep_to_one_row_and_none_is_half_seen_or_reached_unseen(counting, open_page, width):
    page = open_page(f"{counting.url}/?q=kite", viewport={"width": width, "height": 800})
    expect(chips(page, "Country").first).to_be_visible()
    page.wait_for_timeout(300)

    row = page.locator("#facets").bounding_box()
    rows = page.evaluate(
        """() => [...document.querySelectorAll('.chip')].map((chip) => {
            const box = chip.getBoundingClientRect();
            return [chip.inert, box.top, box.bottom, box.right];
        })"""
    )
    for inert, top, bottom, right in rows:
        seen = top >= row["y"] - 1 and bottom <= row["y"] + row["height"] + 1
        assert seen != inert
        assert right <= row["x"] + row["width"] + 1
    for group in ("Country", "Photographer", "Camera"):
        expect(chips(page, group).first).to_be_in_viewport(ratio=1)


def test_chips_scroll_sideways_on_a_phone_and_long_names_are_cut(counting, open_page):
    page = open_page(f"{counting.url}/?q=kite", **PHONE)
    expect(chips(page, "Country").first).to_be_visible()

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("facets.scrollWidth > facets.clientWidth")
    long = page.get_by_title(LONG)
    assert long.bounding_box()["width"] <= 200
    page.get_by_title("Pinhole").scroll_into_view_if_needed()
    box = page.get_by_title("Pinhole").bounding_box()
    assert box["x"] + box["width"] <= 360 - 36  # clear of the fade
    page.get_by_title("Pinhole").tap()

    expect_first(page, best(counting, text="kite", filters={"camera": "Pinhole"}))
    expect(page.get_by_role("button", pressed=True)).to_be_in_viewport(ratio=1)
