import re

import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, expect_status, search, shown, until

pytestmark = pytest.mark.browser

UNAVAILABLE = {
    "title": "The index is not available",
    "status": 503,
    "detail": "photos.db is locked; try again in 2 s",
    "request_id": "req-4711",
}


def test_start_page_offers_searches_with_photos(fake, open_page):
    page = open_page(fake.url)
    cards = page.get_by_label("Searches to try").get_by_role("link")
    expect(cards).to_have_count(6)
    expect(page.locator(".suggestion.loaded")).to_have_count(6)

    cards.filter(has_text="sailboat at sunset").click()

    expect_first(page, best(fake, text="sailboat at sunset"))
    expect(page.get_by_role("searchbox")).to_have_value("sailboat at sunset")


def test_start_page_offers_the_demos_searches_over_no_other_collection(fake, open_page):
    fake.checkpoint = "openai/clip-vit-base-patch32"
    page = open_page(fake.url)
    with page.expect_response("**/healthz"):
        page.reload()

    search(page, "kite")
    expect_first(page, best(fake, text="kite"))
    page.get_by_label("Photo search, start page").click()

    expect(page.get_by_role("heading", name="Find the photo you have in mind")).to_be_visible()
    expect(page.get_by_role("link", name="sailboat at sunset")).to_be_hidden()
    assert len(fake.asked) == len(fake.searches)


def test_start_page_serves_while_the_server_fails(fake, open_page):
    fake.problems = []
    page = open_page(fake.url)
    page.route("**/search?**", lambda route: route.abort())
    page.reload()

    expect(page.get_by_role("link", name="city in the rain")).to_be_visible()
    expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_hidden()


def test_first_answer_is_awaited_with_a_skeleton(fake, open_page):
    answer = fake.hold("kite")
    page = open_page(f"{fake.url}/?q=kite")

    expect(page.locator("#skeleton")).to_be_visible()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "true")
    answer.set()
    expect(page.locator(".tile")).to_have_count(30)
    expect(page.locator("#skeleton")).to_be_hidden()
    expect(page.get_by_role("main")).to_have_attribute("aria-busy", "false")


def test_error_shows_its_detail_and_a_retry_that_works(fake, open_page):
    page = open_page(fake.url)
    fake.problems = [(503, UNAVAILABLE)]
    search(page, "balloon")

    expect(page.get_by_role("heading", name=UNAVAILABLE["title"])).to_be_visible()
    expect(page.get_by_text("photos.db is locked; try again in 2 s").first).to_be_visible()
    expect(page.get_by_text("Request req-4711")).to_be_visible()
    expect_status(page, "The index is not available. photos.db is locked; try again in 2 s")
    page.get_by_role("button", name="Try again").click()

    expect_first(page, best(fake, text="balloon"))
    expect(page.get_by_role("button", name="Try again")).to_be_hidden()


def test_answer_that_is_no_problem_document_is_an_error_all_the_same(fake, open_page):
    page = open_page(fake.url)
    page.route("**/search?**", lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))

    search(page, "balloon")

    expect(page.get_by_role("heading", name="The search failed")).to_be_visible()
    expect(page.locator("#message-detail")).to_have_text("The server answered with status 502.")


def test_server_that_cannot_be_reached_is_an_error_with_a_retry(fake, open_page):
    page = open_page(fake.url)
    page.route("**/search?**", lambda route: route.abort())
    search(page, "balloon")
    expect(page.get_by_role("heading", name="The server cannot be reached")).to_be_visible()

    page.unroute("**/search?**")
    page.get_by_role("button", name="Try again").click()

    expect_first(page, best(fake, text="balloon"))


