"""What a checkpoint is tried on while it is exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Int64Array: TypeAlias = NDArray[np.int64]
Float32Array: TypeAlias = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sample:
    """Real inputs, for the mean embeddings and for what quantisation changes.

    Attributes:
        token_ids: Batches ``(B, L)``.
        pixel_values: Batches ``(B, 3, S, S)``.
    """

    token_ids: Sequence[Int64Array]
    pixel_values: Sequence[Float32Array]
