from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from ingest import transform as transform_module
from ingest.atomic_file import TEMPORARY_SUFFIX
from ingest.moments import fit_transform, measure_moments
from ingest.shard_table import ShardRow
from ingest.shards import ShardStore
from ingest.transform import TransformOutcome, transform_shards
from ingest.writer_lock import writer_lock
from photo_search.errors import IndexUnavailable, ModelError, SettingsError, SourceInvalid
from photo_search.index import EmbeddedPhoto
from photo_search.model_bundle import ModelBundle, read_model_bundle
from photo_search.photo import Photo
from photo_search.unit_norm import normalised
from tests.ingest.shard_rows import DIMENSION, everything, row
from tests.tiny_bundle import write_tiny_bundle

COUNT = 30
REMOVED_AT = datetime(2026, 1, 2, tzinfo=UTC)


class Place:
    """Source shards of 30 photos in three files, and where the new ones go."""

    def __init__(self, directory: Path, bundle: ModelBundle) -> None:
        self.bundle = bundle
        self.source = directory / "source"
        self.out_shards = directory / "out" / "shards"
        self.out_bundle = directory / "out" / "model"
        self.store = ShardStore(self.source, bundle, rendition="regular")
        for start in range(0, COUNT, 10):
            self.store.add([row(f"{n:02}", seed=n) for n in range(start, start + 10)])

    def run(self, **options) -> TransformOutcome:
        chosen = {"dimension": 3, "centre": True} | options
        bundle = chosen.pop("bundle", self.bundle)
        return transform_shards(self.source, bundle, self.out_shards, self.out_bundle, **chosen)

    def out(self) -> ShardStore:
        return ShardStore(self.out_shards, read_model_bundle(self.out_bundle))

    def contents(self) -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in self.source.iterdir()}


@pytest.fixture
def place(tmp_path: Path, tiny_bundle: ModelBundle) -> Place:
    return Place(tmp_path, tiny_bundle)


def rows_of(store: ShardStore) -> np.ndarray:
    photos = everything(store)
    return np.stack([photos[photo_id].embedding for photo_id in sorted(photos)])  # (N, D)


@pytest.mark.parametrize(
    ("dimension", "centre", "width"), [(3, True, 3), (3, False, 3), (None, True, DIMENSION)]
)
def test_new_shards_hold_every_photo_in_the_space_of_the_new_bundle(
    place, dimension, centre, width
):
    outcome = place.run(dimension=dimension, centre=centre)

    before, after = everything(place.store), everything(place.out())
    transform = outcome.bundle.post_transform
    assert (outcome.photos, outcome.added, outcome.removed) == (COUNT, COUNT, 0)
    assert after.keys() == before.keys()
    for photo_id, photo in after.items():
        assert photo.photo == before[photo_id].photo
        assert photo.embedding.shape == (width,)
        expected = transform.apply_to_images(before[photo_id].embedding)
        np.testing.assert_allclose(photo.embedding, expected, atol=1e-3)  # float16 between them
    assert transform.is_centred == centre
    assert place.out().origin.rendition == "regular"


def test_the_source_is_only_read(place):
    before = place.contents()
    (place.source / f"000009.photos.parquet.1{TEMPORARY_SUFFIX}").write_bytes(b"a writer's")

    place.run()

    after = place.contents()
    assert {path: after[path] for path in before} == before
    assert len(after) == len(before) + 1


def test_pca_keeps_the_axes_of_most_variance_in_their_order(place):
    rows = rows_of(place.store)
    transform = place.run(dimension=3, centre=True).bundle.post_transform

    spread = ((rows - rows.mean(axis=0)) @ transform.matrix).var(axis=0)
    every = np.linalg.eigvalsh(np.cov(rows.T, bias=True))[::-1]
    np.testing.assert_allclose(spread, every[:3], rtol=1e-4)
    np.testing.assert_allclose(transform.image_mean, rows.mean(axis=0), atol=1e-6)
    np.testing.assert_array_equal(transform.text_mean, place.bundle.text_mean)


