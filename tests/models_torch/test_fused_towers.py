"""Graphs written by hand; needs torch, so it runs in the models' own environment."""

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from transformers import CLIPConfig, CLIPModel

from models.fused_towers import can_write, write_tower
from models.graph_writer import LARGEST_INT8, quantised_columns
from models.parity import (
    largest_difference,
    open_session,
    random_pixel_values,
    random_token_ids,
    run,
)
from models.towers import ClipTextTower, ImageTower
from photo_search.model_bundle import Pooling, TextCleaning, TextSpec

LAYERS, VOCABULARY, CONTEXT, END = 3, 90, 12, 89


def clip(*, activation: str = "gelu", size: int = 32) -> CLIPModel:
    torch.manual_seed(1)
    tower = {
        "hidden_size": 48,
        "intermediate_size": 96,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "hidden_act": activation,
    }
    text = tower | {"vocab_size": VOCABULARY, "max_position_embeddings": CONTEXT}
    vision = tower | {"image_size": size, "patch_size": 8}
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)).eval()
    with torch.no_grad():
        for (
            parameter
        ) in model.parameters():  # a fresh model's biases are zero, which hides mistakes
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def write_towers(model: CLIPModel, directory: Path, *, int8: bool) -> None:
    for tower in ("text", "image"):
        write_tower(tower, model, directory / f"{tower}.onnx", end_token_id=END, int8=int8)


def texts():
    spec = TextSpec(
        context_length=CONTEXT,
        lowercase=True,
        clean=TextCleaning.CLIP,
        start_token_id=VOCABULARY - 2,
        end_token_id=END,
        pad_token_id=END,
        pooling=Pooling.FIRST_EOT,
        causal=True,
    )
    return random_token_ids(spec, vocabulary=VOCABULARY)


def operators(graph: Path) -> Counter[str]:
    return Counter(node.op_type for node in onnx.load(str(graph)).graph.node)


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_graphs_compute_what_torch_computes(tmp_path: Path, activation: str):
    model = clip(activation=activation)

    write_towers(model, tmp_path, int8=False)

    text, image = ClipTextTower(model, end_token_id=END).eval(), ImageTower(model).eval()
    assert largest_difference(tmp_path / "text.onnx", text, texts()) < 1e-5
    pictures = random_pixel_values(size=32)
    assert largest_difference(tmp_path / "image.onnx", image, pictures) < 1e-5


def test_pixels_that_belong_to_no_patch_are_left_out(tmp_path: Path):
    model = clip(size=35)

    write_towers(model, tmp_path, int8=False)

    tower = ImageTower(model).eval()
    assert largest_difference(tmp_path / "image.onnx", tower, random_pixel_values(size=35)) < 1e-5


@pytest.mark.parametrize("tower", ["text", "image"])
def test_a_layer_has_one_attention_node_and_four_products(tmp_path: Path, tower: str):
    write_towers(clip(), tmp_path, int8=True)

    found = operators(tmp_path / f"{tower}.onnx")

    assert found["MultiHeadAttention"] == LAYERS
    assert found["DynamicQuantizeMatMul"] == 4 * LAYERS
    # The projection, and the image tower's patch embedding, stay float.
    assert found["MatMul"] == (2 if tower == "image" else 1)


def test_parts_that_are_named_stay_float(tmp_path: Path):
    exact = ("tokens", "layers.0.*", "layers.*.fc2")
    for tower in ("text", "image"):
        write_tower(
            tower, clip(), tmp_path / f"{tower}.onnx", end_token_id=END, int8=True, exact=exact
        )

        found = operators(tmp_path / f"{tower}.onnx")

        # Of the first layer's four products none is int8, of each other's all but one; patches and
        # projection are, since nothing names them.
        assert found["MatMul"] == 4 + (LAYERS - 1)
        assert found["DynamicQuantizeMatMul"] == 3 * (LAYERS - 1) + (2 if tower == "image" else 1)
        assert found["Mul"] == 0  # which scales the rows of an int8 table


def test_int8_stays_near_float(tmp_path: Path):
    model = clip()
    for name, int8 in (("float", False), ("int8", True)):
        (tmp_path / name).mkdir()
        write_towers(model, tmp_path / name, int8=int8)

    for tower, inputs in (("text", texts()), ("image", random_pixel_values(size=32))):
        exact, rounded = (
            open_session(tmp_path / name / f"{tower}.onnx") for name in ("float", "int8")
        )
        for array in inputs:
            assert (run(exact, array) * run(rounded, array)).sum(axis=1).min() > 0.99


def test_no_int8_weight_can_saturate_the_sums_of_avx2(tmp_path: Path):
    write_towers(clip(), tmp_path, int8=True)

    for tower in ("text", "image"):
        graph = onnx.load(str(tmp_path / f"{tower}.onnx")).graph
        weights = [numpy_helper.to_array(tensor) for tensor in graph.initializer]
        largest = max(np.abs(w.astype(int)).max() for w in weights if w.dtype == np.int8)
        # Two products of an unsigned byte and a weight are added in sixteen bits.
        assert largest == LARGEST_INT8
        assert 2 * 255 * largest < 2**15


def test_a_column_of_zeros_quantises_to_zeros():
    columns, scale = quantised_columns(np.array([[0, 3], [0, -1.5]], np.float32))

    assert columns.tolist() == [[0, 64], [0, -32]]
    assert (columns * scale).tolist() == [[0, 3], [0, -1.5]]


def test_an_activation_that_is_not_known_is_left_to_tracing():
    assert can_write(clip())
    assert not can_write(clip(activation="silu"))
