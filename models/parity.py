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
from photo_search.tokenizer import as_model_input

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from torch import nn

    from models.sample import Float32Array, Int64Array
    from photo_search.model_bundle import TextSpec

TOLERANCE = 1e-4
_BATCHES = (1, 2, 5)


def random_token_ids(spec: TextSpec, *, vocabulary: int, seed: int = 0) -> Iterator[Int64Array]:
    """Give texts of several batch sizes and lengths, laid out as the core does it."""
    rng = np.random.default_rng(seed)
    special = [spec.end_token_id, spec.pad_token_id]
    if spec.start_token_id is not None:
        special.append(spec.start_token_id)
    others = np.setdiff1d(np.arange(vocabulary), special)
    most = spec.most_tokens
    for batch in _BATCHES:
        for longest in sorted({1, 2, most // 2, most}):
            lengths = [longest, *rng.integers(1, longest + 1, size=batch - 1)]
            yield as_model_input([rng.choice(others, size=n).tolist() for n in lengths], spec)


def random_pixel_values(*, size: int, seed: int = 0) -> Iterator[Float32Array]:
    """Give batches of noise and of flat colour, in the range of normalised pixels."""
    rng = np.random.default_rng(seed)
    for batch in _BATCHES:
        yield rng.uniform(-2, 2.2, size=(batch, 3, size, size)).astype(np.float32)
    flat = np.ones((1, 3, size, size), dtype=np.float32)
    yield flat * rng.uniform(-2, 2.2, size=(1, 3, 1, 1)).astype(np.float32)


def largest_difference(
    graph: Path, tower: nn.Module, inputs: Iterable[Int64Array] | Iterable[Float32Array]
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
    graph: Path, tower: nn.Module, inputs: Iterable[Int64Array] | Iterable[Float32Array]
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
