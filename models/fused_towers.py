"""CLIP's two towers written as graphs of few nodes for ONNX Runtime's CPU kernels.

A traced tower computes the same in some four times as many nodes. Three things differ here, all of
them exact: queries, keys and values are one matrix product and attention is one node; patches are
cut out and multiplied rather than convolved; after the last attention only the pooled token goes
on. Residuals stay apart from LayerNorm: the node that joins them, SkipLayerNormalization, takes
three times as long as both on a CPU (ONNX Runtime 1.32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from onnx import TensorProto
from transformers import CLIPModel

from models.graph_writer import MICROSOFT, GraphWriter, Tensor

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from torch import nn
    from transformers import CLIPTextConfig, CLIPVisionConfig, PreTrainedModel

    from models.sample import Float32Array

# What stays float32 in int8 towers, of the parts ``patches``, ``tokens`` (the table),
# ``layers.N.attention``, ``layers.N.out``, ``layers.N.fc1``, ``layers.N.fc2`` and ``projection``.
EXACT = ("patches", "projection")
_ACTIVATIONS = {"gelu": "Gelu", "quick_gelu": "QuickGelu"}  # as checkpoints and the runtime say it


def can_write(model: PreTrainedModel) -> bool:
    """Tell whether a checkpoint's towers are of the kind that this module knows."""
    return isinstance(model, CLIPModel) and all(
        config.hidden_act in _ACTIVATIONS
        for config in (model.config.text_config, model.config.vision_config)
    )


def write_tower(
    tower: str,
    model: CLIPModel,
    target: Path,
    *,
    end_token_id: int,
    int8: bool,
    exact: tuple[str, ...] = EXACT,
) -> None:
    """Write one tower's graph, unit norm included.

    Args:
        tower: ``text``: ``token_ids`` int64 (B, L) to ``embedding`` float32 (B, D); ``image``:
            ``pixel_values`` float32 (B, 3, S, S) to the same.
        model: One that ``can_write`` says yes to.
        target: The graph's file.
        end_token_id: The state at the first of these is a text's embedding.
        int8: Whether to quantise.
        exact: Patterns of the parts that stay float32 even so.
    """
    graph = GraphWriter(int8=int8, exact=exact)
    if tower == "text":
        source = Tensor("token_ids", TensorProto.INT64, ("batch", "length"))
        pooled = _text(graph, source.name, model.text_model, end_token_id)
        projection = model.text_projection
    else:
        size = model.config.vision_config.image_size
        source = Tensor("pixel_values", TensorProto.FLOAT, ("batch", 3, size, size))
        pooled = _image(graph, source.name, model.vision_model)
        projection = model.visual_projection
    projected = graph.linear(pooled, _matrix(projection), None, part="projection")  # (B, D)
    norm = graph.node("ReduceL2", projected, graph.weight(np.array([1], np.int64)), keepdims=1)
    unit = graph.node("Div", projected, norm)
    embedding = Tensor("embedding", TensorProto.FLOAT, ("batch", projection.out_features))
    graph.save(target, source, embedding, last=unit)


def _text(graph: GraphWriter, token_ids: str, text: nn.Module, end_token_id: int) -> str:
    """Write the text side up to its pooled state ``(B, W)``."""
    length = graph.node("Shape", token_ids, start=1, end=2)  # (1,)
    zero = graph.weight(np.array([0], np.int64))
    places = graph.weight(_array(text.embeddings.position_embedding.weight))
    places = graph.node("Slice", places, zero, length, zero)  # (L, W)
    table = _array(text.embeddings.token_embedding.weight)
    tokens = graph.rows(table, token_ids, part="tokens")
    states = graph.node("Add", tokens, places)  # (B, L, W)
    # On integers: in half precision the ids of start and end token can be the same number.
    ends = graph.node("Equal", token_ids, graph.weight(np.array(end_token_id, np.int64)))
    ends = graph.node("Cast", ends, to=TensorProto.INT32)
    place = graph.node("ArgMax", ends, axis=1, keepdims=1)  # (B, 1)

    def pool(states: str) -> str:
        return graph.node("GatherND", states, place, batch_dims=1)  # (B, W)

    tower = _Layers(graph, text.config, text.encoder.layers, causal=True)
    return tower.write(states, pool, text.final_layer_norm)


