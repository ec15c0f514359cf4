"""Unit length: every embedding that is stored or compared has L2 norm 1."""

from __future__ import annotations

import numpy as np

from photo_search.arrays import Float32Array
from photo_search.errors import ModelError

_MIN_NORM = 1e-6


def normalised(embedding: Float32Array) -> Float32Array:
    """Scale each row of ``(..., D)`` to unit L2 norm.

    Raises:
        ModelError: A row is NaN, infinite or has zero norm: it points nowhere.
    """
    norm = np.linalg.norm(embedding, axis=-1, keepdims=True)  # (..., 1)
    if not np.all(np.isfinite(norm)) or np.any(norm < _MIN_NORM):
        msg = f"an embedding has norm {norm.min()}; it must be finite and above {_MIN_NORM}"
        raise ModelError(msg)
    unit: Float32Array = (embedding / norm).astype(np.float32)  # (..., D)
    return unit
