import re

import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, give_picture, search
from tests.web.test_phone import PHONE

pytestmark = pytest.mark.browser


def modes(page):
    return page.get_by_label("How words are matched")


def test_words_are_matched_by_meaning_unless_chosen_otherwise(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect_first(page, best(fake, text="kite"))

    expect(modes(page)).to_have_value("")
    assert "mode" not in fake.searches[-1].fields
    modes(page).select_option(label="Meaning and words")

    expect_first(page, best(fake, text="kite", mode="hybrid"))
    expect(page).to_have_url(re.compile(r"\?q=kite&mode=hybrid$"))
    modes(page).select_option(label="By meaning")
    expect(page).to_have_url(re.compile(r"\?q=kite$"))


def test_address_names_the_mode_and_back_returns_to_the_one_before(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&mode=keyword")
    expect_first(page, best(fake, text="kite", mode="keyword"))
    expect(modes(page)).to_have_value("keyword")
    modes(page).select_option("hybrid")
    expect_first(page, best(fake, text="kite", mode="hybrid"))

    page.go_back()

    expect_first(page, best(fake, text="kite", mode="keyword"))
    expect(modes(page)).to_have_value("keyword")


def test_unknown_mode_in_an_address_is_left_out(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&mode=magic")

    expect_first(page, best(fake, text="kite"))
    expect(modes(page)).to_have_value("")


def test_mode_stays_while_one_types_on(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&mode=hybrid")

    search(page, "kites")

    expect_first(page, best(fake, text="kites", mode="hybrid"))


def test_mode_is_hidden_where_there_are_no_words(fake, open_page):
    page = open_page(f"{fake.url}/?photo_id=photo-007&mode=hybrid")
    expect_first(page, best(fake, photo_id="photo-007"))

    expect(modes(page)).to_be_hidden()
    assert "mode" not in fake.searches[-1].fields
    search(page, "at night")

    expect(modes(page)).to_have_value("hybrid")
    expect_first(page, best(fake, photo_id="photo-007", text="at night", mode="hybrid"))


def test_words_alone_cannot_be_chosen_beside_a_picture(fake, open_page, camera_file):
    page = open_page(f"{fake.url}/?q=kite&mode=keyword")
    expect_first(page, best(fake, text="kite", mode="keyword"))

    with page.expect_response(lambda response: response.request.method == "POST"):
        give_picture(page, camera_file)

    expect(modes(page)).to_have_value("hybrid")
    expect(modes(page).get_by_role("option", name="Words", exact=True)).to_be_disabled()
    posted = fake.searches[-1]
    assert (posted.method, posted.fields["mode"]) == ("POST", "hybrid")
    page.get_by_role("button", name="Remove the picture").click()
    expect(modes(page)).to_have_value("keyword")


def test_words_that_no_photo_has_can_be_searched_by_meaning(fake, open_page):
    page = open_page(f"{fake.url}/?q=unwritten&mode=keyword")
    expect(page.locator("#message-detail")).to_contain_text("has all of these words")

    page.get_by_role("button", name="Search by meaning").click()

    expect_first(page, best(fake, text="unwritten"))
    expect(page).to_have_url(re.compile(r"\?q=unwritten$"))


def test_mode_is_chosen_with_the_keyboard_and_keeps_the_focus(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    modes(page).focus()
    page.keyboard.press("ArrowDown")

    expect_first(page, best(fake, text="kite", mode="hybrid"))
    expect(modes(page)).to_be_focused()


def test_photo_found_by_its_words_alone_shows_no_cosine(fake, open_page):
    page = open_page(fake.url)
    hits = fake.search({"text": "kite", "k": 30, "offset": 0})["hits"]
    hits[1]["cosine"] = None
    page.route(
        "**/search?**",
        lambda route: route.fulfill(json={"hits": hits, "next": None, "took_ms": {"total": 3}}),
    )

    search(page, "kite")

    expect(page.locator(".cosine").nth(0)).to_have_text("0.42")
    expect(page.locator(".cosine").nth(1)).to_be_empty()


def test_mode_is_in_sight_and_large_enough_on_a_phone(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&mode=hybrid", **PHONE)
    expect(page.locator(".tile").first).to_be_visible()

    box = modes(page).bounding_box()

    assert box["x"] + box["width"] <= 360
    assert box["height"] >= 40
