import json
import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.web.chromium import launch
from tests.web.conftest import WAIT_MS
from tests.web.identity_provider import HOST, running_identity_provider
from tests.web.on_page import best, expect_first, search

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def _provider():
    with running_identity_provider() as provider:
        yield provider


@pytest.fixture(scope="module")
def browser(_provider):
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        browser = launch(playwright, *_provider.browser_arguments)
        yield browser
        browser.close()


@pytest.fixture
def provider(_provider, fake):
    """The provider as it is before any test, known to a site that asks for its tokens."""
    _provider.__init__(port=_provider.port, home=f"{fake.url}/")
    fake.config = _provider.config
    fake.accepts = {f"Bearer access-{number}" for number in range(100)}
    yield _provider
    assert _provider.complaints == []


@pytest.fixture
def open_signed_in(open_page, provider):
    """Opens an address, and passes the provider's page."""

    def open_it(url):
        page = open_page(url)
        pass_provider(page)
        return page

    return open_it


def pass_provider(page):
    expect(page.get_by_role("heading", name="Cognito")).to_be_visible()
    page.get_by_role("link", name="Continue as Ada").click()


def kept(page, name="tokens"):
    value = page.evaluate(f"sessionStorage.getItem('photo-search.{name}')")
    return value and json.loads(value)


