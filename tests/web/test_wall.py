import numpy as np
import pytest
from playwright.sync_api import expect

from ingest.blur_hash import encode_blur_hash
from tests.web.on_page import expect_first, search, until

pytestmark = pytest.mark.browser

BOXES = """() => [...document.querySelectorAll('.photo')].map((photo) => {
    const box = photo.getBoundingClientRect();
    return [box.x, box.y + scrollY, box.width, box.height];
})"""


def boxes(page):
    until(page, "document.getAnimations().every(a => a.playState !== 'running')")
    return np.array(page.evaluate(BOXES)).round(1)


def test_wall_has_its_final_shape_before_any_picture_has_come(fake, open_page):
    page = open_page(fake.url)
    page.route("**/thumbs/*", lambda route: route.abort())
    search(page, "kite")
    expect(page.locator(".tile")).to_have_count(30)
    before = boxes(page)

    page.unroute("**/thumbs/*")
    page.reload()
    expect(page.locator(".tile.loaded").nth(3)).to_be_visible()

    np.testing.assert_array_equal(boxes(page)[:30], before)


def test_rows_fill_the_width_and_photos_keep_their_shape(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", viewport={"width": 1280, "height": 800})
    expect(page.locator(".tile")).to_have_count(30)
    placed = boxes(page)
    wall = page.locator("#gallery").bounding_box()

    shapes = {photo.photo_id: photo.width / photo.height for photo in fake.photos}
    hits = fake.search({"text": "kite", "k": 30, "offset": 0})["hits"]
    wanted = [shapes[hit["photo_id"]] for hit in hits]
    np.testing.assert_allclose(placed[:, 2] / placed[:, 3], wanted, rtol=0.02)
    for top in sorted(set(placed[:, 1]))[:-1]:
        row = placed[placed[:, 1] == top]
        assert row[0, 0] == pytest.approx(wall["x"], abs=1)
        assert row[-1, 0] + row[-1, 2] == pytest.approx(wall["x"] + wall["width"], abs=1)
        assert (np.diff(row[:, 0]) > 0).all()


def test_further_photos_move_none_of_the_rows_above(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    before = boxes(page)

    page.mouse.wheel(0, 5000)
    expect(page.locator(".tile")).not_to_have_count(30)

    above = before[before[:, 1] < before[-1, 1]]
    np.testing.assert_array_equal(boxes(page)[: len(above)], above)


def test_wall_follows_the_width_of_the_window(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", viewport={"width": 1280, "height": 800})
    expect(page.locator(".tile")).to_have_count(30)

    page.set_viewport_size({"width": 700, "height": 800})
    until(page, "document.getElementById('gallery').style.height !== ''")
    page.wait_for_timeout(300)

    placed = boxes(page)
    assert (placed[:, 0] + placed[:, 2]).max() <= 700
    assert page.evaluate("document.documentElement.scrollWidth") <= 700


def test_extreme_shapes_are_cropped_and_odd_numbers_survive(fake, open_page):
    page = open_page(fake.url)

    layout = page.evaluate(
        """async () => {
            const { justify } = await import('/js/layout.js');
            const sizes = { rowHeight: 240, gap: 16, captionHeight: 26 };
            return [justify([1 / 30000, 30000, NaN, 1.5], 1200, sizes), justify([], 1200, sizes)];
        }"""
    )

    shapes = [round(box["width"] / box["height"], 1) for box in layout[0]["boxes"]]
    assert shapes == [0.5, 2.6, 1, 1.5]
    assert layout[1] == {"boxes": [], "height": 0}


def test_blur_hash_is_decoded_to_the_colours_that_were_encoded(fake, open_page):
    page = open_page(fake.url)
    ramp = np.linspace(40, 215, 32)
    across = np.tile(ramp, (32, 1))
    picture = np.stack([across, np.full((32, 32), 120), across.T], 2)

    decoded = page.evaluate(
        """async (hash) => {
            const { decodeBlurHash } = await import('/js/blurhash.js');
            return [...decodeBlurHash(hash, 32, 32)];
        }""",
        encode_blur_hash(picture.astype(np.uint8)),
    )

    pixels = np.array(decoded).reshape(32, 32, 4)
    assert (pixels[..., 3] == 255).all()
    # Twelve waves in steps of a few per cent: no closer than this, and axes may not be swapped.
    assert np.abs(pixels[..., :3] - picture).mean() < 9


@pytest.mark.parametrize("blur_hash", ["", "LEHV6", "LEHV6nWB2yk8pyo0adR*.7kCMdn", "é" * 28])
def test_malformed_blur_hash_leaves_the_plain_ground(fake, open_page, blur_hash):
    page = open_page(fake.url)

    decoded = page.evaluate(
        "async (hash) => (await import('/js/blurhash.js')).decodeBlurHash(hash, 8, 8)", blur_hash
    )

    assert decoded is None


def test_credit_keeps_https_links_and_nothing_else(fake, open_page):
    page = open_page(fake.url)

    built = page.evaluate(
        """async (html) => {
            const { showCredit } = await import('/js/credit.js');
            const target = document.createElement('p');
            showCredit(target, { text: '', html });
            return target.innerHTML;
        }""",
        "By <a href='https://example.org/?a=1&amp;b=2' onclick='x()'>A &lt; <b>B</b></a>"
        "<a href='javascript:x()'>C</a><a href='http://x.org'>D</a>"
        "<img src=x onerror=x()><script>x()</script><style>p{}</style>",
    )

    open_page.complaints.clear()  # the CSP objects to the hostile markup as well
    assert built == (
        'By <a href="https://example.org/?a=1&amp;b=2" target="_blank" rel="noopener">'
        "A &lt; B</a>CD"
    )


def test_photo_that_does_not_load_shows_its_description(fake, open_page):
    page = open_page(fake.url)
    page.route("**/thumbs/*", lambda route: route.abort())

    search(page, "kite")

    expect(page.locator(".tile.missing").first).to_be_visible()
    expect(page.locator(".tile img").first).to_have_attribute("alt", hits_description(fake))


def hits_description(fake):
    return fake.search({"text": "kite", "k": 1, "offset": 0})["hits"][0]["description"]


def test_photo_of_two_answers_keeps_its_tile(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile.loaded").first).to_be_visible()
    page.evaluate("document.querySelectorAll('.tile').forEach((tile) => { tile.old = true; })")
    old = fake.search({"text": "kite", "k": 30, "offset": 0})["hits"]
    new = fake.search({"text": "boat", "k": 30, "offset": 0})["hits"]
    both = {hit["photo_id"] for hit in old} & {hit["photo_id"] for hit in new}

    search(page, "boat")
    expect_first(page, new[0]["photo_id"])

    kept = page.locator(".tile").evaluate_all("tiles => tiles.filter((tile) => tile.old).length")
    assert kept == len(both)
