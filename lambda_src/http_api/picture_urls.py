"""Where the pictures of an answer are shown from: the site, Unsplash, or a private bucket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from photo_search.aws_credentials import AwsCredentialSource
from photo_search.photo import Photo, Source, thumbnail_name
from photo_search.s3_links import S3Links
from photo_search.settings import Settings

SHOWN_TYPES = {
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".jpe": "image/jpeg",
    ".jfif": "image/jpeg",
    ".png": "image/png",
    ".gif": "image/gif",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".bmp": "image/bmp",
}
"""What every current browser shows; the rest (TIFF, HEIC) is shown as its thumbnail."""


@dataclass(frozen=True, slots=True)
class PictureUrls:
    """Addresses of one photo's renditions."""

    image: str
    thumbnail: str


Pictures = Callable[[Photo], PictureUrls]


def pictures_of(settings: Settings, *, credentials: AwsCredentialSource | None = None) -> Pictures:
    """Choose where pictures are shown from.

    Unsplash's are always its own. One's own come from the site that serves the page, or, where the
    settings name buckets, by links that end after some time. An original that browsers do not
    show, or that lies nowhere, is shown as its thumbnail.

    Args:
        settings: Of the deployment.
        credentials: To sign links with; the usual places when left out.

    Raises:
        SettingsError: The settings name buckets and no region.
    """
    photos_url, thumbs_url = settings.photos_url, settings.thumbs_url
    if photos_url is None and thumbs_url is None:
        return _on_the_site
    links = S3Links(settings.index_access, credentials=credentials)

    def pictures(photo: Photo) -> PictureUrls:
        if photo.source is not Source.OWN:
            return _on_the_site(photo)
        thumbnail = photo.thumbnail_url
        if thumbs_url is not None:
            thumbnail = links.link(thumbs_url.object(thumbnail_name(photo.photo_id)))
        shown = PurePosixPath(photo.path).suffix.lower() in SHOWN_TYPES
        if photos_url is None or not shown:
            return PictureUrls(image=thumbnail, thumbnail=thumbnail)
        return PictureUrls(links.link(photos_url.object(photo.path)), thumbnail)

    return pictures


def _on_the_site(photo: Photo) -> PictureUrls:
    return PictureUrls(photo.image_url, photo.thumbnail_url)
