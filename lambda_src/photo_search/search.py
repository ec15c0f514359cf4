"""The use case: a SearchRequest in, a SearchResult out. Knows nothing of HTTP or engines."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.device import choose_device, require_precision
from photo_search.encoder import Encoder
from photo_search.errors import ImageUrlRefused, InvalidQuery, PhotoNotFound
from photo_search.index import (
    WINDOW,
    FacetCounts,
    Hit,
    HitPage,
    HybridQuery,
    KnnQuery,
    PhotoIndex,
    TextQuery,
    open_index,
)
from photo_search.model_bundle import read_model_bundle
from photo_search.photo import Photo
from photo_search.search_request import Mode, Part, SearchRequest, check_request
from photo_search.settings import Settings
from photo_search.unit_norm import normalised

# Below this share of the weights, what their sum leaves is noise: an int8 tower's embedding of one
# picture moves by up to 0.02 with the batch that it is encoded in (measured on the demo model).
_CANCELLED_SHARE = 0.03

ANSWER_WITHIN_S = 25.0
"""One answer's time. API Gateway cuts at 30 s:
https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""
SEARCH_WITHIN_S = 10.0
"""What the index gets of it at most."""
_SEARCH_AT_LEAST_S = 1.0


@dataclass(frozen=True, slots=True)
class TookMs:
    """Where the time went, in milliseconds.

    ``encode`` includes decoding, downloading and looking the photo_id up.
    """

    encode: float
    search: float
    total: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of hits.

    Attributes:
        hits: Best first.
        next_offset: Offset of the page that follows; None at the end.
        facets: Counts of what was asked for, in that order: over the ranked window, in mode
            KEYWORD over everything that matches.
        took_ms: Where the time went.
        truncated: Whether the text was longer than the model reads.
    """

    hits: tuple[Hit, ...]
    next_offset: int | None
    facets: FacetCounts
    took_ms: TookMs
    truncated: bool


class PhotoSearch:
    """A model and an index of the same embedding space, ready to answer. Safe in threads."""

    def __init__(
        self,
        encoder: Encoder,
        index: PhotoIndex,
        *,
        download_image: Callable[[str], bytes] | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Join the parts.

        Args:
            encoder: Embeds queries.
            index: Answers them.
            download_image: Fetches the bytes behind an ``image_url``; None refuses every URL.
            clock: Seconds from some moment on.
        """
        self.encoder = encoder
        self.index = index
        self._download_image = download_image
        self._clock = clock

    def search(self, request: SearchRequest) -> SearchResult:
        """Answer one request.

        Raises:
            RequestError: The request cannot be answered as it is.
            ModelError: The model gave no embedding.
            PhotoIndexError: The index cannot answer.
        """
        check_request(request)
        start_s = self._clock()
        if request.mode is Mode.KEYWORD:
            embedding, truncated = None, False
        else:
            embedding, truncated = self._embed(request)
        encoded_s = self._clock()
        page = self._ask_index(request, embedding, timeout_s=_time_left_s(encoded_s - start_s))
        end_s = self._clock()
        next_offset = request.offset + len(page.hits)
        return SearchResult(
            hits=page.hits,
            next_offset=next_offset if page.has_more and next_offset < WINDOW else None,
            facets={facet: page.facets[facet] for facet in request.facets},
            took_ms=TookMs(
                encode=(encoded_s - start_s) * 1000,
                search=(end_s - encoded_s) * 1000,
                total=(end_s - start_s) * 1000,
            ),
            truncated=truncated,
        )

    def photo(self, photo_id: str) -> Photo:
        """Look one photo up.

        Raises:
            PhotoNotFound: No photo has this id.
        """
        found = self.index.get(photo_id)
        if found is None:
            msg = f"no photo has the id {photo_id!r}"
            raise PhotoNotFound(msg)
        return found.photo

    def _ask_index(
        self, request: SearchRequest, embedding: Float32Array | None, *, timeout_s: float
    ) -> HitPage:
        if embedding is None:
            return self.index.match_text(
                TextQuery(
                    request.text or "",
                    k=request.k,
                    offset=request.offset,
                    filters=request.filters,
                    facets=request.facets,
                    timeout_s=timeout_s,
                )
            )
        if request.mode is Mode.HYBRID:
            return self.index.hybrid(
                HybridQuery(
                    embedding=embedding,
                    text=request.text or "",
                    k=request.k,
                    offset=request.offset,
                    filters=request.filters,
                    excluded_photo_id=request.photo_id,
                    facets=request.facets,
                    timeout_s=timeout_s,
                )
            )
        return self.index.knn(
            KnnQuery(
                embedding=embedding,
                k=request.k,
                offset=request.offset,
                filters=request.filters,
                excluded_photo_id=request.photo_id,
                min_cosine=request.min_cosine,
                facets=request.facets,
                timeout_s=timeout_s,
            )
        )

    def _embed(self, request: SearchRequest) -> tuple[Float32Array, bool]:
        """Embed every part and combine them: ``(D,)``, and whether the text was cut."""
        parts: dict[Part, Float32Array] = {}
        truncated = False
        # Asked for first: an id that is unknown, or an index that is away, costs no encoding.
        if request.photo_id is not None:
            parts[Part.PHOTO_ID] = self._embedding_of(request.photo_id)
        if request.text is not None:
            embedded = self.encoder.encode_text([request.text])
            parts[Part.TEXT] = embedded.embedding[0]
            truncated = embedded.truncated[0]
        if request.image is not None:
            parts[Part.IMAGE] = self._embed_image(request.image)
        if request.image_url is not None:
            if self._download_image is None:
                msg = "image_url is switched off here; send the picture itself as image"
                raise ImageUrlRefused(msg)
            parts[Part.IMAGE_URL] = self._embed_image(self._download_image(request.image_url))
        return _combine(parts, request.weights), truncated

    def _embedding_of(self, photo_id: str) -> Float32Array:
        # One more request to an engine behind a network: its k-NN takes literal vectors alone.
        found = self.index.get(photo_id)
        if found is None:
            msg = f"photo_id: no photo has the id {photo_id!r}"
            raise PhotoNotFound(msg)
        return found.embedding

    def _embed_image(self, data: bytes) -> Float32Array:
        from photo_search.images import decode_image
        from photo_search.preprocess import preprocess

        spec = self.encoder.bundle.image
        decoded = decode_image(data, target_side_px=spec.size)
        embedding: Float32Array = self.encoder.encode_image(
            preprocess(decoded.image, spec)[np.newaxis]
        )[0]  # (D,)
        return embedding


