"""What some objects of a bucket are now: photos with their embeddings, gone, or no pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ingest.decode import DecodedPhoto, DecodeJob, DecodeSettings, decode
from ingest.encoder_thread import Batch, encoded_rows
from ingest.failure import Failure, Reason
from ingest.shards import ShardRow
from ingest.sources import SourcePhoto
from ingest.sources.bucket import BucketSource
from ingest.sources.captions import Caption, path_key
from ingest.sources.folder import CAPTIONS_NAME
from ingest.thumbnails import Thumbnails
from photo_search.encoder import Encoder
from photo_search.errors import IndexUnavailable
from photo_search.image_limits import INGEST_LIMITS


@dataclass(slots=True)
class Delta:
    """What some objects are.

    Attributes:
        rows: Photos.
        gone: photo_ids of objects that are not there, or are no pictures.
        kept_out: photo_ids that an operator has removed; whatever the bucket holds, they stay out.
        failures: Why objects are no pictures, or are left to the job.
    """

    rows: list[ShardRow] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    kept_out: list[str] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def versions(self) -> dict[str, str | None]:
        """What the shards shall say: version by photo_id, None for one that is gone."""
        present = {row.embedded.photo.photo_id: row.version for row in self.rows}
        return dict.fromkeys(self.gone) | present

    @property
    def photo_ids(self) -> set[str]:
        """Every photo that it is about."""
        return {*self.versions, *self.kept_out}


class PhotoLook:
    """Looks at objects."""

    def __init__(self, source: BucketSource, thumbnails: Thumbnails, encoder: Encoder) -> None:
        """Join the parts.

        Args:
            source: Which objects are photos.
            thumbnails: Where the decoder leaves them; they are not yet kept.
            encoder: Embeds the photos.
        """
        self._source = source
        self._settings = DecodeSettings(encoder.bundle.image, thumbnails.directory)
        self._encoder = encoder
        self._captions: dict[str, Caption] = {}
        self._captions_etag: str | None = None

    def look(self, paths: Sequence[str], removed: Collection[str]) -> Delta:
        """Look at some pictures.

        Args:
            paths: Theirs, below the source's prefix, each once.
            removed: photo_ids that stay out.

        Raises:
            IndexUnavailable: S3 does not answer, or this machine fails.
            ModelError: The model gives no embedding.
        """
        delta = Delta()
        decoded: list[DecodedPhoto] = []
        repeated = self._refresh_captions()
        for path in paths:
            caption = self._captions.get(path_key(path))
            expected = self._source.photo(path, "", caption)
            photo_id = expected.photo.photo_id
            if photo_id in removed:
                delta.kept_out.append(photo_id)
            elif photo_id in repeated:
                detail = f"{CAPTIONS_NAME} gives several photos the id {photo_id}; the job decides"
                delta.failures.append(expected.failure(Reason.REPEATED_ID, detail))
            else:
                found = self._decoded(path, caption)
                if isinstance(found, DecodedPhoto):
                    decoded.append(found)
                    continue
                delta.gone.append(photo_id)
                if found is not None:
                    delta.failures.append(found)
        delta.rows = encoded_rows(self._encoder, Batch.of(decoded)) if decoded else []
        return delta

    def _refresh_captions(self) -> set[str]:
        """Read the captions where they have changed; ids that several rows claim."""
        there = self._source.s3.head(self._source.place.object(CAPTIONS_NAME))
        etag = "" if there is None else there.etag
        if etag != self._captions_etag:
            self._captions, _ = self._source.read_captions()
            self._captions_etag = etag
        claimed = Counter(one.photo_id for one in self._captions.values() if one.photo_id)
        return {photo_id for photo_id, rows in claimed.items() if rows > 1}

    def _decoded(self, path: str, caption: Caption | None) -> DecodedPhoto | Failure | None:
        """One object decoded; None when it is not there."""
        place, limit = self._source.place.object(path), INGEST_LIMITS.size_bytes
        content = self._source.s3.get(place, most_bytes=limit)
        if content is None:
            return None
        photo: SourcePhoto = self._source.photo(path, content.etag, caption)
        if content.size_bytes > limit:
            detail = f"{place} has {content.size_bytes} bytes; the limit is {limit}"
            return photo.failure(Reason.TOO_LARGE, detail)
        found = decode(DecodeJob(photo, content.data), self._settings)
        if isinstance(found, Failure) and found.reason is Reason.UNREADABLE:
            # Its bytes are here: what failed is this machine, and the photo must not suffer for it.
            msg = f"{place} is not decoded: {found.detail}"
            raise IndexUnavailable(msg)
        return found
