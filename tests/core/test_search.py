from __future__ import annotations

import io
import math
from base64 import b64encode
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from photo_search.encoder import Encoder
from photo_search.errors import ImageUrlRefused, IndexNotFound, InvalidQuery, PhotoNotFound
from photo_search.images import decode_image
from photo_search.index import EmbeddedPhoto, Facet, FacetCount, Filters, create_index
from photo_search.photo import Colour, Orientation, Photo
from photo_search.preprocess import preprocess
from photo_search.search import (
    ANSWER_WITHIN_S,
    SEARCH_WITHIN_S,
    PhotoSearch,
    open_photo_search,
)
from photo_search.search_request import MAX_TEXT_CHARACTERS, Mode, Part, SearchRequest
from photo_search.settings import IndexAccess, Settings
from tests.core.index.memory_index import MemoryIndex
from tests.core.raw_server import RawServer, response, sends
from tests.tiny_bundle import DIMENSION

COLOURS = {
    "red": (255, 0, 0),
    "green": (0, 255, 0),
    "blue": (0, 0, 255),
    "purple": (255, 0, 255),
    "dark-red": (120, 0, 0),
}


def picture(rgb, *, size=(32, 24)):
    file = io.BytesIO()
    Image.new("RGB", size, rgb).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def search(tiny_bundle):
    encoder = Encoder(tiny_bundle, threads=1)
    index = MemoryIndex(tiny_bundle.fingerprint, DIMENSION)
    searching = PhotoSearch(
        encoder, index, download_image=lambda url: picture(COLOURS[url.rsplit("/", 1)[1]])
    )
    index.upsert(
        [
            EmbeddedPhoto(
                Photo(
                    name,
                    *((20, 10) if name == "blue" else (10, 20)),
                    description=f"a {name} wall",
                    colours=(Colour.RED, Colour.BROWN) if name.endswith("red") else (),
                    country="Norway" if name == "blue" else "",
                ),
                searching._embed_image(picture(rgb)),
            )
            for name, rgb in COLOURS.items()
        ]
    )
    return searching


def found(result):
    return [hit.photo.photo_id for hit in result.hits]


def test_words_find_the_picture_they_describe(search):
    assert found(search.search(SearchRequest(text="green")))[0] == "green"


def test_a_picture_finds_itself_first(search):
    result = search.search(SearchRequest(image=picture(COLOURS["purple"])))

    assert found(result)[0] == "purple"
    assert result.hits[0].cosine == pytest.approx(1, abs=1e-3)


def test_an_image_url_is_downloaded_and_searched(search):
    assert found(search.search(SearchRequest(image_url="https://x.example/blue")))[0] == "blue"


def test_more_like_this_leaves_the_photo_itself_out(search):
    ids = found(search.search(SearchRequest(photo_id="red")))

    assert "red" not in ids
    assert ids[0] == "dark-red"


def test_words_and_a_picture_combine(search):
    result = search.search(SearchRequest(text="blue", image=picture(COLOURS["red"])))

    assert found(result)[0] == "purple"


def test_a_negative_weight_leads_away(search):
    request = SearchRequest(image=picture(COLOURS["purple"]), text="red", weights={Part.TEXT: -0.8})

    assert found(search.search(request))[0] == "blue"


def test_a_heavier_part_counts_more(search):
    def first(weight):
        request = SearchRequest(
            text="green", image=picture(COLOURS["red"]), weights={Part.TEXT: weight}
        )
        return found(search.search(request))[0]

    assert first(5.0) == "green"
    assert first(0.2) == "red"


def test_pages_follow_each_other_without_gap_or_repeat(search):
    whole = found(search.search(SearchRequest(text="red", k=5)))
    pages = []
    offset: int | None = 0
    while offset is not None:
        page = search.search(SearchRequest(text="red", k=2, offset=offset))
        pages += found(page)
        offset = page.next_offset

    assert pages == whole
    assert len(pages) == len(COLOURS)


