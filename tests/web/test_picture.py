import base64
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, expect_status, give_picture, search, until
from tests.web.real_collection import jpeg_size

pytestmark = pytest.mark.browser

IN_USE = re.compile("^The picture stays on this page: a link to this search holds only the words")
LOST = re.compile("^This search was made with a picture, which a link cannot hold")


@pytest.fixture
def small_picture(tmp_path):
    path = tmp_path / "small.png"
    Image.new("RGB", (60, 40), "teal").save(path)
    return path


def sent_image(fake):
    return base64.b64decode(fake.searches[-1].fields["image"], validate=True)


def test_small_picture_is_sent_as_it_is(fake, open_page, small_picture):
    page = open_page(fake.url)

    give_picture(page, small_picture)

    expect(page.locator(".tile")).to_have_count(30)
    assert fake.searches[-1].method == "POST"
    assert sent_image(fake) == small_picture.read_bytes()
    expect(page.get_by_text("Your picture")).to_be_visible()


def test_large_photograph_is_shrunk_upright_before_it_is_sent(fake, open_page, camera_file):
    assert jpeg_size(camera_file.read_bytes()) == (4800, 3600)
    page = open_page(fake.url)

    give_picture(page, camera_file)

    expect(page.locator(".tile")).to_have_count(30)
    assert jpeg_size(sent_image(fake)) == (960, 1280)
    assert fake.searches[-1].body_bytes < 4_000_000


@pytest.mark.parametrize(
    ("name", "size"),
    [("wide.jpg", (9000, 6000)), ("wide.webp", (6000, 5000)), ("thread.png", (70_000, 20))],
)
def test_small_file_of_too_many_pixels_is_shrunk_before_it_is_sent(
    fake, open_page, tmp_path, name, size
):
    Image.new("RGB", size, "teal").save(tmp_path / name)
    assert (tmp_path / name).stat().st_size < 2_000_000
    page = open_page(fake.url)

    give_picture(page, tmp_path / name)

    expect(page.locator(".tile")).to_have_count(30)
    assert max(jpeg_size(sent_image(fake))) == 1280


def test_of_two_pictures_the_one_given_last_is_searched_with(
    fake, open_page, tmp_path, small_picture
):
    Image.new("RGB", (50, 50), "pink").save(tmp_path / "older.png")
    page = open_page(fake.url)
    page.evaluate(
        """() => {
            const read = window.createImageBitmap;
            window.createImageBitmap = (...picture) => {
                window.createImageBitmap = read;
                return new Promise((resolve) => {
                    window.readOlder = async () => resolve(await read(...picture));
                });
            };
        }"""
    )
    give_picture(page, tmp_path / "older.png")
    until(page, "'readOlder' in window")
    give_picture(page, small_picture)
    expect(page.locator(".tile")).to_have_count(30)

    page.evaluate("readOlder()")

    until(page, "document.body.dataset.busy === ''")
    assert len(fake.searches) == 1
    assert sent_image(fake) == small_picture.read_bytes()


def test_picture_is_freed_when_no_visit_shows_it_any_more(fake, open_page, small_picture):
    page = open_page(fake.url)
    page.evaluate(
        """() => {
            window.freed = [];
            const revoke = URL.revokeObjectURL;
            URL.revokeObjectURL = (url) => { freed.push(url); revoke.call(URL, url); };
        }"""
    )
    give_picture(page, small_picture)
    expect(page.locator(".tile")).to_have_count(30)
    url = page.locator("#reference-picture").get_attribute("src")

    for number in range(15):
        search(page, f"words {number}")
        page.keyboard.press("Enter")
    assert page.evaluate("freed") == []
    page.get_by_role("button", name="Remove the picture").click()
    for number in range(30):
        search(page, f"others {number}")
        page.keyboard.press("Enter")

    assert page.evaluate("freed") == [url]


