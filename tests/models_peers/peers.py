"""How others prepare a picture: each way takes an RGB image and gives ``(3, S, S)`` float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import open_clip
from PIL import Image
from torchvision.transforms import (
    CenterCrop,
    Compose,
    InterpolationMode,
    Normalize,
    Resize,
    ToTensor,
)
from transformers import (
    CLIPImageProcessor,
    CLIPImageProcessorPil,
    SiglipImageProcessor,
    SiglipImageProcessorPil,
)

from photo_search.arrays import Float32Array
from photo_search.model_bundle import ImageSpec, ResizeRule

Preparation: TypeAlias = Callable[[Image.Image], Float32Array]


def torchvision_way(spec: ImageSpec) -> Preparation:
    """What CLIP's own code does."""
    is_bilinear = spec.resize is ResizeRule.SQUASH_BILINEAR
    kernel = InterpolationMode.BILINEAR if is_bilinear else InterpolationMode.BICUBIC
    if spec.resize is ResizeRule.SHORTEST_EDGE_CROP:
        square = [Resize(spec.size, kernel, antialias=True), CenterCrop(spec.size)]
    else:
        square = [Resize((spec.size, spec.size), kernel, antialias=True)]
    prepare = Compose([*square, ToTensor(), Normalize(spec.mean, spec.std)])
    return lambda image: prepare(image).numpy()


def open_clip_way(spec: ImageSpec) -> Preparation:
    """As open_clip prepares for its models."""
    is_crop = spec.resize is ResizeRule.SHORTEST_EDGE_CROP
    prepare = open_clip.image_transform(
        spec.size,
        is_train=False,
        mean=spec.mean,
        std=spec.std,
        resize_mode="shortest" if is_crop else "squash",
        interpolation="bilinear" if spec.resize is ResizeRule.SQUASH_BILINEAR else "bicubic",
    )
    return lambda image: prepare(image).numpy()


def transformers_pillow_way(spec: ImageSpec) -> Preparation:
    """The form of transformers' image processors that resizes by Pillow."""
    return _transformers_way(spec, CLIPImageProcessorPil, SiglipImageProcessorPil)


def transformers_torch_way(spec: ImageSpec) -> Preparation:
    """The form that resizes by torch; what transformers takes where torchvision is."""
    return _transformers_way(spec, CLIPImageProcessor, SiglipImageProcessor)


def _transformers_way(spec: ImageSpec, clip: type, siglip: type) -> Preparation:
    square = {"height": spec.size, "width": spec.size}
    scale = {"image_mean": spec.mean, "image_std": spec.std}
    if spec.resize is ResizeRule.SHORTEST_EDGE_CROP:
        prepare = clip(size={"shortest_edge": spec.size}, crop_size=square, **scale)
    else:
        is_bilinear = spec.resize is ResizeRule.SQUASH_BILINEAR
        kernel = Image.Resampling.BILINEAR if is_bilinear else Image.Resampling.BICUBIC
        prepare = siglip(size=square, resample=kernel, **scale)
    return lambda image: prepare(image, return_tensors="pt")["pixel_values"][0].numpy()
