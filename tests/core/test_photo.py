from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from photo_search.photo import Orientation, Photo, Source


def unsplash(**facts):
    return Photo(
        "abc-_123",
        4000,
        3000,
        source=Source.UNSPLASH,
        original_url="https://images.unsplash.com/photo-1?ixid=7",
        **facts,
    )


@pytest.mark.parametrize(
    ("width", "height", "orientation"),
    [
        (300, 200, Orientation.LANDSCAPE),
        (200, 300, Orientation.PORTRAIT),
        (200, 200, Orientation.SQUARE),
        (1000, 960, Orientation.SQUARE),
        (1000, 940, Orientation.LANDSCAPE),
    ],
)
def test_orientation_follows_the_sides(width, height, orientation):
    assert Photo("x", width, height).orientation is orientation


def test_unsplash_credit_has_its_wording_and_referral_links():
    credit = unsplash(photographer="Ann Lee", photographer_username="annlee").attribution

    assert credit.text == "Photo by Ann Lee on Unsplash"
    assert 'href="https://unsplash.com/@annlee?utm_source=' in credit.html
    assert "utm_medium=referral" in credit.html


def test_unsplash_credit_falls_back_on_the_user_name():
    assert (
        unsplash(photographer_username="annlee").attribution.text == "Photo by annlee on Unsplash"
    )


def test_names_are_escaped_in_html():
    credit = unsplash(photographer="<b>&", photographer_username='"><script>').attribution

    assert "<b>" not in credit.html
    assert "<script>" not in credit.html


def test_own_photos_are_credited_by_what_is_known():
    assert (
        Photo("x", 1, 1, photographer="Ann", licence="CC0").attribution.text == "Photo by Ann, CC0"
    )
    assert Photo("x", 1, 1).attribution.text == ""


def test_an_unsplash_thumbnail_is_hotlinked_and_keeps_the_url_s_own_parameters():
    parameters = parse_qs(urlsplit(unsplash().thumbnail_url).query)

    assert parameters == {"ixid": ["7"], "w": ["512"], "q": ["80"], "fm": ["jpg"]}


def test_own_photos_are_shown_from_the_site_itself():
    photo = Photo("a b/ü", 1, 1)

    assert photo.thumbnail_url == "/thumbs/a%20b%2F%C3%BC"
    assert photo.image_url == "/originals/a%20b%2F%C3%BC"