def test_a_search_is_gone_on_with_after_the_sign_in(fake, provider, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite&colour=teal")

    expect_first(page, best(fake, text="kite", filters={"colour": "teal"}))
    expect(page).to_have_url(f"{fake.url}/?q=kite&colour=teal")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert provider.granted == ["authorization_code"]
    assert provider.codes == {}
    assert set(fake.authorizations) == {f"Bearer {kept(page)['access']}"}
    assert kept(page, "sign-in") is None


def test_the_start_page_comes_back_with_its_cards(fake, open_signed_in):
    page = open_signed_in(fake.url)

    expect(page.locator(".suggestion.loaded")).to_have_count(6)
    search(page, "kite")
    expect_first(page, best(fake, text="kite"))


def test_the_code_stays_in_no_address_and_no_history(fake, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    search(page, "boat")
    expect_first(page, best(fake, text="boat"))

    page.go_back()

    expect(page).to_have_url(f"{fake.url}/?q=kite")
    expect_first(page, best(fake, text="kite"))


def test_a_reload_asks_nobody_to_sign_in_again(fake, provider, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)

    page.reload()

    expect(page.locator(".tile")).to_have_count(30)
    assert provider.granted == ["authorization_code"]


def test_a_token_that_is_about_to_end_is_renewed_once_for_all_calls(fake, provider, open_signed_in):
    provider.lifetime_s = 59
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    provider.granted.clear()
    provider.lifetime_s = 3600

    page.get_by_label("Photo search, start page").click()

    expect(page.locator(".suggestion.loaded")).to_have_count(6)
    assert provider.granted == ["refresh_token"]
    assert kept(page)["refresh"] == "refresh"
    search(page, "boat")
    expect_first(page, best(fake, text="boat"))
    assert provider.granted == ["refresh_token"]


def test_a_token_that_the_api_refuses_is_renewed_and_the_call_repeated(
    fake, provider, open_signed_in
):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    fake.accepts.discard(f"Bearer {kept(page)['access']}")

    search(page, "boat")

    expect_first(page, best(fake, text="boat"))
    assert provider.granted == ["authorization_code", "refresh_token"]
    assert f"Bearer {kept(page)['access']}" in fake.accepts


def test_an_api_that_refuses_every_token_leads_to_a_message_and_no_loop(
    fake, provider, open_signed_in
):
    fake.accepts = set()
    page = open_signed_in(f"{fake.url}/?q=kite")

    expect(page.get_by_role("heading", name="Your sign-in has ended")).to_be_visible()
    assert provider.granted.count("authorization_code") == 1
    assert kept(page) is None


def test_a_sign_in_that_has_ended_is_begun_again_on_the_same_search(fake, provider, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    fake.accepts.discard(f"Bearer {kept(page)['access']}")
    provider.ended = True
    search(page, "boat")
    expect(page.get_by_role("heading", name="Your sign-in has ended")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Sign in again")

    page.get_by_role("button", name="Sign in", exact=True).click()
    pass_provider(page)

    expect_first(page, best(fake, text="boat"))
    expect(page).to_have_url(f"{fake.url}/?q=boat")


@pytest.mark.parametrize(
    ("address", "selector", "count"), [("/", ".suggestion.loaded", 6), ("/?q=kite", ".tile", 30)]
)
def test_a_refused_sign_in_says_why_and_can_be_repeated(
    fake, provider, open_signed_in, address, selector, count
):
    provider.refuses = True
    page = open_signed_in(f"{fake.url}{address}")

    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.locator("#message-detail")).to_have_text("User is not confirmed.")
    expect(page).to_have_url(f"{fake.url}{address}")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    provider.refuses = False
    page.get_by_role("button", name="Sign in", exact=True).click()
    pass_provider(page)

    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    expect(page.locator(selector)).to_have_count(count)


def test_a_sign_in_that_another_began_is_not_taken(fake, provider, open_page):
    page = open_page(f"{fake.url}/?code=of-somebody&state=of-somebody")

    expect(page.get_by_role("heading", name="The sign-in could not be finished")).to_be_visible()
    expect(page).to_have_url(f"{fake.url}/")
    assert provider.granted == []
    assert fake.authorizations == [""] * len(fake.authorizations)


def test_a_code_without_its_verifier_is_worth_nothing(fake, provider, open_page):
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.get_by_role("heading", name="Cognito")).to_be_visible()
    (asked,) = provider.codes.values()
    asked["code_challenge"] = "of another verifier"
    pass_provider(page)

    expect(page.get_by_role("heading", name="The sign-in failed")).to_be_visible()
    expect(page.locator("#message-detail")).to_have_text("invalid_grant")
    assert kept(page) is None


def test_signing_out_ends_it_here_and_there_and_begins_no_new_one(fake, provider, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert kept(page) is None
    assert provider.revoked == ["refresh"]
    calls = len(fake.authorizations)
    search(page, "boat")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    assert len(fake.authorizations) == calls
    page.get_by_role("button", name="Sign in", exact=True).click()
    pass_provider(page)
    expect_first(page, best(fake, text="boat"))


@pytest.mark.parametrize("status", [500, 429])
def test_a_service_that_fails_to_renew_can_be_asked_again(fake, provider, open_signed_in, status):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    fake.accepts.discard(f"Bearer {kept(page)['access']}")
    provider.failing_with = status
    search(page, "boat")
    expect(page.get_by_role("heading", name="The sign-in failed")).to_be_visible()
    expect(page.locator("#message-detail")).to_contain_text(f"status {status}")

    provider.failing_with = 0
    page.get_by_role("button", name="Try again").click()

    expect_first(page, best(fake, text="boat"))


def test_a_service_that_is_away_can_be_asked_again(fake, provider, open_signed_in):
    page = open_signed_in(f"{fake.url}/?q=kite")
    expect(page.locator(".tile")).to_have_count(30)
    fake.accepts.discard(f"Bearer {kept(page)['access']}")
    page.route(f"https://{HOST}/**", lambda route: route.abort())
    search(page, "boat")
    expect(page.get_by_role("heading", name="sign-in service cannot be reached")).to_be_visible()

    page.unroute(f"https://{HOST}/**")
    page.get_by_role("button", name="Try again").click()

    expect_first(page, best(fake, text="boat"))


@pytest.mark.parametrize(
    "config",
    [
        b"<h1>not JSON</h1>",
        b'{"auth": "key"}',
        b'{"auth": "jwt", "authority": "http://example.com", "client_id": "x"}',
        b'{"auth": "jwt", "authority": "https://example.com"}',
        b"null",
    ],
)
def test_a_config_that_says_no_known_way_is_told(fake, open_page, config):
    fake.config = config
    page = open_page(f"{fake.url}/?q=kite")
    expect(page.get_by_role("heading", name="The page cannot be set up")).to_be_visible()
    assert fake.authorizations == []

    fake.config = b'{"auth": "none"}'
    page.get_by_role("button", name="Try again").click()

    expect_first(page, best(fake, text="kite"))


@pytest.mark.parametrize("config", [None, b'{"auth": "none"}'])
def test_a_site_that_asks_for_no_sign_in_has_none(fake, open_page, config):
    fake.config = config
    page = open_page(f"{fake.url}/?q=kite")

    expect_first(page, best(fake, text="kite"))
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    assert set(fake.authorizations) == {""}
    assert not re.search("photo-search", page.evaluate("JSON.stringify({...sessionStorage})"))
