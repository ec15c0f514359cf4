"""From cosines to one page of the ranked window. Knows no engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from photo_search.arrays import Float32Array, Int64Array
from photo_search.index.protocol import WINDOW


@dataclass(frozen=True, slots=True)
class RankedPage:
    """Slots and cosines of one page, best first; ``has_more`` tells whether the window goes on."""

    slots: tuple[int, ...]
    cosines: tuple[float, ...]
    has_more: bool


def ranked_page(
    slots: Int64Array,
    cosines: Float32Array,
    *,
    offset: int,
    k: int,
    photo_ids: Callable[[Sequence[int]], dict[int, str]],
) -> RankedPage:
    """Cut a page: by falling cosine, ties by photo_id.

    Ids are asked for only where equal cosines reach into the page, so that ranking a thousand rows
    looks up few or none.

    Args:
        slots: ``(n,)``, every row that may be among the best WINDOW.
        cosines: ``(n,)``.
        offset: Rank of the page's first row.
        k: Rows on the page.
        photo_ids: Looks up the ids in the given slots.
    """
    if len(slots) > WINDOW:
        limit = np.partition(cosines, len(slots) - WINDOW)[len(slots) - WINDOW]
        slots, cosines = slots[cosines >= limit], cosines[cosines >= limit]
    order = np.argsort(-cosines, kind="stable")
    slots, cosines = slots[order], cosines[order]
    window = min(len(slots), WINDOW)
    end = min(offset + k, window)
    if offset >= end:
        return RankedPage((), (), has_more=False)
    # Every row whose cosine equals that of one on the page: its id decides where it ranks.
    first = int(np.searchsorted(-cosines, -cosines[offset], side="left"))
    last = int(np.searchsorted(-cosines, -cosines[end - 1], side="right"))
    near = list(zip(slots[first:last].tolist(), cosines[first:last].tolist(), strict=True))
    if len(set(cosines[first:last].tolist())) < len(near):
        ids = photo_ids([slot for slot, _ in near])
        near.sort(key=lambda row: (-row[1], ids[row[0]]))
    page = near[offset - first : end - first]
    return RankedPage(
        slots=tuple(slot for slot, _ in page),
        cosines=tuple(cosine for _, cosine in page),
        has_more=end < window,
    )
