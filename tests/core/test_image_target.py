from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photo_search.errors import ImageUrlRefused
from photo_search.image_target import MAX_URL_CHARACTERS, ImageTarget

HTTPS = {"https": 443}
BOTH = {"https": 443, "http": 80}

REFUSED = [
    "",
    "photo.jpg",
    "/etc/passwd",
    "file:///etc/passwd",
    "http://images.example.com/a.jpg",
    "ftp://images.example.com/a.jpg",
    "gopher://images.example.com/",
    "data:image/png;base64,AAAA",
    "s3://bucket/key",
    "javascript:alert(1)",
    "https:",
    "https://",
    "https:///a.jpg",
    "https:images.example.com",
    "https://localhost/",
    "https://LOCALHOST./",
    "https://intranet/",
    "https://2130706433/",
    "https://0x7f000001/",
    "https://0x7f.1/",
    "https://0177.0.0.1/",
    "https://127.1/",
    "https://127.0.0.1.5/",
    "https://1.2.3.0x4/",
    "https://[::1/",
    "https://[not-an-address]/",
    "https://user@images.example.com/",
    "https://user:pw@example.com/",
    "https://@example.com/",
    "https://images.example.com:80/",
    "https://images.example.com:8443/",
    "https://images.example.com:0/",
    "https://images.example.com:99999/",
    "https://images.example.com:port/",
    "https://images..example.com/",
    "https://.example.com/",
    "https://%31%32%37.0.0.1/",
    "https://exa mple.com/",
    "https://example.com/a b.jpg",
    "https://example.com\\@127.0.0.1/",
    "https://example.com/\r\nHost: 127.0.0.1",
    "https://example.com/\x00",
    "https://example.com/\ud800",
    "https://\ud800.com/",
    "https://example.com\uff0f.evil.com/",
    f"https://{'a' * 64}.com/",
    "https://\u00e9" + "a" * 70 + ".com/",
    "https://example.com/" + "a" * MAX_URL_CHARACTERS,
]


@pytest.mark.parametrize("url", REFUSED)
def test_a_url_of_another_form_is_refused(url):
    with pytest.raises(ImageUrlRefused, match=r"^image_url"):
        ImageTarget.parse(url, base="", ports=HTTPS)


def test_http_is_allowed_only_with_its_port():
    assert ImageTarget.parse("http://example.com/", base="", ports=BOTH).port == 80

    with pytest.raises(ImageUrlRefused, match="only 80 is allowed"):
        ImageTarget.parse("http://example.com:443/", base="", ports=BOTH)


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://example.com", "example.com", "/"),
        ("  https://Example.COM:443/A/b.jpg\n", "example.com", "/A/b.jpg"),
        ("https://example.com./a", "example.com", "/a"),
        ("https://example.com/a%20b?w=1&fm=jpg#part", "example.com", "/a%20b?w=1&fm=jpg"),
        ("https://example.com?q=1", "example.com", "/?q=1"),
        (
            "https://example.com/caf\u00e9/\u5c71?x=\u00fc",
            "example.com",
            "/caf%C3%A9/%E5%B1%B1?x=%C3%BC",
        ),
        ("https://b\u00fccher.example/", "xn--bcher-kva.example", "/"),
        ("https://\uff45xample\u3002com/", "example.com", "/"),
        ("https://a_b-c.example.com/", "a_b-c.example.com", "/"),
    ],
)
def test_an_ordinary_url_is_read(url, host, path):
    target = ImageTarget.parse(url, base="", ports=HTTPS)

    assert (target.scheme, target.host, target.port, target.path) == ("https", host, 443, path)
    assert target.address is None


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://127.0.0.1/", "127.0.0.1"),
        ("https://[::1]/", "::1"),
        ("https://[::ffff:10.0.0.1]/", "::ffff:a00:1"),
        ("https://\uff11\uff12\uff17.0.0.1/", "127.0.0.1"),
        ("https://127\u30020\u30020\u30021/", "127.0.0.1"),
    ],
)
def test_an_address_in_the_url_is_seen_as_one(url, address):
    assert str(ImageTarget.parse(url, base="", ports=HTTPS).address) == address


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("b.jpg", "https://example.com/photos/b.jpg"),
        ("/b.jpg", "https://example.com/b.jpg"),
        ("//other.example/b.jpg", "https://other.example/b.jpg"),
        ("https://other.example/b.jpg", "https://other.example/b.jpg"),
    ],
)
def test_a_redirect_may_be_relative(location, url):
    base = "https://example.com/photos/a.jpg"

    assert ImageTarget.parse(location, base=base, ports=HTTPS).url == url


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text):
    for url in (text, f"https://{text}", f"https://example.com/{text}"):
        try:
            target = ImageTarget.parse(url, base="", ports=HTTPS)
        except ImageUrlRefused:
            continue

        assert target.host.isascii()
        assert target.path.isascii()
        assert target.path.isprintable()
        assert " " not in target.path
