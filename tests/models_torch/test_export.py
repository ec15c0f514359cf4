"""Exporting a checkpoint; needs torch, so it runs in the models' own environment."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from transformers import CLIPModel

from models.checkpoint import Checkpoint, read_checkpoint
from models.errors import CheckpointError, ParityError, QuantisationError
from models.export import Origin, export_bundle
from models.parity import open_session, random_pixel_values, random_token_ids, run
from models.precision import PRECISIONS
from models.quantise import TowerAgreement, require_agreement
from models.sample import Sample
from models.smoothing import smoothed
from photo_search.encoder import Encoder
from photo_search.errors import ModelError
from photo_search.model_bundle import read_model_bundle
from tests.models_torch.tiny_checkpoints import CONTEXT, SIZE, save_tiny_clip

ORIGIN = Origin("test/tiny", "0", "MIT")


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CLIP of two small layers with random weights, laid out as on the hub."""
    return save_tiny_clip(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def checkpoint(directory: Path) -> Checkpoint:
    return read_checkpoint(directory)


def inputs(checkpoint: Checkpoint, *, seed: int) -> Sample:
    texts = random_token_ids(checkpoint.text, vocabulary=checkpoint.vocabulary, seed=seed)
    return Sample(
        token_ids=list(texts), pixel_values=list(random_pixel_values(size=SIZE, seed=seed))
    )


def export(checkpoint: Checkpoint, target: Path, *, precision: str = "fp32") -> dict[str, Any]:
    sample = inputs(checkpoint, seed=1)
    return export_bundle(checkpoint, target, origin=ORIGIN, sample=sample, precision=precision)


def unit(embeddings):
    return torch.nn.functional.normalize(embeddings.pooler_output, dim=1).numpy()


@pytest.mark.parametrize("eos_token_id", [None, 2], ids=["new configuration", "OpenAI's old one"])
def test_graphs_compute_what_transformers_computes(tmp_path: Path, eos_token_id: int | None):
    checkpoint = read_checkpoint(save_tiny_clip(tmp_path, eos_token_id=eos_token_id))

    export(checkpoint, tmp_path / "bundle")

    text = open_session(tmp_path / "bundle" / "text.onnx")
    image = open_session(tmp_path / "bundle" / "image.onnx")
    unseen = inputs(checkpoint, seed=2)
    with torch.inference_mode():
        for token_ids in unseen.token_ids:
            expected = unit(checkpoint.model.get_text_features(torch.from_numpy(token_ids)))
            np.testing.assert_allclose(run(text, token_ids), expected, atol=1e-5)
        for values in unseen.pixel_values:
            expected = unit(checkpoint.model.get_image_features(torch.from_numpy(values)))
            np.testing.assert_allclose(run(image, values), expected, atol=1e-5)


def test_what_follows_the_first_end_token_changes_nothing(checkpoint: Checkpoint, tmp_path: Path):
    export(checkpoint, tmp_path / "bundle")
    text = open_session(tmp_path / "bundle" / "text.onnx")
    start, end = checkpoint.text.start_token_id, checkpoint.text.end_token_id

    short = run(text, np.array([[start, 5, end]]))
    padded = run(text, np.array([[start, 5, end, end, end], [start, 5, end, 7, 0]]))

    np.testing.assert_allclose(padded, np.repeat(short, 2, axis=0), atol=1e-6)


def test_the_core_reads_the_bundle(checkpoint: Checkpoint, tmp_path: Path):
    manifest = export(checkpoint, tmp_path / "bundle")

    bundle = read_model_bundle(tmp_path / "bundle")

    assert bundle.fingerprint == manifest["fingerprint"] == checkpoint.fingerprint()
    assert (bundle.dimension, bundle.image.size) == (16, SIZE)
    assert bundle.text.context_length == CONTEXT


def test_files_that_are_not_the_bundles_own_stay(checkpoint: Checkpoint, tmp_path: Path):
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "CARD.md").write_text("mine", encoding="utf-8")

    export(checkpoint, tmp_path / "bundle")

    names = sorted(path.name for path in (tmp_path / "bundle").iterdir())
    assert names == ["CARD.md", "image.onnx", "model.json", "text.onnx", "tokenizer.json"]


