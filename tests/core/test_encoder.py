from __future__ import annotations

import dataclasses
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ingest.transformed_bundle import write_transformed_bundle
from photo_search import encoder as encoder_module
from photo_search.cpus import usable_cpus
from photo_search.encoder import Encoder
from photo_search.errors import InvalidQuery, ModelError
from photo_search.model_bundle import read_model_bundle
from photo_search.post_transform import PostTransform
from tests.tiny_bundle import BLUE, DIMENSION, RED, SIZE, write_tiny_bundle


@pytest.fixture
def encoder(tiny_bundle):
    return Encoder(tiny_bundle, threads=1)


def plain(red, green, blue):
    """One picture of a plain colour: (3, H, W)."""
    return np.full((SIZE, SIZE, 3), (red, green, blue), dtype=np.float32).transpose(2, 0, 1)


def test_rows_are_unit_norm_and_in_the_order_of_the_input(encoder):
    embedding = encoder.encode_text(["red", "blue", "red blue"]).embedding

    assert embedding.shape == (3, DIMENSION)
    assert embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)
    assert embedding[0, RED] > embedding[0, BLUE]
    assert embedding[1, BLUE] > embedding[1, RED]


def test_a_batch_gives_what_its_rows_give_alone(encoder):
    texts = ["red", "green blue", "blue blue red"]
    pixel_values = np.stack([plain(1, 0, 0), plain(0, 0.5, 1), plain(0.2, 0.2, 0.2)])

    together = encoder.encode_text(texts).embedding
    apart = np.concatenate([encoder.encode_text([text]).embedding for text in texts])
    np.testing.assert_allclose(together, apart, atol=1e-6)

    together = encoder.encode_image(pixel_values)
    apart = np.concatenate([encoder.encode_image(row[np.newaxis]) for row in pixel_values])
    np.testing.assert_allclose(together, apart, atol=1e-6)


@pytest.fixture
def runs(monkeypatch):
    """Names of the inputs of each run of a tower."""
    names = []
    run = encoder_module._run

    def recorded(session, name, values):
        names.append(name)
        return run(session, name, values)

    monkeypatch.setattr(encoder_module, "_run", recorded)
    return names


def test_a_query_that_comes_again_is_not_computed_again(encoder, runs):
    first, again = encoder.encode_text(["red"]), encoder.encode_text(["red"])
    other = encoder.encode_text(["blue"])

    assert len(runs) == 2
    np.testing.assert_array_equal(first.embedding, again.embedding)
    assert not np.array_equal(first.embedding, other.embedding)
    with pytest.raises(ValueError, match="read-only"):
        again.embedding[0, 0] = 1  # it would spoil the answer of the next who asks


def test_the_cache_forgets_the_text_that_was_asked_longest_ago(tiny_bundle, runs):
    encoder = Encoder(tiny_bundle, threads=1, cached_texts=2)

    for text in ("red", "blue", "red", "green", "red", "blue"):
        encoder.encode_text([text])

    assert len(runs) == 4


def test_a_batch_of_the_demo_model_gives_nearly_what_its_rows_give_alone(demo_bundle):
    encoder = Encoder(demo_bundle, threads=1)
    texts = ["red balloon", "a house in the snow at night", "two blue kites over the sea"]
    size = demo_bundle.image.size
    pixel_values = np.random.default_rng(0).normal(size=(3, 3, size, size)).astype(np.float32)

    # An int8 graph chooses one scale of activations for the whole batch.
    for together, apart in (
        (encoder.encode_text(texts).embedding, [encoder.encode_text([t]).embedding for t in texts]),
        (
            encoder.encode_image(pixel_values),
            [encoder.encode_image(row[np.newaxis]) for row in pixel_values],
        ),
    ):
        assert np.min(np.sum(together * np.concatenate(apart), axis=1)) > 0.999


def test_no_rows_give_no_rows(encoder):
    assert encoder.encode_text([]).embedding.shape == (0, DIMENSION)
    assert encoder.encode_image(np.empty((0, 3, SIZE, SIZE), np.float32)).shape == (0, DIMENSION)
    assert encoder.loaded_towers == ()


def test_pixels_of_the_wrong_shape_are_a_model_error_that_names_it(encoder):
    with pytest.raises(ModelError, match=r"\(1, 3, 7, 7\)"):
        encoder.encode_image(np.zeros((1, 3, 7, 7), np.float32))


def test_threads_that_ask_at_once_load_each_tower_once(tiny_bundle, monkeypatch):
    loaded = []
    load = encoder_module._load

    def slow_load(path, **options):
        loaded.append(path.name)
        time.sleep(0.05)
        return load(path, **options)

    monkeypatch.setattr(encoder_module, "_load", slow_load)
    encoder = Encoder(tiny_bundle)
    with ThreadPoolExecutor(8) as pool:
        for _ in range(8):
            pool.submit(encoder.warm_up, ("text", "image"))

    assert sorted(loaded) == ["image.onnx", "text.onnx"]


@pytest.mark.parametrize(("threads", "used"), [(3, 3), (0, usable_cpus())])
def test_sessions_get_the_threads_that_were_asked_for(tiny_bundle, threads, used):
    encoder = Encoder(tiny_bundle, threads=threads)
    encoder.warm_up(("text", "image"))

    assert encoder._text is not None
    for session in (encoder._text[1], encoder._image):
        assert session is not None
        assert session.get_session_options().intra_op_num_threads == used