def test_without_centring_the_axes_are_those_of_the_second_moment_about_zero(place):
    rows = rows_of(place.store)
    transform = place.run(dimension=3, centre=False).bundle.post_transform

    energy = np.square(rows @ transform.matrix).mean(axis=0)
    every = np.linalg.eigvalsh(rows.T @ rows / len(rows))[::-1]
    np.testing.assert_allclose(energy, every[:3], rtol=1e-4)
    assert not transform.is_centred


def test_all_but_one_dimension_of_data_that_fill_fewer_lose_nothing():
    rng = np.random.default_rng(0)
    axes = np.linalg.qr(rng.normal(size=(8, 4)))[0]
    rows = normalised((rng.normal(size=(50, 4)) @ axes.T).astype(np.float32))
    moments = measure_moments([rows[:20], rows[20:]], 8)

    transform = fit_transform(moments, text_mean=np.zeros(8, np.float32), dimension=7, centre=False)

    moved = transform.apply_to_images(rows)
    np.testing.assert_allclose(moved @ moved.T, rows @ rows.T, atol=1e-5)


def test_fitting_twice_gives_the_same_fingerprint(place, tmp_path):
    first = place.run().bundle
    place.out_shards, place.out_bundle = tmp_path / "other", tmp_path / "other-model"

    assert place.run().bundle.fingerprint == first.fingerprint


def test_tombstones_travel_along_and_stay(place):
    place.store.add_tombstones({"03": REMOVED_AT, "unknown": REMOVED_AT})
    place.store.remove(["04"])

    assert place.run().photos == COUNT - 2

    out = place.out()
    assert out.tombstones == {"03": REMOVED_AT, "unknown": REMOVED_AT}
    assert not {"03", "04"} & out.live.keys()
    again = EmbeddedPhoto(Photo("03", 1, 1), np.ones(3, np.float32))
    out.add([ShardRow(again, "2")])
    assert "03" not in out.live


def test_a_later_run_follows_the_source_with_the_same_transform(place):
    first = place.run()
    place.store.add([row("05", version="2", seed=99), row("new", seed=100)])
    place.store.remove(["06"])
    place.store.add_tombstones({"07": REMOVED_AT})

    second = place.run()

    assert (second.photos, second.added, second.removed) == (COUNT - 1, 2, 2)
    assert second.bundle.fingerprint == first.bundle.fingerprint
    after = everything(place.out())
    assert "new" in after
    assert not {"06", "07"} & after.keys()
    expected = first.bundle.post_transform.apply_to_images(row("05", seed=99).embedded.embedding)
    np.testing.assert_allclose(after["05"].embedding, expected, atol=2e-3)


def test_a_run_with_nothing_to_do_writes_nothing(place):
    place.run()
    before = sorted(place.out_shards.iterdir())

    outcome = place.run()

    assert (outcome.added, outcome.removed) == (0, 0)
    assert sorted(place.out_shards.iterdir()) == before


def test_a_killed_run_can_be_run_again_wherever_it_was_killed(place, monkeypatch):
    monkeypatch.setattr(transform_module, "_SHARD_PHOTOS", 8)
    place.run()
    whole = everything(place.out())
    shards = sorted(place.out_shards.glob("*.parquet"))
    bundle_files = sorted(path.name for path in place.out_bundle.iterdir())
    assert len(shards) > 2

    def killed_after(shards_written: int, *, manifest: bool) -> None:
        for path in shards[shards_written:]:
            path.unlink(missing_ok=True)
        (place.out_shards / f"000099.photos.parquet.1{TEMPORARY_SUFFIX}").write_bytes(b"half")
        (place.out_bundle / f"text.onnx.1{TEMPORARY_SUFFIX}").write_bytes(b"half")
        if not manifest:
            (place.out_bundle / "model.json").unlink()
            (place.out_bundle / "text.onnx").write_bytes(b"another's")

    for shards_written, manifest in ((2, True), (0, True), (0, False)):
        killed_after(shards_written, manifest=manifest)

        place.run()

        found = everything(place.out())
        assert found.keys() == whole.keys()
        for photo_id, photo in found.items():
            np.testing.assert_array_equal(photo.embedding, whole[photo_id].embedding)
    assert not list(place.out_shards.glob(f"*{TEMPORARY_SUFFIX}"))
    assert sorted(path.name for path in place.out_bundle.iterdir()) == bundle_files