def _image(graph: GraphWriter, pixel_values: str, vision: nn.Module) -> str:
    """Write the vision side up to its pooled state ``(B, W)``."""
    patches = _patches(graph, pixel_values, vision)  # (B, N, W)
    places = _array(vision.embeddings.position_embedding.weight)  # (1 + N, W)
    patches = graph.node("Add", patches, graph.weight(places[1:]))
    first = _array(vision.embeddings.class_embedding) + places[0]  # (W,)
    batch = graph.node("Shape", pixel_values, start=0, end=1)
    shape = graph.node("Concat", batch, graph.weight(np.array([1, len(first)], np.int64)), axis=0)
    first_states = graph.node("Expand", graph.weight(first), shape)  # (B, 1, W)
    states = graph.node("Concat", first_states, patches, axis=1)  # (B, 1 + N, W)
    states = _layer_norm(graph, states, vision.pre_layrnorm)
    zero = graph.weight(np.array(0, np.int64))

    def pool(states: str) -> str:
        return graph.node("Gather", states, zero, axis=1)  # (B, W)

    tower = _Layers(graph, vision.config, vision.encoder.layers, causal=False)
    return tower.write(states, pool, vision.post_layernorm)


def _patches(graph: GraphWriter, pixel_values: str, vision: nn.Module) -> str:
    """Cut pictures into N = (S / P)² patches and embed each: a convolution of stride P."""
    side = vision.config.patch_size
    across = vision.config.image_size // side
    kernel = _array(vision.embeddings.patch_embedding.weight)  # (W, 3, P, P)
    if vision.config.image_size % side:  # then the last pixels belong to no patch
        window = ([0, 0], [across * side] * 2, [2, 3])  # from, to, axes
        bounds = [graph.weight(np.array(pair, np.int64)) for pair in window]
        pixel_values = graph.node("Slice", pixel_values, *bounds)
    grid = graph.weight(np.array([0, 3, across, side, across, side], np.int64))
    cut = graph.node("Reshape", pixel_values, grid)
    cut = graph.node("Transpose", cut, perm=[0, 2, 4, 1, 3, 5])
    flat = graph.weight(np.array([0, across**2, 3 * side**2], np.int64))
    cut = graph.node("Reshape", cut, flat)  # (B, N, 3 P²)
    return graph.linear(cut, kernel.reshape(len(kernel), -1).T, None, part="patches")


@dataclass(frozen=True, slots=True)
class _Layers:
    """The residual layers, alike in both towers."""

    graph: GraphWriter
    config: CLIPTextConfig | CLIPVisionConfig
    layers: nn.ModuleList
    causal: bool

    def write(self, states: str, pool: Callable[[str], str], last_norm: nn.Module) -> str:
        """Write all layers: ``(B, L, W)`` in, ``(B, W)`` out, pooled and normalised."""
        graph, last = self.graph, self.layers[-1]
        for number, layer in enumerate(self.layers):
            part, attention, mlp = f"layers.{number}", layer.self_attn, layer.mlp
            normed = _layer_norm(graph, states, layer.layer_norm1)
            attended = self._attention(normed, attention, part=f"{part}.attention")
            if layer is last:
                attended, states = pool(attended), pool(states)
            projected = graph.linear(attended, *_weights(attention.out_proj), part=f"{part}.out")
            states = graph.node("Add", states, projected)
            normed = _layer_norm(graph, states, layer.layer_norm2)
            inner = graph.linear(normed, *_weights(mlp.fc1), part=f"{part}.fc1")
            inner = self._activation(inner)
            outer = graph.linear(inner, *_weights(mlp.fc2), part=f"{part}.fc2")
            states = graph.node("Add", states, outer)
        return _layer_norm(graph, states, last_norm)

    def _attention(self, states: str, attention: nn.Module, *, part: str) -> str:
        parts = (attention.q_proj, attention.k_proj, attention.v_proj)
        weight = np.concatenate([_matrix(part) for part in parts], axis=1)  # (W, 3W)
        bias = np.concatenate([_array(part.bias) for part in parts])
        heads = self.config.num_attention_heads
        return self.graph.attention(
            states, weight, bias, heads=heads, causal=self.causal, part=part
        )

    def _activation(self, states: str) -> str:
        op = _ACTIVATIONS[self.config.hidden_act]
        alpha = {"alpha": 1.702} if op == "QuickGelu" else {}
        return self.graph.node(op, states, domain=MICROSOFT, **alpha)


def _layer_norm(graph: GraphWriter, states: str, norm: nn.Module) -> str:
    return graph.layer_norm(states, _array(norm.weight), _array(norm.bias), epsilon=norm.eps)


def _weights(linear: nn.Module) -> tuple[Float32Array, Float32Array]:
    return _matrix(linear), _array(linear.bias)


def _matrix(linear: nn.Module) -> Float32Array:
    return _array(linear.weight).T


def _array(parameter: nn.Parameter) -> Float32Array:
    array: Float32Array = parameter.detach().float().numpy()
    return array