def _combine(parts: dict[Part, Float32Array], weights: dict[Part, float]) -> Float32Array:
    """Weighted sum of the parts' embeddings, scaled to unit norm; ``(D,)``.

    Not centred by modality first: docs/decisions/0001-plain-sum-of-parts.md has the measurement.

    Raises:
        InvalidQuery: The parts cancel each other out, so that no direction is left.
    """
    weight = np.array([weights.get(part, 1.0) for part in parts], np.float32)  # (P,)
    total = weight @ np.stack(list(parts.values()))  # (D,)
    if np.linalg.norm(total) < _CANCELLED_SHARE * np.abs(weight).sum():
        msg = "the weighted parts cancel each other out; change a weight"
        raise InvalidQuery(msg)
    return normalised(total)


def _time_left_s(encode_s: float) -> float:
    """What encoding left of one answer's time, within what the index may have.

    At least a second: what is slow then is no fault of the index, which answers in milliseconds;
    refusing would throw the finished embedding away, and a laptop has nobody who cuts at 30 s.
    """
    return min(SEARCH_WITHIN_S, max(_SEARCH_AT_LEAST_S, ANSWER_WITHIN_S - encode_s))


def open_encoder(settings: Settings, *, spins: bool = True) -> Encoder:
    """The encoder that the settings name; the image tower's files are checked when it is loaded.

    Args:
        settings: Name bundle, device and threads.
        spins: As the encoder's; not where decoders work beside it.

    Raises:
        ModelError: The bundle is missing or altered, of another precision than asked for, or
            nothing that the device can run.
    """
    bundle = require_precision(
        read_model_bundle(settings.model_dir, towers_later=True), settings.precision
    )
    device = choose_device(settings.encoder_device, bundle)
    return Encoder(
        bundle,
        threads=settings.encoder_threads,
        device=device.name,
        device_reason=device.reason,
        spins=spins,
    )


def open_photo_search(settings: Settings, *, encoder: Encoder | None = None) -> PhotoSearch:
    """Compose settings, bundle, encoder and index into a ready search; the one place that does.

    Args:
        settings: What to open.
        encoder: One that is open already.

    Raises:
        SettingsError: A setting is malformed.
        ModelError: The bundle is missing or altered.
        PhotoIndexError: There is no index, or one of another embedding space.
    """
    encoder = encoder or open_encoder(settings)
    index = open_index(
        settings.index_url, fingerprint=encoder.bundle.fingerprint, access=settings.index_access
    )
    return PhotoSearch(encoder, index, download_image=_downloader(settings))


def _downloader(settings: Settings) -> Callable[[str], bytes] | None:
    if not settings.allow_image_url:
        return None

    def download(url: str) -> bytes:
        # Sockets and TLS are imported by the first image_url, not by the first text query.
        from photo_search.image_url import download_image

        return download_image(url, allow_http=settings.allow_http_image_url)

    return download
