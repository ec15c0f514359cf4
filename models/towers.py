"""The two towers of a transformers CLIP or SigLIP as modules of one tensor in and one tensor out.

Owns what goes into a graph: the tower, its pooling and the L2 normalisation. Both are traced, so
nothing here may depend on values, only on shapes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from photo_search.model_bundle import Pooling

if TYPE_CHECKING:
    from transformers import CLIPModel, SiglipModel

    from models.checkpoint import Checkpoint


def text_tower(checkpoint: Checkpoint) -> nn.Module:
    """Give the text side, in eval mode."""
    if checkpoint.text.pooling is Pooling.FIRST_EOT:
        tower = ClipTextTower(checkpoint.model, end_token_id=checkpoint.text.end_token_id)
    else:
        tower = SiglipTextTower(checkpoint.model)
    return tower.eval()


class ClipTextTower(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``token_ids`` int64 (B, L) to ``embedding`` float32 (B, D) of unit norm.

    The state at the first end token is what counts; whatever follows it cannot change it, since a
    token sees only those before it. So any padding does, and none gives the same.
    """

    def __init__(self, model: CLIPModel, *, end_token_id: int) -> None:
        """Take the text side of a model.

        Args:
            model: In eval mode, with eager attention.
            end_token_id: Where to pool, whatever the configuration says: checkpoints of before
                transformers #24773 carry a wrong id there.
        """
        super().__init__()
        self._text = model.text_model
        self._projection = model.text_projection
        self._end_token_id = end_token_id

    def forward(self, token_ids: Tensor) -> Tensor:
        """Embed token ids."""
        length = token_ids.shape[1]
        states = self._text.embeddings(input_ids=token_ids)  # (B, L, W)
        mask = torch.full((length, length), torch.finfo(states.dtype).min).triu(1)[None, None]
        for layer in self._text.encoder.layers:
            states = layer(states, attention_mask=mask)
        states = self._text.final_layer_norm(states)
        # On integers: in half precision the ids of start and end token can be the same number.
        position = (token_ids == self._end_token_id).to(torch.int32).argmax(dim=1)  # (B,)
        index = position[:, None, None].expand(-1, 1, states.shape[2])
        pooled = states.gather(1, index)[:, 0]  # (B, W)
        return _unit(self._projection(pooled))


class SiglipTextTower(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``token_ids`` int64 (B, L) to ``embedding`` float32 (B, D) of unit norm.

    The state at the last place counts, and every token sees all others: L must be the context
    length, filled up with the padding that the model was trained with.
    """

    def __init__(self, model: SiglipModel) -> None:
        """Take the text side of a model in eval mode, with eager attention."""
        super().__init__()
        self._text = model.text_model

    def forward(self, token_ids: Tensor) -> Tensor:
        """Embed token ids."""
        states = self._text.embeddings(input_ids=token_ids)  # (B, L, W)
        for layer in self._text.encoder.layers:
            states = layer(states, attention_mask=None)
        states = self._text.final_layer_norm(states)
        return _unit(self._text.head(states[:, -1]))


class ImageTower(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """``pixel_values`` float32 (B, 3, S, S) to ``embedding`` float32 (B, D) of unit norm."""

    def __init__(self, model: CLIPModel | SiglipModel) -> None:
        """Take the image side of a model, in eval mode; SigLIP's pooling head projects, too."""
        super().__init__()
        self._vision = model.vision_model
        self._projection = getattr(model, "visual_projection", nn.Identity())

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Embed preprocessed pictures."""
        return _unit(self._projection(self._vision(pixel_values=pixel_values).pooler_output))


def _unit(embeddings: Tensor) -> Tensor:
    return embeddings / embeddings.norm(dim=1, keepdim=True)
