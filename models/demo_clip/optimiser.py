"""The optimiser: Muon for the towers' matrices, AdamW for everything else.

Owns which parameter is updated how. Muon takes the momentum of a matrix, makes its singular values
about equal (Newton-Schulz) and steps; at a few thousand steps it needs fewer of them than AdamW.
Source of method and coefficients: Keller Jordan, https://github.com/KellerJordan/Muon (MIT).
torch's own ``torch.optim.Muon`` iterates in bfloat16, which is slow on CPUs without it.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Iterable
    from concurrent.futures import Executor

_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 5
_BETAS = (0.9, 0.98)
_MOMENTUM = 0.95
_MOST_TOGETHER = 5  # matrices orthogonalised as one task


def _orthogonalise(batch: Tensor) -> Tensor:
    """Bring all singular values near 1; ``(N, rows, columns)`` with rows <= columns."""
    x = batch / (batch.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(_ITERATIONS):
        gram = x @ x.mT  # (N, rows, rows)
        x = _A * x + torch.baddbmm(gram, gram, gram, beta=_B, alpha=_C) @ x
    return x


class TowerOptimiser:
    """Steps a model whose encoder layers hold most of its weights."""

    def __init__(self, modules: Iterable[nn.Module], *, use_muon: bool = True) -> None:
        """Sort the parameters.

        Args:
            modules: The model and the throw-away heads.
            use_muon: False leaves the matrices to AdamW too.
        """
        matrices: dict[tuple[int, int], list[nn.Parameter]] = defaultdict(list)
        decayed: list[nn.Parameter] = []
        plain: list[nn.Parameter] = []
        for module in modules:
            for name, parameter in module.named_parameters():
                if use_muon and parameter.ndim == 2 and ".layers." in name:
                    shape = (min(parameter.shape), max(parameter.shape))
                    matrices[shape].append(parameter)
                else:
                    (decayed if parameter.ndim > 1 else plain).append(parameter)
        self._matrices = [
            group[start : start + _MOST_TOGETHER]
            for group in matrices.values()
            for start in range(0, len(group), _MOST_TOGETHER)
        ]
        self._momenta = [
            torch.zeros(len(group), *sorted(group[0].shape)) for group in self._matrices
        ]
        self._adam = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": 0.1}, {"params": plain, "weight_decay": 0.0}],
            lr=1e-3,
            betas=_BETAS,
            foreach=True,
        )

    def step(
        self, *, adam_lr: float, muon_lr: float, pool: Executor, muon_decay: float = 0.05
    ) -> None:
        """Update every parameter from its gradient, and forget the gradients.

        Args:
            adam_lr: Rate of AdamW.
            muon_lr: Rate of Muon.
            pool: Where groups of matrices are worked on at a time.
            muon_decay: Weight decay of the matrices, times ``muon_lr``.
        """
        tasks = [
            pool.submit(_muon_step, matrices, momentum, muon_lr, muon_decay)
            for matrices, momentum in zip(self._matrices, self._momenta, strict=True)
        ]
        for group in self._adam.param_groups:
            group["lr"] = adam_lr
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        for task in tasks:
            task.result()

    def state_dict(self) -> dict[str, Any]:
        """Give what a resumed run needs."""
        return {"adam": self._adam.state_dict(), "momenta": self._momenta}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what ``state_dict`` gave."""
        self._adam.load_state_dict(state["adam"])
        self._momenta = state["momenta"]


def _muon_step(matrices: list[nn.Parameter], momentum: Tensor, rate: float, decay: float) -> None:
    gradients = torch.stack([_lying(p, p.grad) for p in matrices])  # (N, rows, columns)
    momentum.lerp_(gradients, 1 - _MOMENTUM)
    updates = _orthogonalise(gradients.lerp_(momentum, _MOMENTUM))  # Nesterov
    with torch.no_grad():
        for parameter, update in zip(matrices, updates, strict=True):
            rows, columns = parameter.shape
            parameter.mul_(1 - rate * decay)
            parameter.add_(_lying(parameter, update), alpha=-rate * max(1, rows / columns) ** 0.5)
            parameter.grad = None


def _lying(parameter: Tensor, values: Tensor | None) -> Tensor:
    """Turn values of an upright matrix on their side, or back: the same step undoes itself."""
    assert values is not None  # noqa: S101 - every matrix of a tower gets a gradient
    rows, columns = parameter.shape
    return values.mT if rows > columns else values
