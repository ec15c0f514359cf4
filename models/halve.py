"""Stores a float graph's weights as fp16: half the bytes to keep, to ship and to read at a start.

Owns two graphs on the same weights. The first turns them into float32 when it is loaded and
computes in that, for CPUs, whose kernels know no other; the second computes in fp16, for GPUs.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from onnx import TensorProto, helper
from onnxruntime.transformers.float16 import convert_float_to_float16

from models.graph_writer import save_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import GraphProto, ModelProto, NodeProto


def halve(graph: Path, target: Path, on_gpu: Path) -> None:
    """Write both graphs of a float32 one.

    Args:
        graph: As ``models.export`` writes it.
        target: The graph that computes in float32, and beside it the weights of both.
        on_gpu: The graph that computes in fp16; inputs and outputs stay float32.
    """
    # Shapes are not needed to tell which tensors are float, and cannot be had of ONNX Runtime's own
    # nodes.
    half = convert_float_to_float16(
        onnx.load(str(graph)), keep_io_types=True, disable_shape_infer=True
    )
    single = onnx.load(str(graph))
    _store(single, half)
    save_model(single, target)
    with tempfile.TemporaryDirectory(dir=target.parent) as scratch:
        # By the name of the other, whose weights are the same bytes at the same places.
        written = Path(scratch) / target.name
        save_model(half, written)
        shutil.move(written, on_gpu)


def _store(single: ModelProto, half: ModelProto) -> None:
    """Give a float32 graph the weights of its fp16 form, and the nodes that turn them back."""
    graph = single.graph
    floats = {one.name for one in graph.initializer if one.data_type == TensorProto.FLOAT}
    weights = [one for one in half.graph.initializer if one.name in floats]
    halved = {one.name for one in weights if one.data_type == TensorProto.FLOAT16}
    nodes = [*_back(halved & _whole(graph, halved)), *_with_rows_back(graph, halved)]
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(half.graph.initializer)
    graph.node.extend(nodes)


def _whole(graph: GraphProto, halved: set[str]) -> set[str]:
    """Weights that something other than a look-up of rows takes."""
    return {
        name
        for node in graph.node
        for place, name in enumerate(node.input)
        if name in halved and not _looks_up(node, place)
    }


def _back(names: set[str]) -> Iterator[NodeProto]:
    for name in sorted(names):
        yield helper.make_node("Cast", [name], [_single(name)], to=TensorProto.FLOAT)


def _with_rows_back(graph: GraphProto, halved: set[str]) -> Iterator[NodeProto]:
    """Give the nodes, of which those that look up rows turn no more than these back.

    A table of tokens is most of a text tower; as a whole it would be float32 in memory.
    """
    for node in graph.node:
        table = _looks_up(node, 0) and node.input[0] in halved
        if not table:
            names = [_single(name) if name in halved else name for name in node.input]
            node.input[:] = names
            yield node
            continue
        rows = node.output[0]
        node.output[0] = f"{rows}_fp16"
        yield node
        yield helper.make_node("Cast", [node.output[0]], [rows], to=TensorProto.FLOAT)


def _looks_up(node: NodeProto, place: int) -> bool:
    return node.op_type == "Gather" and place == 0


def _single(name: str) -> str:
    return f"{name}_fp32"
