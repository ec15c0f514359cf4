from __future__ import annotations

import io

import numpy as np
import pytest

from photo_search.errors import ModelError
from photo_search.post_transform import (
    PostTransform,
    TransformKind,
    read_post_transform,
    transformed_fingerprint,
    write_post_transform,
)
from photo_search.unit_norm import normalised

D = 6
RNG = np.random.default_rng(3)
TEXT_MEAN, IMAGE_MEAN = RNG.normal(size=(2, D)).astype(np.float32) / 10
MATRIX = np.linalg.qr(RNG.normal(size=(D, 3)))[0].astype(np.float32)
ZEROS = np.zeros(D, np.float32)
ROWS = normalised(RNG.normal(size=(5, D)).astype(np.float32))


def transform(text_mean=TEXT_MEAN, image_mean=IMAGE_MEAN, matrix=MATRIX) -> PostTransform:
    return PostTransform(text_mean=text_mean, image_mean=image_mean, matrix=matrix)


@pytest.mark.parametrize(
    ("made", "kind", "dimension"),
    [
        (transform(), TransformKind.CENTRED_PCA, 3),
        (transform(ZEROS, ZEROS), TransformKind.PCA, 3),
        (transform(matrix=None), TransformKind.CENTRE, D),
    ],
)
def test_a_transform_tells_its_kind_and_dimensions(made, kind, dimension):
    assert (made.kind, made.dimension_in, made.dimension_out) == (kind, D, dimension)


def test_each_modality_is_centred_by_its_own_mean_then_projected_then_of_unit_norm():
    texts, images = transform().apply_to_texts(ROWS), transform().apply_to_images(ROWS)

    for moved, mean in ((texts, TEXT_MEAN), (images, IMAGE_MEAN)):
        expected = (ROWS - mean) @ MATRIX
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        np.testing.assert_allclose(moved, expected, atol=1e-6)
        assert moved.dtype == np.float32
    assert np.abs(texts - images).max() > 0.01


def test_one_row_moves_as_it_does_in_a_batch():
    np.testing.assert_allclose(
        transform().apply_to_images(ROWS[2]), transform().apply_to_images(ROWS)[2], atol=1e-6
    )


def test_means_move_along_without_getting_unit_length():
    text_mean, image_mean = transform().moved_means(TEXT_MEAN, ROWS[0])

    np.testing.assert_array_equal(text_mean, np.zeros(3))
    np.testing.assert_allclose(image_mean, (ROWS[0] - IMAGE_MEAN) @ MATRIX, atol=1e-6)


def test_a_row_of_which_nothing_is_left_is_a_model_error():
    with pytest.raises(ModelError, match="norm"):
        transform(matrix=None).apply_to_images(IMAGE_MEAN)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"matrix": MATRIX * 1.001}, "orthonormal within"),
        ({"matrix": MATRIX[:, [0, 0]]}, "orthonormal within"),
        ({"matrix": np.eye(D, dtype=np.float32)}, r"shape \(6, 6\), not \(6, 1 to 5\)"),
        ({"matrix": MATRIX[:4]}, r"shape \(4, 3\)"),
        ({"matrix": MATRIX[:, :0]}, r"shape \(6, 0\)"),
        ({"matrix": MATRIX[:, 0]}, r"shape \(6,\)"),
        ({"matrix": MATRIX.astype(np.float64)}, "matrix is not of finite float32"),
        ({"matrix": np.full_like(MATRIX, np.nan)}, "matrix is not of finite float32"),
        ({"text_mean": TEXT_MEAN[:5]}, r"shapes \(5,\) and \(6,\)"),
        ({"image_mean": np.float32(0)}, "shapes"),
        ({"image_mean": np.full(D, np.inf, np.float32)}, "image_mean is not of finite"),
    ],
)
def test_arrays_that_make_no_transform_are_refused(changes, message):
    with pytest.raises(ModelError, match=message):
        transform(**changes)


@pytest.mark.parametrize("made", [transform(), transform(matrix=None)])
def test_a_transform_is_read_as_it_was_written(tmp_path, made):
    path = tmp_path / "post_transform.npz"
    with path.open("wb") as file:
        write_post_transform(file, made)

    read = read_post_transform(path)

    np.testing.assert_array_equal(read.apply_to_texts(ROWS), made.apply_to_texts(ROWS))
    assert transformed_fingerprint("f", read) == transformed_fingerprint("f", made)


def _npz(**arrays) -> bytes:
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def _npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


WHOLE = {"text_mean": TEXT_MEAN, "image_mean": IMAGE_MEAN, "matrix": MATRIX}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK no archive",
        _npz(**WHOLE)[:-40],
        _npz(**WHOLE)[:300],
        _npy(TEXT_MEAN),
        _npz(text_mean=TEXT_MEAN),
        _npz(**WHOLE, other=TEXT_MEAN),
        _npz(**WHOLE | {"matrix": np.array([{"a": 1}], dtype=object)}),
        _npz(**WHOLE | {"matrix": MATRIX * 2}),
    ],
    ids=["empty", "no archive", "cut", "cut early", "npy", "lacks", "more", "pickle", "scaled"],
)
def test_a_file_that_holds_no_transform_is_a_model_error_that_names_it(tmp_path, data):
    path = tmp_path / "post_transform.npz"
    path.write_bytes(data)

    with pytest.raises(ModelError, match=r"post_transform\.npz holds no post-transform"):
        read_post_transform(path)


def test_the_fingerprint_follows_the_source_and_every_array():
    others = [
        transform(text_mean=IMAGE_MEAN),
        transform(image_mean=TEXT_MEAN),
        transform(matrix=-MATRIX),
        transform(matrix=MATRIX[:, :2]),
        transform(matrix=None),
    ]
    fingerprints = {transformed_fingerprint("source", other) for other in [transform(), *others]}
    fingerprints.add(transformed_fingerprint("another source", transform()))

    assert len(fingerprints) == len(others) + 2


def test_the_fingerprint_does_not_hang_on_how_the_arrays_lie_in_memory():
    turned = transform(matrix=np.asfortranarray(MATRIX))

    assert transformed_fingerprint("f", turned) == transformed_fingerprint("f", transform())
