"""The page on the real server: the demo bundle, an index that the job made, drawn photos."""

import csv
import json
import re
import shutil
from urllib.request import urlopen

import pytest
from playwright.sync_api import expect

from tests.web.on_page import give_picture, search, shown
from tests.web.real_collection import draw_photos, ingest, serving

pytestmark = pytest.mark.browser

LARGEST_BODY_BYTES = 4_000_000


@pytest.fixture(scope="module")
def photos(tmp_path_factory, camera_file):
    photos = tmp_path_factory.mktemp("collection") / "photos"
    draw_photos(photos, count=48)
    shutil.copy(camera_file, photos)
    return photos


@pytest.fixture(scope="module")
def site(photos):
    ingest(photos, photos.parent)
    with serving(photos, photos.parent) as url:
        yield url


def photo_id_of(site, page, name, photos):
    """The photo whose own picture is this file: its original has the same bytes."""
    wanted = (photos / name).read_bytes()
    for photo_id in shown(page):
        with urlopen(f"{site}originals/{photo_id}") as original:
            if original.read() == wanted:
                return photo_id
    return None


def test_words_find_what_the_captions_say(site, open_page, photos):
    with (photos / "captions.csv").open(encoding="utf-8") as file:
        captions = {row["description"] for row in csv.DictReader(file)}
    page = open_page(site)

    search(page, "red balloon")

    expect(page.locator(".tile")).to_have_count(30)
    expect(page.locator(".tile.loaded").first).to_be_visible()
    alts = page.locator(".tile img").evaluate_all("images => images.map((image) => image.alt)")
    assert set(alts) <= captions | {"camera.jpg"}  # the photo without a caption
    cosines = [float(text) for text in page.locator(".cosine").all_inner_texts()]
    assert cosines == sorted(cosines, reverse=True)
    expect(page.get_by_role("status")).to_have_text("30 photos, more as you go on.")


def test_photograph_of_12_mb_is_sent_small_and_finds_itself_first(site, open_page, photos):
    file = photos / "camera.jpg"
    assert 11_000_000 < file.stat().st_size < 14_000_000
    page = open_page(site)

    with page.expect_request(lambda request: request.method == "POST") as posted:
        give_picture(page, file)

    expect(page.locator(".tile")).to_have_count(30)
    body = posted.value.post_data_buffer
    assert len(body) < LARGEST_BODY_BYTES
    assert set(json.loads(body)) == {"image", "k", "offset", "facets"}
    first = page.locator(".tile").first
    with urlopen(f"{site}originals/{first.get_attribute('data-photo-id')}") as original:
        assert original.read() == file.read_bytes()
    assert float(first.locator(".cosine").inner_text()) > 0.95


def test_more_like_this_answers_with_other_photos(site, open_page, photos):
    page = open_page(f"{site}?q=sailboat")
    expect(page.locator(".tile")).to_have_count(30)
    first = page.locator(".tile").first
    photo_id = first.get_attribute("data-photo-id")

    first.hover()
    first.get_by_role("button", name=re.compile("^More like this")).click()

    expect(page).to_have_url(re.compile(f"photo_id={photo_id}"))
    expect(page.locator("#reference-picture")).to_have_attribute("src", f"/thumbs/{photo_id}")
    expect(page.locator(f".tile[data-photo-id='{photo_id}']")).to_have_count(0)
    expect(page.locator(".tile")).to_have_count(30)


def test_words_and_picture_together_are_answered(site, open_page, photos):
    page = open_page(site)
    give_picture(page, photos / "00003.jpg")
    expect(page.locator(".tile")).to_have_count(30)
    alone = shown(page)
    assert photo_id_of(site, page, "00003.jpg", photos) == alone[0]

    search(page, "a city at night")

    page.wait_for_timeout(1500)
    assert len(shown(page)) == 30
    assert shown(page) != alone


def test_filters_are_those_of_the_api(site, open_page):
    page = open_page(f"{site}?q=flower&orientation=portrait")
    expect(page.locator(".tile").first).to_be_visible()
    shapes = page.locator(".photo").evaluate_all(
        "photos => photos.map((photo) => photo.clientWidth / photo.clientHeight)"
    )
    assert max(shapes) < 1

    colours = page.locator("[name=colour]").evaluate_all("all => all.map((one) => one.value)")
    assert len(colours) == 13  # "any" and the twelve that the server knows
    for colour in colours[1:]:
        with urlopen(f"{site}search?q=flower&colour={colour}") as answer:
            assert answer.status == 200


def test_chips_narrow_the_search_to_what_they_say(site, open_page, photos):
    with (photos / "captions.csv").open(encoding="utf-8") as file:
        countries = {row["country"] for row in csv.DictReader(file)}
    page = open_page(f"{site}?q=sailboat")
    chip = page.get_by_label("Country").get_by_role("button").first
    country, _, count = chip.get_attribute("aria-label").removesuffix(" photos").rpartition(", ")
    assert country in countries

    chip.click()

    pressed = page.get_by_role("button", pressed=True)
    expect(pressed).to_have_attribute("aria-label", f"{country}, {count} photos")
    expect(page.locator(".tile")).to_have_count(min(30, int(count)))
    assert "country=" in page.url


@pytest.mark.parametrize("mode", ["hybrid", "keyword"])
def test_modes_are_those_of_the_api(site, open_page, mode):
    page = open_page(f"{site}?q=balloon&mode={mode}")

    expect(page.locator(".tile").first).to_be_visible()
    expect(page.get_by_label("How words are matched")).to_have_value(mode)
    shown_cosines = [text for text in page.locator(".cosine").all_inner_texts() if text]
    assert (shown_cosines == []) == (mode == "keyword")


def test_picture_that_is_none_is_an_error_with_the_servers_words(site, open_page, tmp_path):
    (tmp_path / "broken.jpg").write_text("this is no JPEG")
    page = open_page(site)

    give_picture(page, tmp_path / "broken.jpg")

    expect(page.locator("#message-title")).to_be_visible()
    expect(page.locator("#message-detail")).not_to_be_empty()
    expect(page.locator("#message-reference")).to_have_text(re.compile("^Request .{8,}"))
    page.get_by_role("button", name="Remove the picture").click()
    search(page, "red balloon")
    expect(page.locator(".tile")).to_have_count(30)


def test_opened_photo_shows_its_original_and_its_facts(site, open_page):
    page = open_page(f"{site}?q=windmill")
    page.locator(".photo").first.click()
    dialog = page.get_by_role("dialog")

    expect(dialog.locator("#lightbox-picture")).to_have_attribute("src", re.compile("/originals/"))
    expect(dialog.get_by_text("Size")).to_be_visible()
    expect(dialog.get_by_text("Place")).to_be_visible()


def test_photo_id_of_a_stale_link_is_an_error_that_says_so(site, open_page):
    page = open_page(f"{site}?photo_id=gone")

    expect(page.locator("#message-detail")).to_contain_text("gone")
    search(page, "kite")
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.locator(".tile").first).to_be_visible()
