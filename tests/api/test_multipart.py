from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from http_api.multipart import FormPart, parse_multipart
from photo_search.errors import InvalidQuery

TYPE = 'multipart/form-data; boundary="b b"'


def body(*lines):
    return "\r\n".join(lines).encode()


def test_a_form_is_split_into_its_fields():
    form = body(
        "preamble",
        "--b b",
        'Content-Disposition: form-data; name="text"',
        "",
        "red",
        "--b b  ",
        'CONTENT-DISPOSITION: form-data; name="image"; filename="a\\"b.jpg"',
        "Content-Type: image/jpeg",
        "",
        "\x01\r\n\r\n--b",
        "--b b--",
        "epilogue",
    )

    assert parse_multipart(form, TYPE) == [
        FormPart("text", is_file=False, content=b"red"),
        FormPart("image", is_file=True, content=b"\x01\r\n\r\n--b"),
    ]


def test_an_extended_file_name_makes_a_file():
    form = body(
        "--b b",
        "Content-Disposition: form-data; name=image; filename*=UTF-8''%E2%82%AC.jpg",
        "",
        "x",
        "--b b--",
    )

    assert parse_multipart(form, TYPE) == [FormPart("image", is_file=True, content=b"x")]


@pytest.mark.parametrize(
    "form",
    [
        b"",
        b"--b b",
        b"--b b--"[:-1],
        body("--b b", "Content-Disposition: form-data", "", "x", "--b b--"),
        body("--b b", 'Content-Disposition: inline; name="a"', "", "x", "--b b--"),
        body("--b b", "x", "--b b--"),
        body("--b b", "X: " + "y" * 5000, "", "x", "--b b--"),
        b"--b b\r\nContent-Disposition: \xff\r\n\r\nx\r\n--b b--",
    ],
)
def test_a_damaged_form_is_refused(form):
    with pytest.raises(InvalidQuery):
        parse_multipart(form, TYPE)


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_give_fields_or_a_refusal(form, content_type):
    for header in (TYPE, content_type):
        try:
            parse_multipart(form, header)
        except InvalidQuery:
            continue