def test_file_that_is_no_picture_is_refused_on_the_page(fake, open_page, tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    page = open_page(fake.url)

    give_picture(page, tmp_path / "notes.txt")

    expect(page.locator("#picture-note")).to_have_text("“notes.txt” is not a picture.")
    expect_status(page, "“notes.txt” is not a picture.")
    assert fake.texts == []


def test_large_file_that_the_browser_cannot_read_is_refused_on_the_page(fake, open_page, tmp_path):
    (tmp_path / "raw.heic").write_bytes(bytes(3_500_000))
    page = open_page(fake.url)

    give_picture(page, tmp_path / "raw.heic")

    expect(page.locator("#picture-note")).to_contain_text("“raw.heic” is over 3 MB")


def test_picture_and_words_are_sent_together(fake, open_page, small_picture):
    page = open_page(fake.url)
    give_picture(page, small_picture)
    expect(page.locator(".tile")).to_have_count(30)

    search(page, "at night")

    expect_first(page, best(fake, text="at night"))
    assert fake.searches[-1].fields["text"] == "at night"
    assert sent_image(fake) == small_picture.read_bytes()
    page.get_by_role("button", name="Remove the picture").click()
    expect_first(page, best(fake, text="at night"))
    assert fake.searches[-1].method == "GET"


def test_page_says_that_a_link_cannot_hold_the_picture(fake, open_page, small_picture):
    page = open_page(f"{fake.url}/?q=kite")
    give_picture(page, small_picture)
    expect(page.get_by_text(IN_USE)).to_be_visible()
    expect(page).to_have_url(re.compile("q=kite&with=picture$"))

    other = open_page(page.url)

    expect(other.get_by_text(LOST)).to_be_visible()
    expect_first(other, best(fake, text="kite"))
    alone = open_page(f"{fake.url}/?with=picture")
    expect(alone.get_by_text(LOST)).to_be_visible()


def test_back_button_returns_to_a_search_by_picture(fake, open_page, small_picture):
    page = open_page(fake.url)
    give_picture(page, small_picture)
    expect(page.get_by_text("Your picture")).to_be_visible()
    page.get_by_role("button", name="Remove the picture").click()
    expect(page.get_by_text("Your picture")).to_be_hidden()

    page.go_back()

    expect(page.get_by_text("Your picture")).to_be_visible()
    expect(page.locator(".tile")).to_have_count(30)


def test_next_page_of_a_search_by_picture_sends_the_picture_again(fake, open_page, small_picture):
    page = open_page(fake.url)
    give_picture(page, small_picture)
    expect(page.locator(".tile")).to_have_count(30)

    page.mouse.wheel(0, 6000)

    expect(page.locator(".tile")).not_to_have_count(30)
    assert fake.searches[-1].fields["offset"] >= 30
    assert sent_image(fake) == small_picture.read_bytes()


@pytest.mark.parametrize("way", ["paste", "drop"])
def test_picture_can_be_pasted_and_dropped(fake, open_page, small_picture, way):
    page = open_page(fake.url)
    data = page.evaluate_handle(
        """(content) => {
            const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
            const transfer = new DataTransfer();
            transfer.items.add(new File([bytes], 'small.png', { type: 'image/png' }));
            return transfer;
        }""",
        base64.b64encode(small_picture.read_bytes()).decode(),
    )
    if way == "paste":
        page.evaluate(
            """(clipboardData) => document.dispatchEvent(
                new ClipboardEvent('paste', { clipboardData, cancelable: true }))""",
            data,
        )
    else:
        page.dispatch_event("body", "dragenter", {"dataTransfer": data})
        expect(page.get_by_text("Drop the picture to search with it")).to_be_visible()
        page.dispatch_event("body", "drop", {"dataTransfer": data})
        expect(page.get_by_text("Drop the picture to search with it")).to_be_hidden()

    expect(page.locator(".tile")).to_have_count(30)
    assert sent_image(fake) == small_picture.read_bytes()


def test_choose_button_opens_the_file_dialog(fake, open_page, small_picture):
    page = open_page(fake.url)

    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Search with a picture").click()
    chooser.value.set_files(small_picture)

    expect(page.get_by_text("Your picture")).to_be_visible()