def test_failing_parity_writes_nothing(directory: Path, tmp_path: Path):
    checkpoint = read_checkpoint(directory)
    with torch.no_grad():
        checkpoint.model.visual_projection.weight.fill_(float("nan"))

    with pytest.raises(ParityError, match="image"):
        export(checkpoint, tmp_path / "bundle")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("moved", range(4))
def test_an_export_that_ends_while_it_replaces_a_bundle_leaves_none_that_is_read(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved: int
):
    export(checkpoint, tmp_path / "bundle")
    left = [moved]
    replace = Path.replace

    def dies(path: Path, target: Path) -> Path:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        export(checkpoint, tmp_path / "bundle", precision="int8")

    with pytest.raises(ModelError, match=r"model\.json cannot be read"):
        read_model_bundle(tmp_path / "bundle")


def test_int8_that_strays_too_far_is_refused_and_writes_nothing(directory: Path, tmp_path: Path):
    checkpoint = read_checkpoint(directory)
    spoil_for_int8(checkpoint.model)

    wanted = r"int8 image tower: cosine p1 .* limit 0\.99; .*PRECISION=fp16"
    with pytest.raises(QuantisationError, match=wanted):
        export(checkpoint, tmp_path / "bundle", precision="int8")

    assert list(tmp_path.iterdir()) == []


def spoil_for_int8(model: CLIPModel) -> None:
    """Let one activation be so large that the rest share one step of the eight-bit scale.

    Behind the activation function, where nothing evens it out.
    """
    with torch.no_grad():
        for layer in model.vision_model.encoder.layers:
            layer.mlp.fc1.bias[0] = 1e5
            layer.mlp.fc2.weight[:, 0] = 0


def test_large_channels_behind_a_layer_norm_cost_int8_nothing(directory: Path, tmp_path: Path):
    checkpoint = read_checkpoint(directory)
    with torch.no_grad():
        for tower in (checkpoint.model.text_model, checkpoint.model.vision_model):
            for layer in tower.encoder.layers:
                layer.layer_norm2.bias[0] = 1e4
                layer.mlp.fc1.weight[:, 0] = 0

    manifest = export(checkpoint, tmp_path / "bundle", precision="int8")

    assert min(manifest["agreement"]["cosine_p1"].values()) > 0.999


def test_smoothing_computes_the_same_and_leaves_every_weight_as_it_was(directory: Path):
    model = read_checkpoint(directory).model
    sample = inputs(read_checkpoint(directory), seed=1)
    values = torch.from_numpy(sample.pixel_values[1])
    before = {name: weight.clone() for name, weight in model.state_dict().items()}
    with torch.inference_mode():
        expected = model.get_image_features(values).pooler_output
        with smoothed(model, sample):
            actual = model.get_image_features(values).pooler_output
            changed = [
                name
                for name, weight in model.state_dict().items()
                if not torch.equal(weight, before[name])
            ]

    torch.testing.assert_close(actual, expected, rtol=0, atol=1e-5)
    assert any("layer_norm1.weight" in name for name in changed)
    assert all(torch.equal(weight, before[name]) for name, weight in model.state_dict().items())


def test_int8_keeps_the_space_and_is_smaller(directory: Path, tmp_path: Path):
    checkpoint = read_checkpoint(directory)

    fp32 = export(checkpoint, tmp_path / "fp32")
    int8 = export(checkpoint, tmp_path / "int8", precision="int8")

    assert int8["fingerprint"] == fp32["fingerprint"]
    assert int8["precision"] == "int8"
    assert min(int8["agreement"]["cosine_p1"].values()) >= 0.99
    assert int8["files"]["image.onnx"] != fp32["files"]["image.onnx"]


