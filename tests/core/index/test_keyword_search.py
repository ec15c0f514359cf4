"""Which captions which words find: the golden list, the same for every engine."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from photo_search.index.protocol import PhotoIndex, TextQuery
from photo_search.index.words import LATIN_LETTERS, search_words
from photo_search.search_request import MAX_TEXT_CHARACTERS
from tests.core.index.samples import embedded, unit_rows

GOLDEN = json.loads(Path(__file__).parent.joinpath("golden/keyword_search.json").read_text("utf-8"))


def found(index: PhotoIndex, text: str) -> set[str]:
    return {hit.photo.photo_id for hit in index.match_text(TextQuery(text, k=100)).hits}


def test_words_find_exactly_the_captions_of_the_golden_list(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    index.upsert(
        [embedded(name, row, description=text) for name, text in GOLDEN["captions"].items()]
    )

    wrong = {
        query["text"]: (sorted(found(index, query["text"])), sorted(query["finds"]))
        for query in GOLDEN["queries"]
        if found(index, query["text"]) != set(query["finds"])
    }

    assert wrong == {}
    assert min(len(GOLDEN["captions"]), len(GOLDEN["queries"])) >= 40


@pytest.mark.parametrize(
    "field", ["description", "place", "city", "country", "photographer", "keywords"]
)
def test_the_same_spelling_is_found_in_every_field_that_words_look_at(
    index: PhotoIndex, field: str
) -> None:
    text = "The Running-Dogs of Tromsø_Süd"
    value = ("first", text) if field == "keywords" else text
    index.upsert([embedded("a", unit_rows(1)[0], **{field: value})])

    for query in ("running-dogs", "RUN", "dog", "tromso sud", "tromsø_süd", "dogs of tromso"):
        assert found(index, query) == {"a"}, query
    assert found(index, "dog-run") == set()


@pytest.mark.parametrize("field", ["camera", "path", "licence", "photographer_username"])
def test_other_fields_are_not_searched(index: PhotoIndex, field: str) -> None:
    index.upsert([embedded("a", unit_rows(1)[0], **{field: "needle"})])

    assert found(index, "needle") == set()


def test_words_in_plain_letters_are_forgotten_with_their_photo(index: PhotoIndex) -> None:
    row = unit_rows(1)[0]
    index.upsert([embedded("a", row, description="Tromsø"), embedded("b", row, city="Łódź")])
    index.upsert([embedded("a", row, description="Bergen")])
    index.delete(["b"])

    assert found(index, "tromso") == found(index, "lodz") == set()


def test_a_query_of_as_many_words_as_fit_is_answered(index: PhotoIndex) -> None:
    words = [chr(0x4E00 + number) for number in range(MAX_TEXT_CHARACTERS // 2)]
    row = unit_rows(1)[0]
    index.upsert([embedded("all", row, description=" ".join(words))])
    index.upsert([embedded("some", row, description=" ".join(words[1:]))])

    assert found(index, " ".join(words)) == {"all"}
    assert found(index, f"{words[1]} " * len(words)) == {"all", "some"}
    assert found(index, "-".join(words)) == {"all"}


def test_a_caption_without_blanks_is_stored_and_found(index: PhotoIndex) -> None:
    index.upsert([embedded("a", unit_rows(1)[0], description="x" * 30_000 + " end")])

    assert found(index, "end") == {"a"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The dog's ball", ("dog", "ball")),
        ("ANNA’S (best) 'photo'", ("ANNA", "best", "photo")),
        ("(the) end.", ("end",)),
        ("to be", ("to", "be")),
        ("it's", ("it",)),
        ("north-east -west", ("north-east", "west")),
        ("red red RED", ("red", "RED")),
        ("Ærø\0Straße", ("AEro", "Strasse")),
        ("e\u0301te\u0301", ("e\u0301te\u0301",)),
        ("... ! 🎈", ()),
    ],
)
def test_a_query_is_cut_into_telling_words(text: str, words: tuple[str, ...]) -> None:
    assert search_words(text) == words


def test_plain_letters_are_ascii() -> None:
    assert all(plain.isascii() and not letter.isascii() for letter, plain in LATIN_LETTERS.items())
