import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.browser

PHONE = {
    "viewport": {"width": 360, "height": 740},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}


@pytest.mark.parametrize(
    "address", ["/", "/?q=kite", "/?q=nothing", "/?photo_id=photo-003&q=at+night"]
)
def test_nothing_scrolls_sideways_on_a_phone(fake, open_page, address):
    page = open_page(fake.url + address, **PHONE)
    page.wait_for_timeout(600)

    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate("visualViewport.scale") == 1


def test_controls_are_large_enough_for_a_thumb(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", **PHONE)
    expect(page.locator(".tile").first).to_be_visible()

    small = page.evaluate(
        """() => [...document.querySelectorAll('button, label, input[type=search]')]
            .filter((control) => control.checkVisibility())
            .map((control) => [control.className, control.getBoundingClientRect()])
            .filter(([, box]) => Math.min(box.width, box.height) < 36)
            .map(([name]) => name)"""
    )

    assert small == []


def test_colours_and_summary_are_in_sight_on_a_phone(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", **PHONE | {"viewport": {"width": 390, "height": 844}})
    expect(page.locator("#summary")).to_contain_text("30+ photos")

    for element in (
        *page.locator(".shape").all(),
        *page.locator(".swatch").all()[:4],
        page.locator("#summary"),
    ):
        box = element.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    page.get_by_label("Black").scroll_into_view_if_needed()
    box = page.locator(".swatch").last.bounding_box()
    assert box["x"] + box["width"] <= 390 - 36  # clear of the fade


def test_tap_opens_the_photo_large_and_close_returns(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite", **PHONE)
    page.locator(".photo").nth(1).tap()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("document.querySelector('dialog').scrollWidth") == 360

    page.get_by_role("button", name="Close").tap()

    expect(page.get_by_role("dialog")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_the_page_in_both_schemes(fake, open_page, scheme):
    page = open_page(f"{fake.url}/?q=kite", color_scheme=scheme)
    expect(page.locator(".tile").first).to_be_visible()

    ratio = page.evaluate(
        """() => {
            const light = (colour) => {
                const [r, g, b] = colour.match(/[0-9.]+/g).map(Number).map((value) => {
                    const share = value / 255;
                    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
                });
                return 0.2126 * r + 0.7152 * g + 0.0722 * b;
            };
            const [ink, page] = [
                light(getComputedStyle(document.querySelector('figcaption')).color),
                light(getComputedStyle(document.body).backgroundColor),
            ];
            return (Math.max(ink, page) + 0.05) / (Math.min(ink, page) + 0.05);
        }"""
    )

    assert ratio >= 4.5  # WCAG 2.2, 1.4.3
