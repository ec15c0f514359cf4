from __future__ import annotations

import hashlib
import io
import json
import math
from pathlib import Path

import numpy as np
import pytest

from ingest.transformed_bundle import write_transformed_bundle
from photo_search.encoder import Encoder
from photo_search.errors import ModelError
from photo_search.model_bundle import ResizeRule, read_model_bundle
from photo_search.post_transform import (
    PostTransform,
    transformed_fingerprint,
    write_post_transform,
)
from tests.tiny_bundle import DIMENSION, write_manifest, write_tiny_bundle

FILES = ("tokenizer.json", "text.onnx", "image.onnx")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return write_tiny_bundle(tmp_path)


def change_manifest(directory: Path, **changes) -> None:
    manifest = json.loads((directory / "model.json").read_text())
    write_manifest(directory, manifest | changes)


def test_a_whole_bundle_is_read(directory):
    bundle = read_model_bundle(directory)

    assert bundle.dimension == DIMENSION
    assert bundle.image.resize is ResizeRule.SHORTEST_EDGE_CROP
    assert bundle.text_mean.shape == bundle.image_mean.shape == (DIMENSION,)
    assert bundle.fingerprint == "tiny"


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_is_an_error_that_names_the_file(directory, name):
    path = directory / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)

    with pytest.raises(ModelError, match=f"{name}.*altered"):
        read_model_bundle(directory)


@pytest.mark.parametrize("change", [b"x", b"\x00" * 100])
def test_an_altered_text_tower_is_found_when_it_is_loaded_where_it_was_left_for_later(
    directory, change
):
    with (directory / "text.onnx").open("ab") as file:
        file.write(change)
    encoder = Encoder(read_model_bundle(directory, towers_later=True), threads=1)

    with pytest.raises(ModelError, match=r"text\.onnx.*altered"):
        encoder.encode_text(["red"])
    assert encoder.loaded_towers == ()


def test_an_altered_image_tower_is_found_when_it_is_loaded_where_it_was_left_for_later(directory):
    with (directory / "image.onnx").open("ab") as file:
        file.write(b"x")
    encoder = Encoder(read_model_bundle(directory, towers_later=True), threads=1)
    size = encoder.bundle.image.size

    assert len(encoder.encode_text(["red"]).embedding) == 1
    with pytest.raises(ModelError, match=r"image\.onnx.*altered"):
        encoder.encode_image(np.zeros((1, 3, size, size), np.float32))


def test_any_changed_bit_of_the_manifest_is_an_error_that_names_it(directory):
    path = directory / "model.json"
    data = path.read_bytes()
    for position in range(len(data)):
        for bit in (0, 1, 5):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            path.write_bytes(changed)

            with pytest.raises(ModelError, match=r"model\.json|bundle"):
                read_model_bundle(directory)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_an_error_that_names_it(directory, name):
    (directory / name).unlink()

    with pytest.raises(ModelError, match=name):
        read_model_bundle(directory)


def test_a_directory_without_manifest_is_an_error_that_names_it(tmp_path):
    with pytest.raises(ModelError, match=r"model\.json.*MODEL_DIR"):
        read_model_bundle(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "changes",
    [
        {"post_transform": {"pca": 64}},
        {"post_transform": {"file": "post_transform.npz"}},
        {"post_transform": "pca"},
        {"image": {"size": 16, "resize": "stretch", "mean": [0, 0, 0], "std": [1, 1, 1]}},
        {"text": {}},
        {"files": {}},
        {"files": []},
        {"mean_embedding": {"text": [0.0], "image": [0.0]}},
        {"dimension": 0},
        {"dimension": float("inf")},
        {"image": {"size": 0, "resize": "squash", "mean": [0, 0, 0], "std": [1, 1, 1]}},
        {"image": {"size": 16, "resize": "squash", "mean": [0, 0, 0], "std": [1, 0, 1]}},
        {"image": {"size": 16, "resize": "squash", "mean": [math.nan, 0, 0], "std": [1, 1, 1]}},
    ],
)
def test_a_manifest_this_version_does_not_understand_is_refused(directory, changes):
    change_manifest(directory, **changes)

    with pytest.raises(ModelError, match=r"model\.json"):
        read_model_bundle(directory)


def test_a_bundle_of_a_newer_format_says_which_one_is_read(directory):
    change_manifest(directory, format=2)

    with pytest.raises(ModelError, match=r"model\.json is of format 2; .* reads 1$"):
        read_model_bundle(directory)


