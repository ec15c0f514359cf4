"""Shards of one space into shards of a smaller or centred one, with the bundle that queries it.

The transform is fitted once, on all photos, and written with the new bundle; every later run, also
one after a kill, applies that same transform to what the new shards lack. The source is only read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ingest.atomic_file import make_directory
from ingest.moments import fit_transform, measure_moments
from ingest.shard_reader import ShardReader
from ingest.shard_table import ShardRow
from ingest.shards import ShardStore
from ingest.transformed_bundle import write_transformed_bundle
from ingest.writer_lock import writer_lock
from photo_search.arrays import Float32Array
from photo_search.errors import ModelError, SettingsError, SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import MANIFEST_NAME, ModelBundle, read_model_bundle
from photo_search.post_transform import PostTransform, transformed_fingerprint

# One shard written: some 20 MB in memory at 512 dimensions, and what a kill can lose.
_SHARD_PHOTOS = 8192


@dataclass(frozen=True, slots=True)
class TransformOutcome:
    """What a run did.

    Attributes:
        bundle: The one that queries the new shards.
        photos: How many the new shards hold.
        added: How many of those this run wrote.
        removed: How many this run took out, since they are gone from the source.
    """

    bundle: ModelBundle
    photos: int
    added: int
    removed: int


def transform_shards(
    source: Path,
    bundle: ModelBundle,
    out_shards: Path,
    out_bundle: Path,
    *,
    dimension: int | None,
    centre: bool,
) -> TransformOutcome:
    """Fit a transform to a collection, or go on with the one already there, and apply it.

    Tombstones travel along. Run again after a kill, or when the source has changed.

    Args:
        source: Directory of the shards to read.
        bundle: The model that made them.
        out_shards: Directory for the new shards.
        out_bundle: Directory for the new bundle.
        dimension: PCA to so many dimensions; None for all of them, as they are.
        centre: Whether the mean of its modality is taken off each embedding first.

    Raises:
        SettingsError: The options contradict the bundle, each other, or what the directories hold.
        SourceInvalid: The shards are damaged, of another space, or too few to fit to.
        ModelError: The new bundle is there but damaged.
        IndexUnavailable: Another run writes to the new shards.
        DiskFull: There is no room.
    """
    _check_options(bundle, dimension=dimension, centre=centre)
    if source.resolve() == out_shards.resolve():
        msg = f"{source} cannot be both the source and the target; give another directory"
        raise SettingsError(msg)
    reader = ShardReader(source, bundle)
    make_directory(out_shards)
    with writer_lock(out_shards):
        transform = _transform_there(out_bundle, bundle, dimension=dimension, centre=centre)
        if transform is None:
            transform = _fitted(reader, bundle, dimension=dimension, centre=centre)
            write_transformed_bundle(bundle, transform, out_bundle)
        transformed = read_model_bundle(out_bundle)
        store = ShardStore(out_shards, transformed, rendition=reader.origin.rendition)
        removed = _take_out(reader, store)
        added = 0
        for rows in _missing(reader, store, transform):
            store.add(rows)
            added += len(rows)
        return TransformOutcome(transformed, len(store.live), added, removed)


def _check_options(bundle: ModelBundle, *, dimension: int | None, centre: bool) -> None:
    if bundle.post_transform is not None:
        msg = f"{bundle.directory} already has a post-transform; give the bundle it was made of"
        raise SettingsError(msg)
    if dimension is None and not centre:
        msg = "nothing to transform: ask for fewer dimensions, for centring, or for both"
        raise SettingsError(msg)
    if dimension is not None and not 1 <= dimension < bundle.dimension:
        msg = (
            f"PCA to {dimension} dimensions: the model has {bundle.dimension}, "
            f"so it must be 1 to {bundle.dimension - 1}"
        )
        raise SettingsError(msg)


def _transform_there(
    directory: Path, source: ModelBundle, *, dimension: int | None, centre: bool
) -> PostTransform | None:
    """The transform that an earlier run fitted; None where there is no bundle."""
    if not (directory / MANIFEST_NAME).exists():
        return None
    found = read_model_bundle(directory)
    transform = found.post_transform
    if (
        transform is None
        or found.fingerprint != transformed_fingerprint(source.fingerprint, transform)
        or transform.is_centred != centre
        or transform.dimension_out != (dimension or source.dimension)
    ):
        msg = f"{directory} holds another model than the one asked for; give another directory"
        raise SettingsError(msg)
    return transform


def _fitted(
    reader: ShardReader, bundle: ModelBundle, *, dimension: int | None, centre: bool
) -> PostTransform:
    count, least = len(reader.live), max(dimension or 0, 2)
    if count < least:
        msg = f"{reader.directory} has {count} photos; this transform needs {least} or more"
        raise SourceInvalid(msg)
    moments = measure_moments(
        (_stacked(photos) for photos in reader.read(lambda photo_id, live: True)), bundle.dimension
    )
    return fit_transform(moments, text_mean=bundle.text_mean, dimension=dimension, centre=centre)


def _take_out(reader: ShardReader, store: ShardStore) -> int:
    """Take out of the new shards what is gone from the source; returns how many were there."""
    before = len(store.live)
    lacking = reader.tombstones.keys() - store.tombstones.keys()
    if lacking:
        store.add_tombstones(
            {photo_id: reader.tombstones[photo_id] for photo_id in sorted(lacking)}
        )
    if gone := sorted(reader.gone & store.live.keys()):
        store.remove(gone)
    return before - len(store.live)


def _missing(
    reader: ShardReader, store: ShardStore, transform: PostTransform
) -> Iterator[list[ShardRow]]:
    """Transformed photos that the new shards lack or have in another version."""
    wanted = {
        photo_id
        for photo_id, live in reader.live.items()
        if photo_id not in store.tombstones
        and (photo_id not in store.live or store.live[photo_id].version != live.version)
    }
    rows: list[ShardRow] = []
    for photos in reader.read(lambda photo_id, live: photo_id in wanted):
        rows += _transformed(photos, reader, transform)
        if len(rows) >= _SHARD_PHOTOS:
            yield rows
            rows = []
    if rows:
        yield rows


def _transformed(
    photos: list[EmbeddedPhoto], reader: ShardReader, transform: PostTransform
) -> list[ShardRow]:
    try:
        moved = transform.apply_to_images(_stacked(photos))  # (B, d)
    except ModelError as error:
        first, last = photos[0].photo.photo_id, photos[-1].photo.photo_id
        msg = f"{reader.directory}: a photo of {first} to {last} cannot be transformed: {error}"
        raise SourceInvalid(msg) from error
    return [
        ShardRow(replace(photo, embedding=row), reader.live[photo.photo.photo_id].version)
        for photo, row in zip(photos, moved, strict=True)
    ]


def _stacked(photos: list[EmbeddedPhoto]) -> Float32Array:
    return np.stack([photo.embedding for photo in photos])  # (B, D)
