"""Evens out the channels that int8 products take, so that a few large ones do not coarsen the rest.

In trained transformers some channels of a LayerNorm's output are many times as large as all others,
and int8 activations have one scale together. SmoothQuant (arXiv 2211.10438, exponent 1/2) divides
each channel by a factor and multiplies the weights that take it. Float computes the same: factors
are powers of two, so not even a bit is rounded, and they can be taken back.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor, nn
    from transformers import CLIPModel

    from models.sample import Sample

_SMALLEST = 1e-5  # of what a factor is made of; a dead channel has zeros


@contextmanager
def smoothed(model: CLIPModel, sample: Sample) -> Iterator[None]:
    """Even out both towers as long as the block runs; afterwards every weight is what it was.

    Args:
        model: In eval mode.
        sample: The first batches tell how far each channel reaches.
    """
    with torch.inference_mode():
        reaches = _reaches(model, sample)
        factors = {norm: _factor(reaches[norm], taking) for norm, taking in _pairs(model)}
    _move(model, factors)
    try:
        yield
    finally:
        _move(model, {norm: 1 / factor for norm, factor in factors.items()})


def _pairs(model: CLIPModel) -> list[tuple[nn.LayerNorm, list[nn.Linear]]]:
    """Give each block's LayerNorms with the products that take what they give."""
    pairs = []
    for tower in (model.text_model, model.vision_model):
        for layer in tower.encoder.layers:
            attention = layer.self_attn
            parts = [attention.q_proj, attention.k_proj, attention.v_proj]
            pairs += [(layer.layer_norm1, parts), (layer.layer_norm2, [layer.mlp.fc1])]
    return pairs


def _reaches(model: CLIPModel, sample: Sample) -> dict[nn.Module, Tensor]:
    """Give the largest absolute value of each channel, ``(W,)``, behind every LayerNorm."""
    reaches: dict[nn.Module, Tensor] = {}

    def keep(norm: nn.Module, _: object, states: Tensor) -> None:
        reaches[norm] = states.abs().flatten(0, -2).amax(dim=0)

    hooks = [norm.register_forward_hook(keep) for norm, _ in _pairs(model)]
    try:
        model.text_model(input_ids=torch.from_numpy(sample.token_ids[0]))
        model.vision_model(pixel_values=torch.from_numpy(sample.pixel_values[0]))
    finally:
        for hook in hooks:
            hook.remove()
    return reaches


def _factor(reach: Tensor, taking: list[nn.Linear]) -> Tensor:
    """Share a channel's range between activations and weights; ``(W,)`` powers of two.

    Channels within a factor of two of the middle one stay as they are: rounding theirs to powers of
    two would make an even range less so.
    """
    weight = torch.stack([product.weight.abs().amax(dim=0) for product in taking]).amax(dim=0)
    quotient = reach.clamp(min=_SMALLEST) / weight.clamp(min=_SMALLEST)
    share = quotient.sqrt().log2()
    return (share - share.median()).trunc().exp2()


def _move(model: CLIPModel, factors: dict[nn.Module, Tensor]) -> None:
    with torch.no_grad():
        for norm, taking in _pairs(model):
            for parameter in (norm.weight, norm.bias):
                parameter.div_(factors[norm])
            for product in taking:
                product.weight.mul_(factors[norm])
