"""A bundle of a few kilobytes with real graphs: it knows the words and the sight of plain colours.

Both towers add a constant of their own to every vector, as CLIP's modality gap does.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

from photo_search.checksums import manifest_sha256

DIMENSION = 8
SIZE = 16
CONTEXT_LENGTH = 8
RED, GREEN, BLUE, TEXT_AXIS, IMAGE_AXIS = range(5)
GAP = 1.0
VOCABULARY = ["<pad>", "<start>", "<end>", "<unknown>", "red", "green", "blue", "nan", "zero"]


def write_tiny_bundle(directory: Path, *, fingerprint: str = "tiny") -> Path:
    """Write the bundle into a directory and return it."""
    directory.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(directory / "tokenizer.json")
    onnx.save(_text_graph(), directory / "text.onnx")
    onnx.save(_image_graph(), directory / "image.onnx")
    names = ("tokenizer.json", "text.onnx", "image.onnx")
    manifest = {
        "format": 1,
        "checkpoint": "tests/tiny",
        "revision": "1",
        "licence": "MIT",
        "dimension": DIMENSION,
        "precision": "fp32",
        "opset": 17,
        "image": {
            "size": SIZE,
            "resize": "shortest_edge_crop",
            "mean": [0.0, 0.0, 0.0],
            "std": [1.0, 1.0, 1.0],
        },
        "text": {
            "context_length": CONTEXT_LENGTH,
            "lowercase": True,
            "clean": "clip",
            "start_token_id": 1,
            "end_token_id": 2,
            "pad_token_id": 0,
            "pooling": "first_eot",
            "causal": True,
        },
        "mean_embedding": {
            "text": _mean(TEXT_AXIS),
            "image": _mean(IMAGE_AXIS),
        },
        "logit_scale": 100.0,
        "fingerprint": fingerprint,
        "post_transform": None,
        "agreement": {},
        "files": {
            name: {
                "sha256": hashlib.sha256((directory / name).read_bytes()).hexdigest(),
                "size_bytes": (directory / name).stat().st_size,
            }
            for name in names
        },
    }
    write_manifest(directory, manifest)
    return directory


def write_manifest(directory: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the sha256 of itself."""
    signed = manifest | {"manifest_sha256": manifest_sha256(manifest)}
    (directory / "model.json").write_text(json.dumps(signed))


def _mean(gap_axis: int) -> list[float]:
    """Mean of the unit embeddings of red, green and blue."""
    mean = np.zeros(DIMENSION)
    mean[[RED, GREEN, BLUE]] = 1 / 3
    mean[gap_axis] = GAP
    return list(mean / np.sqrt(1 + GAP**2))


def _write_tokenizer(path: Path) -> None:
    vocabulary = {word: number for number, word in enumerate(VOCABULARY)}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(path))


def _text_graph() -> onnx.ModelProto:
    """Sum of the words' vectors plus the gap, normalised."""
    table = np.zeros((len(VOCABULARY), DIMENSION), dtype=np.float32)  # (V, D)
    for axis, word in ((RED, "red"), (GREEN, "green"), (BLUE, "blue")):
        table[VOCABULARY.index(word), axis] = 1
    table[VOCABULARY.index("<start>"), TEXT_AXIS] = GAP
    table[VOCABULARY.index("nan")] = np.nan
    # Cancels the gap, so that nothing is left to normalise.
    table[VOCABULARY.index("zero"), TEXT_AXIS] = -GAP
    nodes = [
        helper.make_node("Gather", ["table", "token_ids"], ["words"]),
        helper.make_node("ReduceSum", ["words", "axis_of_words"], ["sum"], keepdims=0),
        *_normalise(),
    ]
    return _model(
        nodes,
        helper.make_tensor_value_info("token_ids", TensorProto.INT64, ["B", "L"]),
        {"table": table, "axis_of_words": np.array([1], dtype=np.int64)},
    )


def _image_graph() -> onnx.ModelProto:
    """Mean red, green and blue plus the gap, normalised."""
    matrix = np.zeros((3, DIMENSION), dtype=np.float32)  # (3, D)
    matrix[[0, 1, 2], [RED, GREEN, BLUE]] = 1
    gap = np.zeros(DIMENSION, dtype=np.float32)  # (D,)
    gap[IMAGE_AXIS] = GAP
    nodes = [
        helper.make_node("ReduceMean", ["pixel_values"], ["rgb"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["rgb", "matrix"], ["seen"]),
        helper.make_node("Add", ["seen", "gap"], ["sum"]),
        *_normalise(),
    ]
    return _model(
        nodes,
        helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, ["B", 3, SIZE, SIZE]),
        {"matrix": matrix, "gap": gap},
    )


def _normalise() -> list[onnx.NodeProto]:
    return [
        helper.make_node("ReduceL2", ["sum"], ["norm"], axes=[1], keepdims=1),
        helper.make_node("Max", ["norm", "smallest"], ["safe_norm"]),
        helper.make_node("Div", ["sum", "safe_norm"], ["embedding"]),
    ]


def _model(
    nodes: list[onnx.NodeProto], given: onnx.ValueInfoProto, constants: dict[str, np.ndarray]
) -> onnx.ModelProto:
    constants["smallest"] = np.array([1e-12], dtype=np.float32)
    graph = helper.make_graph(
        nodes,
        "tiny",
        [given],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["B", DIMENSION])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