@pytest.mark.parametrize("spins", [True, False])
def test_threads_spin_where_that_was_asked_for_and_never_between_calls(tiny_bundle, spins):
    encoder = Encoder(tiny_bundle, threads=2, spins=spins)
    encoder.warm_up(("text",))

    assert encoder._text is not None
    options = encoder._text[1].get_session_options()
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == str(int(spins))
    assert options.get_session_config_entry("session.force_spinning_stop") == "1"


def test_a_text_query_never_loads_the_image_tower(encoder):
    assert encoder.loaded_towers == ()

    encoder.encode_text(["red"])
    assert encoder.loaded_towers == ("text",)

    encoder.encode_image(plain(1, 0, 0)[np.newaxis])
    assert encoder.loaded_towers == ("text", "image")


def test_an_image_query_never_loads_the_text_tower(encoder):
    encoder.encode_image(plain(1, 0, 0)[np.newaxis])

    assert encoder.loaded_towers == ("image",)


def test_warm_up_loads_the_towers_it_is_given(encoder):
    encoder.warm_up(())
    assert encoder.loaded_towers == ()

    encoder.warm_up(("text", "image"))
    assert encoder.loaded_towers == ("text", "image")


@pytest.mark.parametrize("word", ["nan", "zero"])
def test_an_output_that_points_nowhere_is_a_model_error(encoder, word):
    with pytest.raises(ModelError, match="norm"):
        encoder.encode_text([word])


def test_one_bad_row_fails_the_batch(encoder):
    with pytest.raises(ModelError, match="norm"):
        encoder.encode_text(["red", "nan"])


def test_a_text_longer_than_the_context_is_cut_and_said_to_be(encoder):
    embeddings = encoder.encode_text(["red", "red " * 50])

    assert embeddings.truncated == (False, True)


def test_an_empty_text_is_refused(encoder):
    with pytest.raises(InvalidQuery, match="empty"):
        encoder.encode_text([" \t\n"])


def test_a_graph_that_is_no_onnx_is_a_model_error_that_names_it(tmp_path):
    bundle = read_model_bundle(write_tiny_bundle(tmp_path))
    bundle.graph_path("text").write_bytes(b"no graph")

    with pytest.raises(ModelError, match=r"text\.onnx"):
        Encoder(bundle).encode_text(["red"])


@pytest.fixture
def transformed(tiny_bundle, tmp_path):
    """The tiny model centred and rotated into its first five axes."""
    rotation = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    matrix = np.eye(DIMENSION, 5, dtype=np.float32) @ rotation.astype(np.float32)
    transform = PostTransform(tiny_bundle.text_mean, tiny_bundle.image_mean, matrix)
    write_transformed_bundle(tiny_bundle, transform, tmp_path)
    return Encoder(read_model_bundle(tmp_path), threads=1)


def test_a_transformed_bundle_encodes_into_the_transformed_space(encoder, transformed):
    texts = ["red", "blue", "red blue"]
    pixel_values = np.stack([plain(1, 0, 0), plain(0, 0.5, 1)])
    transform = transformed.bundle.post_transform

    by_words = transformed.encode_text(texts).embedding
    by_picture = transformed.encode_image(pixel_values)

    expected = transform.apply_to_texts(encoder.encode_text(texts).embedding)
    np.testing.assert_allclose(by_words, expected, atol=1e-6)
    expected = transform.apply_to_images(encoder.encode_image(pixel_values))
    np.testing.assert_allclose(by_picture, expected, atol=1e-6)
    for embedding in (by_words, by_picture):
        assert embedding.shape[1] == transformed.bundle.dimension == 5
        np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, atol=1e-5)


def test_centring_by_modality_closes_the_gap_between_words_and_pictures(encoder, transformed):
    def cosine(each: Encoder) -> float:
        words = each.encode_text(["red"]).embedding[0]
        return float(words @ each.encode_image(plain(1, 0, 0)[np.newaxis])[0])

    assert cosine(encoder) < 0.6
    assert cosine(transformed) > 0.99


def test_no_rows_of_a_transformed_bundle_have_its_dimension(transformed):
    assert transformed.encode_text([]).embedding.shape == (0, 5)
    assert transformed.encode_image(np.empty((0, 3, SIZE, SIZE), np.float32)).shape == (0, 5)
    assert transformed.loaded_towers == ()


def test_a_transformed_bundle_warms_up_one_tower_at_a_time(transformed):
    transformed.warm_up(("text",))
    assert transformed.loaded_towers == ("text",)

    transformed.warm_up(("image",))
    assert transformed.loaded_towers == ("text", "image")


def test_a_tower_that_does_not_fit_the_transform_is_a_model_error(transformed, demo_bundle):
    bundle = dataclasses.replace(demo_bundle, post_transform=transformed.bundle.post_transform)

    with pytest.raises(ModelError, match=r"shape \(1, 128\), not \(1, 8\)"):
        Encoder(bundle, threads=1).encode_text(["red"])


def test_a_gpu_that_is_asked_for_and_absent_is_an_error(tiny_bundle):
    with pytest.raises(ModelError, match="run on cuda, and this ONNX Runtime has no CUDA"):
        Encoder(tiny_bundle, device="cuda").encode_text(["red"])


def test_a_gpu_that_does_not_start_is_an_error_and_no_slow_run(tiny_bundle, monkeypatch):
    import onnxruntime as ort

    monkeypatch.setattr(ort, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(ort, "preload_dlls", lambda: None)
    real = ort.InferenceSession
    monkeypatch.setattr(
        ort,
        "InferenceSession",
        lambda path, options, providers: real(path, options, providers=["CPUExecutionProvider"]),
    )

    with pytest.raises(ModelError, match="cannot be run on cuda: no such device answers"):
        Encoder(tiny_bundle, device="cuda").encode_text(["red"])
