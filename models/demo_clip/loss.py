"""What training minimises.

Owns the contrastive loss from known truth and the throw-away heads, which ask the vision tower for
what the scene holds at each position; without them the objects are learned late.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.demo_clip.truth import (
    BACKGROUND_FIELDS,
    COLOURS,
    GROUP_FIELDS,
    KINDS,
    LANDSCAPES,
    MOST_GROUPS,
    POSITIONS,
    TIMES,
    WEATHERS,
)
from models.world.scene import MAX_COUNT

_BACKGROUND_SIZES = (len(LANDSCAPES), len(TIMES), len(WEATHERS))
_PLACE_SIZES = (len(KINDS) + 1, len(COLOURS) + 1, MAX_COUNT + 1)  # class 0: nothing there


def contrastive_loss(logits: Tensor, true: Tensor) -> Tensor:
    """Softmax cross-entropy in both directions, the target spread over all that is true.

    Args:
        logits: ``(C, P)``, captions by pictures.
        true: ``(C, P)`` bool; every caption is true of a picture, every picture has a caption.
    """
    target = true.float()
    by_caption = -(target * logits.log_softmax(dim=1)).sum(1) / target.sum(1)
    by_picture = -(target * logits.log_softmax(dim=0)).sum(0) / target.sum(0)
    return (by_caption.mean() + by_picture.mean()) / 2


class SceneHeads(nn.Module):  # type: ignore[misc]  # torch is absent where types are checked
    """Linear read-outs of the scene from the vision tower's states.

    The pooled state is asked everything; besides, a learned mean of the patches for each position
    is asked what stands there, which is the shorter way for objects to be learned.
    """

    def __init__(self, width: int, patches: int) -> None:
        """Make the read-outs.

        Args:
            width: Of the vision tower's states.
            patches: How many there are beside the class token.
        """
        super().__init__()
        self._sizes = [*_BACKGROUND_SIZES, *(_PLACE_SIZES * len(POSITIONS))]
        self._linear = nn.Linear(width, sum(self._sizes))
        self._norm = nn.LayerNorm(width)
        self._where = nn.Linear(width, len(POSITIONS))
        self._where_bias = nn.Parameter(torch.zeros(patches, len(POSITIONS)))
        self._place = nn.Linear(width, sum(_PLACE_SIZES))

    def forward(self, pooled: Tensor, states: Tensor, scenes: Tensor) -> Tensor:
        """Give the mean cross-entropy over all questions to each, added up.

        Args:
            pooled: ``(B, width)``.
            states: ``(B, 1 + patches, width)``, the class token first.
            scenes: ``(B, 11)`` from ``truth.rows``.
        """
        targets = _targets(scenes)
        answers = list(self._linear(pooled).split(self._sizes, dim=1))
        patches = self._norm(states[:, 1:])  # (B, patches, width)
        weights = (self._where(patches) + self._where_bias).softmax(dim=1)  # (B, patches, 3)
        places = self._place(weights.mT @ patches)  # (B, 3, answers)
        near = [
            answer
            for position in range(len(POSITIONS))
            for answer in places[:, position].split(list(_PLACE_SIZES), dim=1)
        ]
        return _mean_loss(answers, targets) + _mean_loss(near, targets[BACKGROUND_FIELDS:])


def _mean_loss(answers: list[Tensor], targets: list[Tensor]) -> Tensor:
    losses = [functional.cross_entropy(a, t) for a, t in zip(answers, targets, strict=True)]
    return torch.stack(losses).mean()


def _targets(scenes: Tensor) -> list[Tensor]:
    """Turn scene rows into one class per question, in the heads' order."""
    background = list(scenes[:, :BACKGROUND_FIELDS].unbind(1))
    groups = scenes[:, BACKGROUND_FIELDS:].view(len(scenes), MOST_GROUPS, GROUP_FIELDS)
    kind, colour, count, where = groups.unbind(2)  # each (B, MOST_GROUPS), -1 where no group is
    for position in range(len(POSITIONS)):
        here = where == position
        background += [
            torch.where(here, kind + 1, 0).sum(1),
            torch.where(here, colour + 1, 0).sum(1),
            torch.where(here, count, 0).sum(1),
        ]
    return background
