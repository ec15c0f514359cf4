from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from http_api.multipart import FormPart, parse_multipart
from photo_search.errors import InvalidQuery

TYPE = 'multipart/form-data; boundary="b b"'


def body(*lines):
    return "\r\n".join(lines).encode(errors="replace")


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


def test_fields_that_nothing_was_put_into_are_left_out():
    form = body(
        "--b b",
        'Content-Disposition: form-data; name="text"',
        "",
        "",
        "--b b",
        'Content-Disposition: form-data; name="image"; filename=""',
        "Content-Type: application/octet-stream",
        "",
        "",
        "--b b--",
    )

    assert parse_multipart(form, TYPE) == []


def test_a_chosen_file_without_content_is_not_left_out():
    form = body(
        "--b b",
        'Content-Disposition: form-data; name="image"; filename="a.jpg"',
        "",
        "",
        "--b b--",
    )

    assert parse_multipart(form, TYPE) == [FormPart("image", is_file=True, content=b"")]


@given(st.text(st.one_of(st.sampled_from("name*0=;'\"% boundary"), st.characters()), max_size=40))
@example("; name*=;name*0")
def test_any_header_gives_fields_or_a_refusal(parameters):
    form = body("--b b", f"Content-Disposition: form-data{parameters}", "", "x", "--b b--")
    for content_type in (TYPE, f"multipart/form-data{parameters}"):
        try:
            parse_multipart(form, content_type)
        except InvalidQuery:
            continue


@given(st.binary(max_size=300), st.text(max_size=40))
def test_any_bytes_give_fields_or_a_refusal(form, content_type):
    for header in (TYPE, content_type):
        try:
            parse_multipart(form, header)
        except InvalidQuery:
            continue
