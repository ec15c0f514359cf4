"""The ways to embed that are compared; each imports only what it takes, and nothing before."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol


class Contender(Protocol):
    """One way; what it answers is not looked at."""

    def text(self, text: str) -> object:
        """Embed a text."""

    def images(self, pictures: Sequence[bytes]) -> object:
        """Embed the pictures of JPEG files in one batch."""


class PaddedTorch:
    """transformers and torch as most code has them: both towers loaded, texts padded to 77."""

    def __init__(self, checkpoint: Path, threads: int) -> None:
        """Load."""
        import torch
        from transformers import CLIPModel, CLIPProcessor

        torch.set_num_threads(threads)
        self._torch = torch
        self._model = CLIPModel.from_pretrained(checkpoint).eval()
        self._processor = CLIPProcessor.from_pretrained(checkpoint)

    def text(self, text: str) -> object:
        """Embed a text."""
        inputs = self._processor(
            text=[text], return_tensors="pt", padding="max_length", truncation=True
        )
        with self._torch.no_grad():
            return _numpy(self._model.get_text_features(**inputs).pooler_output)

    def images(self, pictures: Sequence[bytes]) -> object:
        """Embed pictures."""
        inputs = self._processor(images=_decoded(pictures), return_tensors="pt")
        with self._torch.no_grad():
            return _numpy(self._model.get_image_features(**inputs).pooler_output)


class BestTorch:
    """transformers and torch at their best: one tower at a time, no padding, inference mode."""

    def __init__(self, checkpoint: Path, threads: int) -> None:
        """Prepare; a tower is loaded when it is first asked."""
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._checkpoint = checkpoint
        self._text: tuple[Any, Any] | None = None
        self._image: tuple[Any, Any] | None = None

    def text(self, text: str) -> object:
        """Embed a text."""
        if self._text is None:
            from transformers import CLIPTextModelWithProjection, CLIPTokenizerFast

            tower = CLIPTextModelWithProjection.from_pretrained(self._checkpoint).eval()
            self._text = tower, CLIPTokenizerFast.from_pretrained(self._checkpoint)
        tower, tokenize = self._text
        inputs = tokenize([text], return_tensors="pt", truncation=True)
        with self._torch.inference_mode():
            return _numpy(tower(**inputs).text_embeds)

    def images(self, pictures: Sequence[bytes]) -> object:
        """Embed pictures."""
        if self._image is None:
            from transformers import AutoImageProcessor, CLIPVisionModelWithProjection

            tower = CLIPVisionModelWithProjection.from_pretrained(self._checkpoint).eval()
            self._image = tower, AutoImageProcessor.from_pretrained(self._checkpoint)
        tower, prepare = self._image
        inputs = prepare(images=_decoded(pictures), return_tensors="pt")
        with self._torch.inference_mode():
            return _numpy(tower(**inputs).image_embeds)


class OpenClip:
    """open_clip and torch: both towers loaded; its tokenizer always pads to 77."""

    def __init__(self, weights: Path, threads: int) -> None:
        """Load."""
        import open_clip
        import torch

        torch.set_num_threads(threads)
        self._torch = torch
        self._model, _, self._prepare = open_clip.create_model_and_transforms(
            "ViT-B-32", pretrained=str(weights / "open_clip.pt")
        )
        self._model.eval()
        self._tokenize = open_clip.get_tokenizer("ViT-B-32")

    def text(self, text: str) -> object:
        """Embed a text."""
        with self._torch.inference_mode():
            return self._model.encode_text(self._tokenize([text]), normalize=True).numpy()

    def images(self, pictures: Sequence[bytes]) -> object:
        """Embed pictures."""
        pixel_values = self._torch.stack([self._prepare(image) for image in _decoded(pictures)])
        with self._torch.inference_mode():
            return self._model.encode_image(pixel_values, normalize=True).numpy()


class Ours:
    """The core's encoder on a bundle."""

    def __init__(self, bundle: Path, threads: int) -> None:
        """Read and check the bundle."""
        from photo_search.encoder import Encoder
        from photo_search.model_bundle import read_model_bundle

        self._encoder = Encoder(
            read_model_bundle(bundle, towers_later=True),
            threads=threads,
            spins=True,
            cached_texts=0,
        )

    def text(self, text: str) -> object:
        """Embed a text."""
        return self._encoder.encode_text([text]).embedding

    def images(self, pictures: Sequence[bytes]) -> object:
        """Embed pictures."""
        import numpy as np

        from photo_search.images import decode_image
        from photo_search.preprocess import preprocess

        spec = self._encoder.bundle.image
        decoded = [decode_image(data, target_side_px=spec.size).image for data in pictures]
        return self._encoder.encode_image(np.stack([preprocess(image, spec) for image in decoded]))


class OurLambda:
    """The whole Lambda: handler, Powertools, the embedded index; words to hits."""

    def __init__(self, _bundle: Path, _threads: int) -> None:
        """Import the handler; the environment names bundle and index."""
        import types

        import handler

        self._answer = handler.handler
        self._context = types.SimpleNamespace(aws_request_id="1", function_name="benchmark")

    def text(self, text: str) -> object:
        """Search by words."""
        return self._search({"text": text})

    def images(self, pictures: Sequence[bytes]) -> object:
        """Search by each picture."""
        return [self._search({"image": base64.b64encode(one).decode()}) for one in pictures]

    def _search(self, query: dict[str, str]) -> object:
        answer = self._answer(query, self._context)
        if not answer["hits"]:
            msg = f"no hits: {answer}"
            raise ValueError(msg)
        return answer


CONTENDERS: dict[str, Callable[[Path, int], Contender]] = {
    "a1": PaddedTorch,
    "a2": BestTorch,
    "b": OpenClip,
    "ours": Ours,
    "lambda": OurLambda,
}


def _decoded(pictures: Sequence[bytes]) -> list[Any]:
    from PIL import Image

    return [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]


def _numpy(tensor: Any) -> object:
    unit: object = (tensor / tensor.norm(dim=1, keepdim=True)).numpy()
    return unit