def test_filters_bind_every_hit(search):
    request = SearchRequest(text="red", filters=Filters(orientation=Orientation.LANDSCAPE))

    assert found(search.search(request)) == ["blue"]


def test_min_cosine_leaves_worse_hits_out(search):
    request = SearchRequest(image=picture(COLOURS["red"]), min_cosine=0.95)

    assert found(search.search(request)) == ["red"]


def test_keyword_mode_matches_words_and_has_no_cosine(search):
    result = search.search(SearchRequest(text="purple", mode=Mode.KEYWORD))

    assert found(result) == ["purple"]
    assert result.hits[0].cosine is None


def test_hybrid_mode_puts_a_photo_ahead_that_is_found_by_its_words_too(search):
    request = SearchRequest(text="blue wall", image=picture(COLOURS["red"]))

    by_meaning = search.search(request)
    by_both = search.search(replace(request, mode=Mode.HYBRID))

    assert found(by_meaning)[0] == "purple"
    assert found(by_both)[0] == "blue"
    assert by_both.hits[0].score > by_both.hits[1].score
    assert by_both.hits[0].cosine is not None


def test_hybrid_mode_leaves_the_photo_to_resemble_out(search):
    ids = found(search.search(SearchRequest(text="red wall", photo_id="red", mode=Mode.HYBRID)))

    assert ids[0] == "dark-red"
    assert sorted(ids) == sorted(set(COLOURS) - {"red"})


def test_hybrid_mode_filters_and_pages_as_the_others_do(search):
    request = SearchRequest(text="wall", mode=Mode.HYBRID, k=2, offset=2)
    filtered = replace(request, offset=0, filters=Filters(orientation=Orientation.LANDSCAPE))

    assert search.search(request).next_offset == 4
    assert found(search.search(filtered)) == ["blue"]


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_counts_the_facets_asked_for_in_their_order(search, mode):
    facets = (Facet.ORIENTATION, Facet.COLOUR, Facet.COUNTRY, Facet.CAMERA)
    request = SearchRequest(text="wall", mode=mode, k=1, facets=facets)

    counted = search.search(request).facets

    assert tuple(counted) == facets
    assert counted[Facet.ORIENTATION] == (FacetCount("portrait", 4), FacetCount("landscape", 1))
    assert counted[Facet.COLOUR] == (FacetCount("brown", 2), FacetCount("red", 2))
    assert counted[Facet.COUNTRY] == (FacetCount("Norway", 1),)
    assert counted[Facet.CAMERA] == ()


def test_nothing_is_counted_unless_it_is_asked_for(search):
    assert search.search(SearchRequest(text="wall")).facets == {}


class Deadlines(MemoryIndex):
    """Remembers how long it was given."""

    given_s: float | None = None

    def knn(self, query):
        self.given_s = query.timeout_s
        return super().knn(query)

    def match_text(self, query):
        self.given_s = query.timeout_s
        return super().match_text(query)

    def hybrid(self, query):
        self.given_s = query.timeout_s
        return super().hybrid(query)


@pytest.mark.parametrize(
    ("encode_s", "left_s"),
    [
        (0.02, SEARCH_WITHIN_S),
        (ANSWER_WITHIN_S - SEARCH_WITHIN_S, SEARCH_WITHIN_S),
        (ANSWER_WITHIN_S - 4, 4),
        (ANSWER_WITHIN_S - 0.5, 1),
        (ANSWER_WITHIN_S + 60, 1),
    ],
)
def test_the_index_gets_what_encoding_left_of_the_time_but_never_nothing(
    tiny_bundle, encode_s, left_s
):
    now_s = 100.0

    def slow_download(url):
        nonlocal now_s
        now_s += encode_s
        return picture(COLOURS["red"])

    index = Deadlines(tiny_bundle.fingerprint, DIMENSION)
    encoder = Encoder(tiny_bundle, threads=1)
    slow = PhotoSearch(encoder, index, download_image=slow_download, clock=lambda: now_s)

    slow.search(SearchRequest(image_url="https://x.example/red"))

    assert index.given_s == pytest.approx(left_s)


