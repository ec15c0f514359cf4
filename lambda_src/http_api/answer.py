"""From the core's results to the JSON that clients read."""

from __future__ import annotations

from http_api.picture_urls import Pictures
from photo_search.model_bundle import ModelBundle
from photo_search.photo import Photo
from photo_search.search import SearchResult

Json = dict[str, object]


def search_answer(result: SearchResult, bundle: ModelBundle, pictures: Pictures) -> Json:
    """One page of hits, with where the time went and which model answered."""
    return {
        "hits": [
            {
                "photo_id": hit.photo.photo_id,
                "score": hit.score,
                "cosine": hit.cosine,
                **_picture(hit.photo, pictures),
            }
            for hit in result.hits
        ],
        "next": result.next_offset,
        "facets": {
            facet: [{"value": one.value, "count": one.count} for one in counts]
            for facet, counts in result.facets.items()
        },
        "took_ms": {
            "encode": round(result.took_ms.encode, 2),
            "search": round(result.took_ms.search, 2),
            "total": round(result.took_ms.total, 2),
        },
        "model": _model(bundle),
        "query": {"truncated": result.truncated},
    }


def photo_answer(photo: Photo, pictures: Pictures) -> Json:
    """Everything that is known of one photo."""
    return {
        "photo_id": photo.photo_id,
        **_picture(photo, pictures),
        "source": photo.source,
        "orientation": photo.orientation,
        "keywords": list(photo.keywords),
        "photographer": photo.photographer,
        "photographer_username": photo.photographer_username,
        "taken_at": photo.taken_at.isoformat() if photo.taken_at else None,
        "place": photo.place,
        "city": photo.city,
        "country": photo.country,
        "latitude": photo.latitude,
        "longitude": photo.longitude,
        "camera": photo.camera,
        "licence": photo.licence,
        "colours": list(photo.colours),
    }


def health_answer(bundle: ModelBundle, *, photos: int) -> Json:
    """Which model answers, and over how many photos."""
    return {
        "status": "ok",
        "photos": photos,
        "model": {**_model(bundle), "checkpoint": bundle.checkpoint},
    }


def _picture(photo: Photo, pictures: Pictures) -> Json:
    attribution = photo.attribution
    urls = pictures(photo)
    return {
        "width": photo.width,
        "height": photo.height,
        "blur_hash": photo.blur_hash,
        "description": photo.description,
        "path": photo.path,
        "image_url": urls.image,
        "thumbnail_url": urls.thumbnail,
        "page_url": photo.page_url,
        "attribution": {"text": attribution.text, "html": attribution.html},
    }


def _model(bundle: ModelBundle) -> Json:
    return {"fingerprint": bundle.fingerprint, "build": bundle.build}
