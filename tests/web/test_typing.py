import re

import pytest
from playwright.sync_api import expect

from tests.web.on_page import best, expect_first, expect_status, search, shown, until

pytestmark = pytest.mark.browser


def test_results_come_while_one_types(fake, open_page):
    page = open_page(fake.url)

    search(page, "balloon")

    expect_first(page, best(fake, text="balloon"))
    expect_status(page, "30 photos, more as you go on.")


def test_one_search_is_made_for_a_word_typed_in_one_go(fake, open_page):
    page = open_page(fake.url)
    page.clock.install()
    page.clock.pause_at(page.evaluate("Date.now() + 1000"))

    for end in range(1, 8):
        search(page, "balloon"[:end])
        page.clock.run_for(60)
    assert fake.texts == []
    page.clock.run_for(500)  # the longest pause: this machine may be as slow as a far server

    expect(page.locator(".tile")).to_have_count(30)
    assert fake.texts == ["balloon"]


def test_pause_is_longer_when_the_server_is_far(fake, open_page):
    page = open_page(fake.url)

    waits = page.evaluate(
        """async () => {
            const { createPace } = await import('/js/pace.js');
            return [0, 30, 300, 5000].map((latency) => {
                const pace = createPace();
                pace.record(latency);
                return pace.waitMs;
            });
        }"""
    )

    assert waits == [120, 120, 300, 500]


def test_stale_answer_is_dropped(fake, open_page):
    answer = fake.hold("slow")
    page = open_page(fake.url)

    search(page, "slow")
    until(page, "document.body.dataset.busy === 'first'")
    search(page, "fast")
    expect_first(page, best(fake, text="fast"))
    answer.set()
    page.wait_for_timeout(500)

    assert fake.texts == ["slow", "fast"]
    assert shown(page)[0] == best(fake, text="fast")


def test_answer_that_arrives_after_its_abort_is_dropped(fake, open_page):
    page = open_page(fake.url)

    outcomes = page.evaluate(
        """async () => {
            const { createLatest } = await import('/js/latest.js');
            const latest = createLatest();
            const seen = [];
            const tell = (value) => seen.push(value);
            const outcome = { done: tell, failed: tell };
            let answer;
            const deaf = latest.run(() => new Promise((resolve) => { answer = resolve; }), outcome);
            await latest.run(async () => 'new', outcome);
            answer('old');
            await deaf;
            return seen;
        }"""
    )

    assert outcomes == ["new"]


def test_text_typed_while_an_answer_is_awaited_stays(fake, open_page):
    answer = fake.hold("red")
    page = open_page(fake.url)

    search(page, "red")
    until(page, "document.body.dataset.busy === 'first'")
    page.get_by_role("searchbox").press_sequentially(" kite")
    answer.set()

    expect_first(page, best(fake, text="red kite"))
    expect(page.get_by_role("searchbox")).to_have_value("red kite")


def test_address_names_the_search_and_opens_it_again(fake, open_page):
    page = open_page(fake.url)
    search(page, "two red balloons & a kite")
    expect(page).to_have_url(re.compile(r"\?q=two\+red\+balloons\+%26\+a\+kite$"))
    page.get_by_label("Portrait").check(force=True)
    page.get_by_label("Blue").check(force=True)
    expect(page).to_have_url(re.compile("orientation=portrait&colour=blue"))

    other = open_page(page.url)

    expect(other.get_by_role("searchbox")).to_have_value("two red balloons & a kite")
    expect(other.get_by_label("Portrait")).to_be_checked()
    expect(other.get_by_label("Blue")).to_be_checked()
    expect(other.locator(".tile").first).to_be_visible()
    assert shown(other) == shown(page)


def test_unknown_filter_in_an_address_is_left_out(fake, open_page):
    page = open_page(f"{fake.url}/?q=kite&orientation=round&colour=infrared&page=9")

    expect(page.locator(".tile")).to_have_count(30)
    assert fake.searches[-1].fields["filters"] == {}


def test_back_button_returns_to_the_search_before_where_it_was_left(fake, open_page):
    page = open_page(fake.url)
    search(page, "first")
    page.keyboard.press("Enter")
    expect_first(page, best(fake, text="first"))
    page.mouse.wheel(0, 900)
    until(page, "window.scrollY > 500")
    until(page, "document.querySelectorAll('.tile').length > 30")
    left_at = page.evaluate("window.scrollY")
    before = shown(page)

    page.get_by_role("searchbox").fill("second")
    expect_first(page, best(fake, text="second"))
    asked = len(fake.texts)
    page.go_back()
    expect_first(page, best(fake, text="first"))

    expect(page.get_by_role("searchbox")).to_have_value("first")
    assert shown(page)[: len(before)] == before
    assert page.evaluate("window.scrollY") == pytest.approx(left_at, abs=50)
    assert "first" not in fake.texts[asked:]
    page.go_forward()
    expect_first(page, best(fake, text="second"))
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name="Find the photo you have in mind")).to_be_visible()


def test_keystrokes_of_one_search_make_one_history_entry(fake, open_page):
    page = open_page(fake.url)
    for text in ("r", "re", "red"):
        search(page, text)
        expect_first(page, best(fake, text=text))

    page.go_back()

    expect(page).to_have_url(fake.url + "/")
    expect(page.get_by_role("searchbox")).to_have_value("")
