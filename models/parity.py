"""Holds a graph to the module that it was exported from.

Owns the random inputs and the tolerance. Knows nothing of quantisation: that is allowed to differ,
and has a gate of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import onnxruntime
import torch

from models.errors import ParityError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import nn

    from models.sample import Float32Array, Int64Array

TOLERANCE = 1e-4
_BATCHES = (1, 2, 5)


def random_token_ids(
    *, vocabulary: int, context_length: int, start_token_id: int, end_token_id: int, seed: int = 0
) -> Iterator[Int64Array]:
    """Give texts of several batch sizes and lengths, padded in each batch to its longest."""
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(vocabulary), [start_token_id, end_token_id])
    for batch in _BATCHES:
        for length in sorted({2, 3, context_length // 2, context_length}):
            token_ids = rng.choice(others, size=(batch, length))
            token_ids[:, 0] = start_token_id
            ends = rng.integers(1, length, size=batch)
            ends[0] = length - 1
            for row, end in zip(token_ids, ends, strict=True):
                row[end:] = end_token_id
            yield token_ids.astype(np.int64)


def random_pixel_values(*, size: int, seed: int = 0) -> Iterator[Float32Array]:
    """Give batches of noise and of flat colour, in the range of normalised pixels."""
    rng = np.random.default_rng(seed)
    for batch in _BATCHES:
        yield rng.uniform(-2, 2.2, size=(batch, 3, size, size)).astype(np.float32)
    flat = np.ones((1, 3, size, size), dtype=np.float32)
    yield flat * rng.uniform(-2, 2.2, size=(1, 3, 1, 1)).astype(np.float32)


def largest_difference(
    graph: Path, tower: nn.Module, inputs: Iterator[Int64Array] | Iterator[Float32Array]
) -> float:
    """Run graph and module on the same inputs.

    Args:
        graph: An ONNX file of one input.
        tower: What it was exported from, in eval mode.
        inputs: Arrays to run.

    Returns:
        The largest absolute difference over all inputs, not a number counting as infinite.
    """
    session = open_session(graph)
    worst = 0.0
    for array in inputs:
        with torch.inference_mode():
            expected = tower(torch.from_numpy(array)).numpy()
        difference = np.abs(run(session, array) - expected).max()
        worst = max(worst, float(np.nan_to_num(difference, nan=np.inf)))
    return worst


def require_parity(
    graph: Path, tower: nn.Module, inputs: Iterator[Int64Array] | Iterator[Float32Array]
) -> float:
    """Raise unless graph and module agree.

    Returns:
        The largest absolute difference.

    Raises:
        ParityError: It is TOLERANCE or more.
    """
    worst = largest_difference(graph, tower, inputs)
    if worst >= TOLERANCE:
        message = f"{graph.name} differs from torch by {worst:.2e}; limit {TOLERANCE:.0e}"
        raise ParityError(message)
    return worst


def open_session(graph: Path) -> onnxruntime.InferenceSession:
    """Open a graph on one CPU thread: exports must not depend on how many there are."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def run(session: onnxruntime.InferenceSession, array: Int64Array | Float32Array) -> Float32Array:
    """Run a graph of one input and one output."""
    result: Float32Array = session.run(None, {session.get_inputs()[0].name: array})[0]
    return result
