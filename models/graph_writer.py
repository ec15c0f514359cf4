"""Writes an ONNX graph node by node, for the fused kernels of ONNX Runtime's CPU provider.

Owns what a matrix product is in each precision, and how weights are stored. Knows no model. Nodes
of the domain ``com.microsoft`` are described in ONNX Runtime's ContribOperators.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

if TYPE_CHECKING:
    from pathlib import Path

    from models.sample import Float32Array

OPSET = 18
MICROSOFT = "com.microsoft"
# Seven bits: without VNNI, eight can overflow the 16-bit sums of AVX2 and saturate.
LARGEST_INT8 = 64
EXTERNAL_WEIGHTS_ABOVE_BYTES = 50 * 2**20
_SMALLEST_EXTERNAL_BYTES = 2**10
_IR_VERSION = 10

Array: TypeAlias = NDArray[np.float32 | np.int64 | np.int8]
Attribute: TypeAlias = int | float | list[int]


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output of a graph; an axis that differs from call to call has a name."""

    name: str
    element_type: int
    shape: tuple[int | str, ...]


def quantised_columns(weight: Float32Array) -> tuple[NDArray[np.int8], Float32Array]:
    """Round a matrix to int8, each column to a scale of its own and around zero.

    Args:
        weight: ``(in, out)``.

    Returns:
        ``(in, out)`` int8 within ±LARGEST_INT8, and the ``(out,)`` scales.
    """
    largest = np.abs(weight).max(axis=0)
    scale = np.where(largest > 0, largest / LARGEST_INT8, 1).astype(np.float32)
    return np.rint(weight / scale).astype(np.int8), scale


def save_model(model: onnx.ModelProto, target: Path) -> None:
    """Write a graph; large weights go into a file beside it, to be mapped into memory.

    Args:
        model: Whole, no weight elsewhere.
        target: The graph's file; the weights' gets the suffix ``.data``.
    """
    size_bytes = sum(len(weight.raw_data) for weight in model.graph.initializer)
    if size_bytes <= EXTERNAL_WEIGHTS_ABOVE_BYTES:
        onnx.save(model, str(target))
        return
    onnx.save(
        model,
        str(target),
        save_as_external_data=True,
        location=f"{target.name}.data",
        size_threshold=_SMALLEST_EXTERNAL_BYTES,
    )


@dataclass(slots=True)
class GraphWriter:
    """A graph in the making; what adds a node gives the name of its output.

    Attributes:
        int8: Whether matrix products and tables are int8; otherwise float32.
        exact: Patterns of the parts that stay float32 in an int8 graph, too.
    """

    int8: bool
    exact: tuple[str, ...] = ()
    _nodes: list[onnx.NodeProto] = field(default_factory=list)
    _weights: list[onnx.TensorProto] = field(default_factory=list)
    _names: int = 0

    def node(self, op: str, *inputs: str, domain: str = "", **attributes: Attribute) -> str:
        """Add a node of one output."""
        return self.node_of(1, op, *inputs, domain=domain, **attributes)[0]

    def node_of(
        self, outputs: int, op: str, *inputs: str, domain: str = "", **attributes: Attribute
    ) -> list[str]:
        """Add a node of several outputs."""
        names = [self._name(op) for _ in range(outputs)]
        self._nodes.append(
            helper.make_node(op, list(inputs), names, name=names[0], domain=domain, **attributes)
        )
        return names

    def weight(self, array: Array) -> str:
        """Add a constant."""
        name = self._name("weight")
        self._weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def linear(
        self, states: str, weight: Float32Array, bias: Float32Array | None, *, part: str
    ) -> str:
        """Multiply the last axis by a matrix.

        Args:
            states: ``(…, in)``.
            weight: ``(in, out)``.
            bias: ``(out,)``.
            part: What the product is called among those that stay exact.
        """
        if self._is_int8(part):
            columns, scale = quantised_columns(weight)
            zero = np.array(0, np.int8)
            inputs = [self.weight(array) for array in (columns, scale, zero)]
            inputs += [] if bias is None else [self.weight(bias)]
            return self.node("DynamicQuantizeMatMul", states, *inputs, domain=MICROSOFT)
        product = self.node("MatMul", states, self.weight(weight))
        return product if bias is None else self.node("Add", product, self.weight(bias))

    def attention(
        self,
        states: str,
        weight: Float32Array,
        bias: Float32Array,
        *,
        heads: int,
        causal: bool,
        part: str,
    ) -> str:
        """Attend by every head; queries, keys and values are one matrix product.

        Args:
            states: ``(B, L, W)``.
            weight: ``(W, 3W)``: of queries, of keys, of values.
            bias: ``(3W,)`` in the same order.
            heads: How many share W.
            causal: Whether a token sees only itself and those before it.
            part: What the product is called.
        """
        product = self.linear(states, weight, bias, part=part)
        parts = self.node_of(3, "Split", product, axis=-1, num_outputs=3)
        facts = {"num_heads": heads, "unidirectional": int(causal)}
        return self.node("MultiHeadAttention", *parts, domain=MICROSOFT, **facts)

    def rows(self, table: Float32Array, indices: str, *, part: str) -> str:
        """Look up rows of a table ``(N, W)`` by int64 indices; in int8 each has its own scale."""
        if not self._is_int8(part):
            return self.node("Gather", self.weight(table), indices)
        columns, scale = quantised_columns(table.T)
        rounded = self.node("Gather", self.weight(columns.T), indices)
        scales = self.node("Gather", self.weight(scale[:, None]), indices)  # (…, 1)
        return self.node("Mul", self.node("Cast", rounded, to=TensorProto.FLOAT), scales)

    def layer_norm(
        self, states: str, scale: Float32Array, bias: Float32Array, *, epsilon: float
    ) -> str:
        """Normalise the last axis."""
        weights = (self.weight(scale), self.weight(bias))
        return self.node("LayerNormalization", states, *weights, epsilon=epsilon)

    def save(self, target: Path, source: Tensor, result: Tensor, *, last: str) -> None:
        """Write the graph as ``save_model`` does.

        Args:
            target: The graph's file.
            source: The input, under the name by which nodes take it.
            result: The output, as it is to be called.
            last: Which node's output it is.
        """
        for node in self._nodes:
            node.output[:] = [result.name if name == last else name for name in node.output]
        source_info, result_info = (
            helper.make_tensor_value_info(tensor.name, tensor.element_type, tensor.shape)
            for tensor in (source, result)
        )
        graph = helper.make_graph(self._nodes, "tower", [source_info], [result_info], self._weights)
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MICROSOFT, 1)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)
        save_model(model, target)

    def _is_int8(self, part: str) -> bool:
        return self.int8 and not any(fnmatchcase(part, pattern) for pattern in self.exact)

    def _name(self, word: str) -> str:
        self._names += 1
        return f"{word}_{self._names}"