@pytest.mark.parametrize("mode", Mode)
def test_every_mode_has_a_deadline(tiny_bundle, mode):
    index = Deadlines(tiny_bundle.fingerprint, DIMENSION)

    PhotoSearch(Encoder(tiny_bundle, threads=1), index).search(SearchRequest("red", mode=mode))

    assert index.given_s == SEARCH_WITHIN_S


def test_the_time_is_split_into_encode_and_search(search):
    took_ms = search.search(SearchRequest(text="red")).took_ms

    assert took_ms.encode > 0
    assert took_ms.search > 0
    assert took_ms.total == pytest.approx(took_ms.encode + took_ms.search)


def test_a_cut_text_is_reported(search):
    assert search.search(SearchRequest(text="red " * 20)).truncated


@pytest.mark.parametrize(
    ("request_", "names"),
    [
        (SearchRequest(), "empty"),
        (SearchRequest(text=""), "text"),
        (SearchRequest(text=" \n\t"), "text"),
        (SearchRequest(text="x" * (MAX_TEXT_CHARACTERS + 1)), "1001.*1000"),
        (SearchRequest(text="a\ud800b"), "surrogate"),
        (SearchRequest(text="red", k=0), "k is 0"),
        (SearchRequest(text="red", k=101), "k is 101"),
        (SearchRequest(text="red", offset=-1), "offset"),
        (SearchRequest(text="red", offset=981), "0 to 980"),
        (SearchRequest(text="red", min_cosine=1.5), "min_cosine"),
        (SearchRequest(text="red", weights={Part.TEXT: 0.0}), "weights.text"),
        (SearchRequest(text="red", weights={Part.TEXT: math.nan}), "weights.text"),
        (SearchRequest(text="red", weights={Part.IMAGE: 1.0}), "image"),
        (SearchRequest(photo_id="red", mode=Mode.KEYWORD), "keyword"),
        (SearchRequest(text="red", mode=Mode.KEYWORD, min_cosine=0.5), "min_cosine"),
        (SearchRequest(text="red", mode=Mode.HYBRID, min_cosine=0.5), "min_cosine.*hybrid"),
        (SearchRequest(photo_id="red", mode=Mode.HYBRID), "hybrid needs text"),
        (SearchRequest("red", mode=Mode.HYBRID, weights={Part.TEXT: -1.0}), "weights.text"),
        (SearchRequest("red", facets=(Facet.COLOUR, Facet.COLOUR)), "facets.*colour 2 times"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_with_its_reason(search, request_, names):
    with pytest.raises(InvalidQuery, match=names):
        search.search(request_)


def test_an_unknown_photo_id_is_not_found(search):
    with pytest.raises(PhotoNotFound, match="nobody"):
        search.search(SearchRequest(photo_id="nobody"))
    with pytest.raises(PhotoNotFound, match="nobody"):
        search.photo("nobody")


def test_an_unknown_photo_id_is_told_before_anything_is_downloaded(search):
    def download(url):
        pytest.fail(f"{url} was downloaded")

    watched = PhotoSearch(search.encoder, search.index, download_image=download)

    with pytest.raises(PhotoNotFound, match="nobody"):
        watched.search(SearchRequest(photo_id="nobody", image_url="https://x.example/blue"))


def test_an_image_url_is_refused_where_downloads_are_switched_off(search):
    closed = PhotoSearch(search.encoder, search.index)

    with pytest.raises(ImageUrlRefused, match="image_url"):
        closed.search(SearchRequest(image_url="https://x.example/blue"))


def test_opposite_parts_of_equal_weight_are_refused_not_answered_at_random(search):
    request = SearchRequest(
        image=picture(COLOURS["red"]), photo_id="red", weights={Part.PHOTO_ID: -1.0}
    )

    with pytest.raises(InvalidQuery, match="cancel"):
        search.search(request)


def test_opposite_parts_are_refused_with_the_demo_model_s_rounding_too(demo_bundle):
    index = MemoryIndex(demo_bundle.fingerprint, demo_bundle.dimension)
    searching = PhotoSearch(Encoder(demo_bundle, threads=1), index)
    size = demo_bundle.image.size
    pictures = {name: picture(rgb, size=(size, size)) for name, rgb in COLOURS.items()}
    prepared = [preprocess(decode_image(p).image, demo_bundle.image) for p in pictures.values()]
    batch = searching.encoder.encode_image(np.stack(prepared))
    index.upsert(
        [EmbeddedPhoto(Photo(name, 1, 1), row) for name, row in zip(pictures, batch, strict=True)]
    )

    for name, data in pictures.items():
        request = SearchRequest(image=data, photo_id=name, weights={Part.PHOTO_ID: -1.0})
        with pytest.raises(InvalidQuery, match="cancel"):
            searching.search(request)


def test_one_part_may_have_any_weight(search):
    light = search.search(SearchRequest(text="red", weights={Part.TEXT: 1e-3}))

    assert found(light) == found(search.search(SearchRequest(text="red")))


def test_a_ready_search_is_composed_from_settings(tmp_path, tiny_bundle, tiny_bundle_dir, search):
    url = f"sqlite:///{tmp_path}/photos.db"
    index = create_index(url, fingerprint=tiny_bundle.fingerprint, dimension=DIMENSION)
    index.upsert([search.index.get(name) for name in COLOURS])
    index.close()

    composed = open_photo_search(Settings(model_dir=tiny_bundle_dir, index_url=url))

    assert found(composed.search(SearchRequest(text="blue")))[0] == "blue"
    assert composed.photo("red").description == "a red wall"
    stored = composed.index.get("red")
    assert stored is not None
    assert np.isclose(np.linalg.norm(stored.embedding), 1, atol=1e-3)


@pytest.fixture
def settings(tmp_path, tiny_bundle, tiny_bundle_dir):
    url = f"sqlite:///{tmp_path}/photos.db"
    create_index(url, fingerprint=tiny_bundle.fingerprint, dimension=DIMENSION).close()
    return Settings(model_dir=tiny_bundle_dir, index_url=url)


def test_plain_http_is_downloaded_from_only_where_settings_allow_it(settings):
    request = SearchRequest(image_url="http://127.0.0.1/")

    with pytest.raises(ImageUrlRefused, match=r"begin with https://$"):
        open_photo_search(settings).search(request)
    with pytest.raises(ImageUrlRefused, match="not public"):
        open_photo_search(replace(settings, allow_http_image_url=True)).search(request)
    with pytest.raises(ImageUrlRefused, match="switched off"):
        open_photo_search(replace(settings, allow_image_url=False)).search(request)


def test_the_encoder_gets_the_threads_of_the_settings(settings):
    composed = open_photo_search(replace(settings, encoder_threads=5))

    assert composed.encoder.threads == 5


def test_a_server_that_holds_the_index_is_reached_with_the_settings_credentials(tiny_bundle_dir):
    access = IndexAccess(auth="basic", user="reader", password="open sesame")

    nothing = response(b"{}", status="404 Not Found", content_type="application/json")

    with RawServer(sends(nothing)) as server:
        url = f"http://127.0.0.1:{server.port}/photos"
        settings = Settings(model_dir=tiny_bundle_dir, index_url=url, index_access=access)
        with pytest.raises(IndexNotFound):
            open_photo_search(settings)

    basic = b64encode(b"reader:open sesame").decode()
    assert f"\r\nauthorization: basic {basic}\r\n".lower() in server.requests[0].lower()