def test_a_text_tower_may_open_with_no_token(directory):
    text = json.loads((directory / "model.json").read_text())["text"]
    change_manifest(directory, text=text | {"start_token_id": None})

    spec = read_model_bundle(directory).text

    assert spec.start_token_id is None
    assert spec.most_tokens == spec.context_length - 1


def test_a_file_outside_the_bundle_is_refused(directory):
    manifest = json.loads((directory / "model.json").read_text())
    outside = {"../elsewhere.onnx": {"sha256": "0", "size_bytes": 1}}
    change_manifest(directory, files=manifest["files"] | outside)

    with pytest.raises(ModelError, match="plain file name"):
        read_model_bundle(directory)


def test_the_build_follows_the_manifest_and_the_fingerprint_does_not(directory):
    before = read_model_bundle(directory)
    change_manifest(directory, precision="int8")
    after = read_model_bundle(directory)

    assert before.build != after.build
    assert before.fingerprint == after.fingerprint


def pca(dimension: int = 3, *, seed: int = 0) -> PostTransform:
    rng = np.random.default_rng(seed)
    matrix = np.linalg.qr(rng.normal(size=(DIMENSION, dimension)))[0].astype(np.float32)
    text_mean, image_mean = rng.normal(size=(2, DIMENSION)).astype(np.float32) / 10
    return PostTransform(text_mean, image_mean, matrix)


@pytest.fixture
def transformed(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("transformed")
    write_transformed_bundle(read_model_bundle(directory), pca(), target)
    return target


def put_transform(directory: Path, transform: PostTransform) -> None:
    """Replace the npz file, and its sha256 in the manifest, but nothing else there."""
    file = io.BytesIO()
    write_post_transform(file, transform)
    (directory / "post_transform.npz").write_bytes(file.getvalue())
    manifest = json.loads((directory / "model.json").read_text())
    manifest["files"]["post_transform.npz"]["sha256"] = hashlib.sha256(file.getvalue()).hexdigest()
    write_manifest(directory, manifest)


def test_a_transformed_bundle_has_the_dimension_after_the_transform(directory, transformed):
    source, bundle = read_model_bundle(directory), read_model_bundle(transformed)

    assert source.post_transform is None
    assert source.tower_dimension == source.dimension == DIMENSION
    assert bundle.post_transform is not None
    assert (bundle.tower_dimension, bundle.dimension) == (DIMENSION, 3)
    assert bundle.fingerprint == transformed_fingerprint("tiny", pca())
    text_mean, image_mean = pca().moved_means(source.text_mean, source.image_mean)
    np.testing.assert_allclose(bundle.text_mean, text_mean, atol=1e-6)
    np.testing.assert_allclose(bundle.image_mean, image_mean, atol=1e-6)


def test_a_changed_or_missing_transform_file_is_an_error_that_names_it(transformed):
    path = transformed / "post_transform.npz"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ModelError, match=r"post_transform\.npz.*altered"):
        read_model_bundle(transformed)

    path.unlink()
    with pytest.raises(ModelError, match=r"post_transform\.npz.*incomplete"):
        read_model_bundle(transformed)


def test_another_transform_under_the_same_fingerprint_is_refused(transformed):
    put_transform(transformed, pca(seed=1))

    with pytest.raises(ModelError, match=r"fingerprint is .* the post_transform makes"):
        read_model_bundle(transformed)


def test_a_transform_of_another_shape_than_the_manifest_says_is_refused(transformed):
    put_transform(transformed, pca(4))

    with pytest.raises(ModelError, match=r"said to be .*, 8, 3\), .*\.npz has .*, 8, 4\)"):
        read_model_bundle(transformed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("kind", "pca"),
        ("dimension_in", 9),
        ("source_fingerprint", "other"),
        ("file", "tokenizer.json"),
        ("file", "../post_transform.npz"),
        ("file", ["post_transform.npz"]),
    ],
)
def test_a_manifest_that_tells_something_else_of_the_transform_is_refused(transformed, name, value):
    facts = json.loads((transformed / "model.json").read_text())["post_transform"]
    change_manifest(transformed, post_transform=facts | {name: value})

    with pytest.raises(ModelError, match=r"model\.json|tokenizer\.json"):
        read_model_bundle(transformed)


def test_a_transform_file_that_files_does_not_list_is_refused(transformed):
    files = json.loads((transformed / "model.json").read_text())["files"]
    del files["post_transform.npz"]
    change_manifest(transformed, files=files)

    with pytest.raises(ModelError, match=r"files lists no 'post_transform\.npz'"):
        read_model_bundle(transformed)
