"""Computes one step's gradients in parts, each on one thread.

Owns how the work is spread. Two threads inside every matrix product wait for each other thousands
of times a step, which costs most of the speed once another process wants a core; parts of a batch
wait for each other twice.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from models.demo_clip.loss import SceneHeads, contrastive_loss

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import CLIPModel

    from models.demo_clip.batches import Batch

IMAGE_PART = 16


def encode_images(model: CLIPModel, pixel_values: Tensor) -> Tensor:
    """Give unit embeddings ``(B, D)`` of pictures ``(B, 3, S, S)``."""
    pooled = model.vision_model(pixel_values=pixel_values).pooler_output
    return nn.functional.normalize(model.visual_projection(pooled), dim=1)


def encode_texts(model: CLIPModel, token_ids: Tensor) -> Tensor:
    """Give unit embeddings ``(C, D)`` of padded texts ``(C, L)``."""
    pooled = model.text_model(input_ids=token_ids).pooler_output
    return nn.functional.normalize(model.text_projection(pooled), dim=1)


class PartedGradients:
    """Forward and backward passes of both towers over the parts of a batch."""

    def __init__(self, model: CLIPModel, heads: SceneHeads, pool: ThreadPoolExecutor) -> None:
        """Sort the parameters by tower.

        Args:
            model: The model; its parameters' ``grad`` is what a step fills.
            heads: The throw-away heads on the vision tower.
            pool: Threads, each with torch's own threads set to one.
        """
        self._model, self._heads, self._pool = model, heads, pool
        seeing = (model.vision_model, model.visual_projection, heads)
        reading = (model.text_model, model.text_projection)
        self._of_images = [p for module in seeing for p in module.parameters()]
        self._of_texts = [p for module in reading for p in module.parameters()]

    def compute(self, batch: Batch, *, heads_weight: float) -> tuple[float, float]:
        """Fill ``grad`` of every parameter.

        Args:
            batch: What to learn from.
            heads_weight: Of the heads' loss beside the matching loss.

        Returns:
            The matching loss and the heads' loss.
        """
        pixels = batch.pixel_values.split(IMAGE_PART)
        scenes = batch.scenes.split(IMAGE_PART)
        parts = zip(pixels, scenes, strict=True)
        looking = [self._pool.submit(self._look, *part) for part in parts]
        longest_first = list(reversed(batch.token_ids))
        reading = [self._pool.submit(encode_texts, self._model, ids) for ids in longest_first]
        seen = [future.result() for future in looking]
        read = [future.result() for future in reversed(reading)]

        images = torch.cat([embeddings for embeddings, _ in seen]).detach().requires_grad_()
        texts = torch.cat(read).detach().requires_grad_()
        logits = self._model.logit_scale.exp() * texts @ images.T
        matching = contrastive_loss(logits, batch.true)
        matching.backward()

        backward = []
        image_grads = images.grad.split(IMAGE_PART)
        for (embeddings, loss), gradient in zip(seen, image_grads, strict=True):
            share = torch.tensor(heads_weight * len(embeddings) / len(images))
            ends, weights = [embeddings, loss], [gradient, share]
            backward.append(self._pool.submit(_gradients, ends, self._of_images, weights))
        text_grads = texts.grad.split([len(part) for part in read])
        for embeddings, gradient in reversed(list(zip(read, text_grads, strict=True))):
            backward.append(self._pool.submit(_gradients, [embeddings], self._of_texts, [gradient]))
        results = [future.result() for future in backward]
        _add_up(self._of_images, results[: len(seen)])
        _add_up(self._of_texts, results[len(seen) :])
        heads_loss = sum(loss.item() * len(part) for part, loss in seen) / len(images)
        return matching.item(), heads_loss

    def _look(self, pixel_values: Tensor, scenes: Tensor) -> tuple[Tensor, Tensor]:
        output = self._model.vision_model(pixel_values=pixel_values)
        pooled = output.pooler_output
        embeddings = nn.functional.normalize(self._model.visual_projection(pooled), dim=1)
        return embeddings, self._heads(pooled, output.last_hidden_state, scenes)


def single_threaded_pool(threads: int) -> ThreadPoolExecutor:
    """Make threads on which torch works alone."""
    torch.set_num_threads(1)
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))


def _gradients(
    ends: list[Tensor], parameters: list[nn.Parameter], weights: list[Tensor]
) -> tuple[Tensor, ...]:
    # Not backward(): two threads adding to one ``grad`` would race.
    gradients: tuple[Tensor, ...] = torch.autograd.grad(ends, parameters, weights)
    return gradients


def _add_up(parameters: list[nn.Parameter], parts: Sequence[tuple[Tensor, ...]]) -> None:
    first, *others = parts
    total = list(first)
    for part in others:
        torch._foreach_add_(total, list(part))
    for parameter, gradient in zip(parameters, total, strict=True):
        parameter.grad = gradient
