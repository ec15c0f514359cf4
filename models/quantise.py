"""Turns a float graph into an int8 one, and measures how far the two agree.

Owns what is quantised and the gate. Weights of matrix products become int8 per channel; activations
are quantised as they come. The patch embedding (a Conv) and the last projection stay float.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from models.errors import QuantisationError

if TYPE_CHECKING:
    from pathlib import Path

    from models.sample import Float32Array

COSINE_P1_GATES = {"int8": 0.99, "fp16": 0.9999, "fp32": 0.99999}
"""Least first percentile of cosines to the float graph, for each precision."""
_REMEDIES = {"int8": "; make it with PRECISION=fp16", "fp16": "; make it with PRECISION=fp32"}
TOP = 10
# Below this, int8 rows of the table save less than a decimal of a megabyte.
_SMALLEST_TABLE = 2**15


def quantise(
    graph: Path, target: Path, *, external: bool = False, projection: str = "_projection"
) -> None:
    """Write the int8 form of a graph.

    Args:
        graph: A float graph as ``models.export`` writes it.
        target: Where the int8 graph goes.
        external: Whether its weights go into a file beside it; protobuf ends at 2 GiB.
        projection: Part of the names of the nodes that stay float.
    """
    model = onnx.load(str(graph))
    kept = [node.name for node in model.graph.node if projection in node.name]
    big = {
        tensor.name
        for tensor in model.graph.initializer
        if len(tensor.dims) == 2 and np.prod(tensor.dims) >= _SMALLEST_TABLE
    }
    tables = [n.name for n in model.graph.node if n.op_type == "Gather" and n.input[0] in big]
    kept += [n.name for n in model.graph.node if n.op_type == "Gather" and n.name not in tables]
    quantize_dynamic(
        str(graph),
        str(target),
        op_types_to_quantize=["MatMul", *(["Gather"] if tables else [])],
        per_channel=True,
        # Seven bits: without VNNI, eight can overflow the 16-bit sums of AVX2 and saturate.
        reduce_range=True,
        weight_type=QuantType.QInt8,
        nodes_to_exclude=kept,
        use_external_data_format=external,
        extra_options={"MatMulConstBOnly": True},
    )


@dataclass(frozen=True, slots=True)
class TowerAgreement:
    """How embeddings of one tower agree between two builds: percentiles of the row cosines."""

    cosine_p1: float
    cosine_p50: float


def tower_agreement(reference: Float32Array, other: Float32Array) -> TowerAgreement:
    """Compare ``(N, D)`` unit embeddings row by row."""
    cosines = (reference.astype(np.float64) * other).sum(axis=1)
    p1, p50 = np.percentile(cosines, [1, 50])
    return TowerAgreement(cosine_p1=float(p1), cosine_p50=float(p50))


def top_overlap(
    reference: tuple[Float32Array, Float32Array], other: tuple[Float32Array, Float32Array]
) -> float:
    """Give the mean share of the first ten pictures that two builds have in common.

    Args:
        reference: Text ``(C, D)`` and image ``(P, D)`` embeddings of one build.
        other: The same texts and pictures in the other build.
    """
    firsts = [np.argsort(-(t @ i.T), axis=1, kind="stable")[:, :TOP] for t, i in (reference, other)]
    shares = [len(set(a) & set(b)) / len(a) for a, b in zip(*firsts, strict=True)]
    return float(np.mean(shares))


def require_agreement(tower: str, agreement: TowerAgreement, *, precision: str) -> None:
    """Raise unless a tower of this precision may stand for the float one.

    Raises:
        QuantisationError: Its first percentile of cosines is below COSINE_P1_GATES.
    """
    gate = COSINE_P1_GATES[precision]
    if not agreement.cosine_p1 >= gate:
        message = (
            f"{precision} {tower} tower: cosine p1 to fp32 is {agreement.cosine_p1:.4f}; limit "
            f"{gate}; nothing is written{_REMEDIES.get(precision, '')}"
        )
        raise QuantisationError(message)
