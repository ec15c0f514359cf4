"""Towers that nobody wrote by hand, traced by torch and put right by ONNX Runtime's optimiser."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import onnxruntime
import torch

from models import graph_writer
from models.quantise import quantise

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from models.sample import Float32Array, Int64Array

PROTOBUF_HOLDS_BYTES = 2**30  # and up to twice that
_DYNAMIC_AXES = {"token_ids": {0: "batch", 1: "length"}, "pixel_values": {0: "batch"}}


def trace(
    tower: nn.Module, example: Int64Array | Float32Array, graph: Path, *, input_name: str
) -> None:
    """Write a tower as torch sees it compute.

    Args:
        tower: In eval mode, of one input and one output.
        example: An input of several rows.
        graph: Where the graph goes; weights past 2 GiB go beside it, under names of their own.
        input_name: ``token_ids`` or ``pixel_values``.
    """
    torch.backends.mha.set_fastpath_enabled(value=False)
    with warnings.catch_warnings(), torch.inference_mode():
        # Tracing warns of size checks that become constant, and of its own age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            tower,
            (torch.from_numpy(example),),
            str(graph),
            dynamo=False,
            opset_version=graph_writer.OPSET,
            input_names=[input_name],
            output_names=["embedding"],
            dynamic_axes={input_name: _DYNAMIC_AXES[input_name], "embedding": {0: "batch"}},
        )


def save_int8(graph: Path, target: Path, *, work: Path) -> None:
    """Write the int8 form of a traced graph, optimised.

    Args:
        graph: The float graph.
        target: Where the other goes.
        work: An empty directory.
    """
    # Folding constants first turns every weight into an initialiser, which quantising needs.
    folded, rounded = work / "folded" / graph.name, work / "int8" / graph.name
    for path in (folded, rounded):
        path.parent.mkdir()
    save_folded(graph, folded)
    quantise(folded, rounded, external=_size_bytes(folded) > PROTOBUF_HOLDS_BYTES)
    save_optimised(rounded, target)


def save_folded(graph: Path, target: Path) -> None:
    """Compute what is constant, once."""
    _save(graph, target, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC)


def save_optimised(graph: Path, target: Path) -> None:
    """Let the runtime do once what it would do at each start.

    Only up to the extended level: the last one lays weights out for the CPU at hand.
    """
    _save(graph, target, onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)


def _save(graph: Path, target: Path, level: onnxruntime.GraphOptimizationLevel) -> None:
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = level
    options.optimized_model_filepath = str(target)
    options.intra_op_num_threads = 1
    options.log_severity_level = 3  # it warns that an optimised file is for machines like this one
    if _size_bytes(graph) > graph_writer.EXTERNAL_WEIGHTS_ABOVE_BYTES:
        entry = "session.optimized_model_external_initializers"
        options.add_session_config_entry(f"{entry}_file_name", f"{target.name}.data")
        options.add_session_config_entry(f"{entry}_min_size_in_bytes", "1024")
    onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])


def _size_bytes(graph: Path) -> int:
    """Size of a graph with the weights beside it, which have the directory to themselves."""
    return sum(path.stat().st_size for path in graph.parent.iterdir())
