"""What this machine could do at most: bytes read and operations done in a second, by small kernels.

``python -m benchmarks.models.limits THREADS`` prints JSON. Products are measured by both of the
libraries at hand, and the faster counts; weights are 512 MB, more than any cache is given here.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

_RUNS = 9
_READ_FLOATS = 2**27
_SIDE = 2048
_WIDTH = {"text": 512, "image": 768}
_LAYERS, _DIMENSION, _PATCH_FLOATS = 12, 512, 3 * 32 * 32
# On a CPU fp16 is how weights lie on the disk; in memory they are float32.
_BYTES = {"fp32": 4, "fp16": 4, "int8": 1}


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates of one number of threads: bytes/s read, operations/s (a multiply-add is two)."""

    bytes_per_s: float
    fp32_per_s: float
    int8_per_s: float

    def shortest_ms(self, tower: str, tokens: int, precision: str) -> float:
        """The least time of a tower of ViT-B/32 at one input: its bytes or its products.

        Args:
            tower: ``text`` or ``image``.
            tokens: Places in the sequence.
            precision: One of PRECISIONS; in int8 patch embedding and projection are fp32.
        """
        width = _WIDTH[tower]
        inner = _LAYERS * 12 * width**2  # weights of the layers
        patches = _PATCH_FLOATS * width if tower == "image" else 0
        outer = patches + width * _DIMENSION
        read_s = (inner * _BYTES[precision] + outer * _BYTES["fp32"]) / self.bytes_per_s
        rate = self.int8_per_s if precision == "int8" else self.fp32_per_s
        done_s = 2 * tokens * (inner / rate + patches / self.fp32_per_s)
        return 1000 * max(read_s, done_s)


def measure(threads: int) -> Limits:
    """Run the kernels."""
    import numpy as np
    import torch

    torch.set_num_threads(threads)
    weights = torch.ones(_READ_FLOATS)
    read_s = _median_s(weights.sum)
    square = torch.ones(_SIDE, _SIDE)
    operations = 2 * _SIDE**3
    floats = np.ones((_SIDE, _SIDE), np.float32)
    fp32_s = min(
        _median_s(lambda: torch.mm(square, square)),
        _median_s(_runtime_product("MatMul", floats, floats, threads)),
    )
    bytes_ = np.ones((_SIDE, _SIDE), np.uint8)
    int8_s = _median_s(_runtime_product("MatMulInteger", bytes_, bytes_.astype(np.int8), threads))
    return Limits(_READ_FLOATS * 4 / read_s, operations / fp32_s, operations / int8_s)


def _runtime_product(op: str, left: object, right: object, threads: int) -> Callable[[], object]:
    import onnx
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    integer = op == "MatMulInteger"
    source = TensorProto.UINT8 if integer else TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node(op, ["left", "right"], ["product"])],
        op,
        [helper.make_tensor_value_info("left", source, [_SIDE, _SIDE])],
        [
            helper.make_tensor_value_info(
                "product", TensorProto.INT32 if integer else source, [_SIDE, _SIDE]
            )
        ],
        [numpy_helper.from_array(right, "right")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.checker.check_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda: session.run(None, {"left": left})


def _median_s(call: Callable[[], object]) -> float:
    call()
    times_s = []
    for _ in range(_RUNS):
        start_s = time.perf_counter()
        call()
        times_s.append(time.perf_counter() - start_s)
    return statistics.median(times_s)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(int(sys.argv[1])))))