def test_no_result_says_so_and_offers_to_drop_the_filters(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&colour=pink")
    expect(page.get_by_role("heading", name="No photo found")).to_be_visible()
    expect_status(page, "No photo found")

    page.get_by_role("button", name="Search without filters").click()

    expect_first(page, best(fake, text="kite"))
    expect(page.get_by_label("Any colour")).to_be_checked()


def test_no_result_without_filters_offers_nothing(fake, open_page):
    page = open_page(f"{fake.url}/?q=nothing+at+all")

    expect(page.get_by_role("heading", name="No photo found")).to_be_visible()
    expect(page.locator("#message-action")).to_be_hidden()


def test_truncated_query_is_told(fake, open_page):
    page = open_page(f"{fake.url}/?q=a+very+long+story")

    expect(page.locator("#summary")).to_contain_text("only the first words were read")
    expect(page.get_by_role("status")).to_contain_text("Only the first words of the search")


def test_filters_narrow_the_search(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)

    page.get_by_label("Square").check(force=True)
    expect_first(page, best(fake, text="kite", filters={"orientation": "square"}))
    page.get_by_label("Teal").check(force=True)
    until(page, "document.body.dataset.busy === ''")

    assert fake.searches[-1].fields["filters"] == {"orientation": "square", "colour": "teal"}


def test_scrolling_brings_every_photo_once_and_then_ends(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)

    for _ in range(12):
        page.mouse.wheel(0, 1500)
        page.wait_for_timeout(80)

    expect(page.locator(".tile")).to_have_count(75)
    expect(page.get_by_text("That is all.")).to_be_visible()
    assert sorted(shown(page)) == sorted(photo.photo_id for photo in fake.photos)
    expect_status(page, "75 photos.")


def test_end_of_the_window_is_not_said_to_be_all(fake, open_page):
    page = open_page(f"{fake.url}/?q=nothing")
    hits = fake.search({"text": "kite", "k": 30, "offset": 0})["hits"]
    many = [hit | {"photo_id": f"{page}-{hit['photo_id']}"} for page in range(40) for hit in hits]
    page.route(
        "**/search?**",
        lambda route: route.fulfill(
            json={"hits": many[:1000], "next": None, "took_ms": {"total": 3}, "query": {}}
        ),
    )
    page.route("**/thumbs/**", lambda route: route.abort())

    search(page, "kite")

    expect(page.locator("#end-text")).to_contain_text("These are the best 1,000.")
    expect(page.locator("#summary")).to_contain_text("best 1,000 photos")
    expect_status(page, "The best 1,000 photos.")


def test_page_that_fails_leaves_the_photos_and_can_be_asked_for_again(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    fake.problems = [(503, UNAVAILABLE)]
    page.mouse.wheel(0, 9000)

    expect(page.locator("#end-text")).to_contain_text("The next photos did not come: photos.db is")
    expect(page.locator(".tile")).to_have_count(30)
    page.get_by_role("button", name="Try again").click()

    expect(page.locator(".tile")).not_to_have_count(30)


def test_more_like_this_leaves_the_photo_out_and_can_be_refined_with_words(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    first = page.locator(".tile").first
    photo_id = first.get_attribute("data-photo-id")
    first.hover()
    first.get_by_role("button", name=re.compile("^More like this: ")).click()

    expect_first(page, best(fake, photo_id=photo_id))
    expect(page).to_have_url(re.compile(f"photo_id={photo_id}"))
    assert photo_id not in shown(page)
    assert page.evaluate("window.scrollY") == 0
    search(page, "at night")
    expect_first(page, best(fake, photo_id=photo_id, text="at night"))
    page.get_by_role("button", name="Remove the picture").click()
    expect_first(page, best(fake, text="at night"))
    expect(page).to_have_url(re.compile(r"/\?q=at\+night$"))


def test_shared_address_of_more_like_this_shows_which_photo_it_means(fake, open_page):
    page = open_page(f"{fake.url}/?photo_id=photo-007")

    expect(page.get_by_text("Like this", exact=True)).to_be_visible()
    expect(page.locator("#reference-picture")).to_have_attribute("src", "/thumbs/photo-007")


@pytest.mark.parametrize("words", ["", "&q=kite"])
def test_link_to_a_photo_that_is_gone_can_be_followed_without_it(fake, open_page, words):
    page = open_page(fake.url)
    fake.problems = [(404, {"title": "No such photo", "status": 404, "detail": "gone"})]
    page.goto(f"{fake.url}/?photo_id=gone{words}")

    page.get_by_role("button", name="Search without the photo").click()

    if words:
        expect_first(page, best(fake, text="kite"))
    else:
        expect(page.get_by_label("Searches to try")).to_be_visible()
    expect(page).to_have_url(f"{fake.url}/{words.replace('&', '?')}")


@pytest.mark.parametrize(
    ("address", "heading"),
    [
        ("/", "Find the photo you have in mind"),
        ("/?q=red+kite", "red kite"),
        ("/?photo_id=photo-007", "Similar photos"),
        ("/?q=nothing", "nothing"),
    ],
)
def test_every_view_has_one_heading_of_the_first_level(fake, open_page, address, heading):
    page = open_page(fake.url + address)

    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