def test_photos_of_few_files_are_gathered_into_larger_ones(place):
    place.run()

    assert len(list(place.out_shards.glob("*.photos.parquet"))) == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"dimension": 8}, SettingsError, "to 8 dimensions: the model has 8, so it must be 1 to 7"),
        ({"dimension": 0}, SettingsError, "must be 1 to 7"),
        ({"dimension": None, "centre": False}, SettingsError, "nothing to transform"),
    ],
)
def test_options_that_make_no_sense_are_refused_before_anything_is_written(
    place, options, error, message
):
    with pytest.raises(error, match=message):
        place.run(**options)

    assert not place.out_shards.exists()


def test_fewer_photos_than_dimensions_are_refused_with_both_numbers(tmp_path, tiny_bundle):
    place = Place(tmp_path, tiny_bundle)
    place.store.remove([f"{number:02}" for number in range(4, COUNT)])

    with pytest.raises(SourceInvalid, match="has 4 photos; this transform needs 5"):
        place.run(dimension=5)
    assert not place.out_bundle.exists()


def test_a_source_without_shards_is_refused(place, tmp_path):
    place.source = tmp_path / "nowhere"

    with pytest.raises(SourceInvalid, match="nowhere has 0 photos"):
        place.run()
    assert not place.source.exists()


def test_photos_that_are_all_alike_cannot_be_centred(tmp_path, tiny_bundle):
    place = Place(tmp_path, tiny_bundle)
    place.store.add([row(f"{number:02}", version="2", seed=1) for number in range(COUNT)])

    with pytest.raises(SourceInvalid, match=r"a photo of 00 to 29 cannot be transformed.*norm"):
        place.run(dimension=None)


def test_a_bundle_that_has_a_transform_is_not_transformed_again(place):
    transformed = place.run().bundle

    with pytest.raises(SettingsError, match="already has a post-transform"):
        place.run(bundle=transformed)


def test_shards_of_another_space_than_the_bundles_are_refused(place, tmp_path):
    other = read_model_bundle(write_tiny_bundle(tmp_path / "other", fingerprint="other"))

    with pytest.raises(SourceInvalid, match="fingerprint 'tiny', not 'other'"):
        place.run(bundle=other)


@pytest.mark.parametrize("options", [{"dimension": 4}, {"centre": False}, {"dimension": None}])
def test_another_transform_than_the_one_already_there_is_refused(place, options):
    place.run()

    with pytest.raises(SettingsError, match="another model than the one asked for"):
        place.run(**options)


def test_a_bundle_that_lies_in_the_way_is_refused_and_kept(place):
    write_tiny_bundle(place.out_bundle, fingerprint="mine")

    with pytest.raises(SettingsError, match="another model than the one asked for"):
        place.run()
    assert read_model_bundle(place.out_bundle).fingerprint == "mine"


def test_source_and_target_must_not_be_the_same(place):
    place.out_shards = place.source

    with pytest.raises(SettingsError, match="both the source and the target"):
        place.run()


def test_two_runs_at_once_are_refused(place):
    place.run()

    with writer_lock(place.out_shards), pytest.raises(IndexUnavailable):
        place.run()


def test_a_damaged_new_bundle_is_named(place):
    place.run()
    path = place.out_bundle / "post_transform.npz"
    path.write_bytes(path.read_bytes() + b"x")

    with pytest.raises(ModelError, match=r"post_transform\.npz.*altered"):
        place.run()


def test_the_new_manifest_tells_what_was_done_and_keeps_the_rest(place):
    bundle = place.run().bundle

    manifest = json.loads((place.out_bundle / "model.json").read_text())
    source = json.loads((place.bundle.directory / "model.json").read_text())
    changed = {name for name in source if manifest[name] != source[name]}
    assert changed == {
        "dimension", "mean_embedding", "fingerprint", "post_transform", "files", "manifest_sha256",
    }  # fmt: skip
    assert manifest["post_transform"] == {
        "file": "post_transform.npz",
        "kind": "centred_pca",
        "dimension_in": DIMENSION,
        "source_fingerprint": "tiny",
    }
    assert (bundle.dimension, bundle.tower_dimension) == (3, DIMENSION)
    np.testing.assert_array_equal(bundle.text_mean, np.zeros(3))
