from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from photo_search.errors import ModelError
from photo_search.model_bundle import ResizeRule, read_model_bundle
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
        {"format": 2},
        {"post_transform": {"pca": 64}},
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