def test_fp16_has_half_the_weights_and_two_graphs_on_them(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.graph_writer.EXTERNAL_WEIGHTS_ABOVE_BYTES", 0)

    fp32 = export(checkpoint, tmp_path / "fp32")
    fp16 = export(checkpoint, tmp_path / "fp16", precision="fp16")

    assert fp16["fingerprint"] == fp32["fingerprint"]
    for tower in ("text", "image"):
        full, half = (one["files"][f"{tower}.onnx.data"]["size_bytes"] for one in (fp32, fp16))
        assert 0.4 * full < half < 0.6 * full
        assert f"{tower}.fp16.onnx" in fp16["files"]
        assert 0.9999 <= fp16["agreement"]["cosine_p1"][tower] <= 1
    token_ids = inputs(checkpoint, seed=2).token_ids[0]
    bundle = read_model_bundle(tmp_path / "fp16")
    graphs = (bundle.graph_path("text", on_gpu=on_gpu) for on_gpu in (False, True))
    single, half = (run(open_session(graph), token_ids) for graph in graphs)
    np.testing.assert_allclose(half, single, atol=5e-3)
    assert (half != single).any()


def test_a_table_of_tokens_stays_fp16_in_memory(checkpoint: Checkpoint, tmp_path: Path):
    export(checkpoint, tmp_path / "bundle", precision="fp16")

    graph = onnx.load(str(tmp_path / "bundle" / "text.onnx")).graph

    (rows,) = (node for node in graph.node if node.op_type == "Gather")
    (table,) = (one for one in graph.initializer if one.name == rows.input[0])
    assert table.data_type == onnx.TensorProto.FLOAT16


@pytest.mark.parametrize("before", PRECISIONS)
def test_a_bundle_that_is_replaced_keeps_no_file_of_the_one_before(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: str
):
    with monkeypatch.context() as patch:
        patch.setattr("models.graph_writer.EXTERNAL_WEIGHTS_ABOVE_BYTES", 0)
        export(checkpoint, tmp_path / "bundle", precision=before)

    manifest = export(checkpoint, tmp_path / "bundle", precision="int8")

    names = {path.name for path in (tmp_path / "bundle").iterdir()}
    assert names == {*manifest["files"], "model.json"}


def test_whoever_may_read_the_manifest_may_read_the_weights(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.graph_writer.EXTERNAL_WEIGHTS_ABOVE_BYTES", 0)

    export(checkpoint, tmp_path / "bundle", precision="int8")

    assert len({path.stat().st_mode for path in (tmp_path / "bundle").iterdir()}) == 1


@pytest.mark.parametrize("precision", PRECISIONS)
def test_weights_of_a_large_tower_lie_beside_its_graph(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, precision: str
):
    export(checkpoint, tmp_path / "small", precision=precision)
    monkeypatch.setattr("models.graph_writer.EXTERNAL_WEIGHTS_ABOVE_BYTES", 0)
    monkeypatch.setattr("models.traced_towers.PROTOBUF_HOLDS_BYTES", 0)

    export(checkpoint, tmp_path / "large", precision=precision)

    small, large = (read_model_bundle(tmp_path / name) for name in ("small", "large"))
    for tower in ("text", "image"):
        assert (large.directory / f"{tower}.onnx.data").stat().st_size > 10_000
    texts = ["a red balloon", "a kite"]
    expected, actual = (Encoder(bundle).encode_text(texts).embedding for bundle in (small, large))
    np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_gate_refuses_a_number_that_is_none():
    with pytest.raises(QuantisationError):
        require_agreement(
            "text", TowerAgreement(cosine_p1=float("nan"), cosine_p50=1.0), precision="int8"
        )


def test_fingerprint_follows_weights_and_preparation(directory: Path, tmp_path: Path):
    original = read_checkpoint(directory)
    changed = read_checkpoint(directory)
    with torch.no_grad():
        changed.model.text_projection.weight[0, 0] += 1

    assert read_checkpoint(directory).fingerprint() == original.fingerprint()
    assert changed.fingerprint() != original.fingerprint()


def test_preparation_that_is_not_known_is_refused(tmp_path: Path):
    save_tiny_clip(tmp_path)
    path = tmp_path / "preprocessor_config.json"
    facts = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(facts | {"resample": 2}), encoding="utf-8")

    with pytest.raises(CheckpointError, match="resample 2"):
        read_checkpoint(tmp_path)
