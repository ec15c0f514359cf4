"""Fine textures for large pictures: tiles made once from filtered noise, laid flat or upright.

Their detail is finer than the model sees, so they please the eye and teach nothing.
"""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Final

import numpy as np

from models.world.frame import Plane
from models.world.setting import Setting

_TILE: Final = 1024
_WRAP: Final = _TILE - 1
_MOST: Final = 2.5
_NEAR: Final = 0.45
"""How far below the horizon one pixel of a tile is one pixel of the picture."""
_VANISH: Final = (0.02, 0.2)


class Grain(StrEnum):
    """The textures there are."""

    SOIL = "soil"
    BLADES = "blades"
    WAVES = "waves"
    RIPPLES = "ripples"


@lru_cache(maxsize=len(Grain))
def _tile(grain: Grain) -> Plane:
    """Return a seamless tile with a mean of 0 and a deviation of 1."""
    rng = np.random.default_rng(list(Grain).index(grain))
    spectrum = np.fft.rfft2(rng.standard_normal((_TILE, _TILE)))
    down = np.abs(np.fft.fftfreq(_TILE))[:, None]
    across = np.fft.rfftfreq(_TILE)[None]
    if grain is Grain.SOIL:
        radius = np.hypot(down, across) + 0.01
        spectrum *= radius**-1.1 * (radius > 0.02) * np.exp(-((radius / 0.3) ** 2))
    elif grain is Grain.BLADES:
        spectrum *= np.exp(-((down / 0.035) ** 2) - ((across - 0.16) / 0.12) ** 2)
    elif grain is Grain.WAVES:
        spectrum *= np.exp(-(((down - 0.022) / 0.018) ** 2) - (across / 0.014) ** 2)
    else:
        spectrum *= np.exp(-(((down - 0.03) / 0.009) ** 2) - (across / 0.009) ** 2)
    values = np.fft.irfft2(spectrum, s=(_TILE, _TILE))
    values -= values.mean()
    tile: Plane = np.clip(values / values.std(), -_MOST, _MOST).astype(np.float32)
    return tile


def upright(setting: Setting, grain: Grain, first: int, last: int | None = None) -> Plane:
    """Return a texture that faces the viewer, for the pixel rows from ``first`` to ``last``."""
    frame = setting.frame
    last = frame.height if last is None else last
    y, x = (int(offset) for offset in setting.detail_rng.integers(_TILE, size=2))
    rows = np.arange(first + y, last + y) & _WRAP
    columns = np.arange(x, frame.width + x) & _WRAP
    tile: Plane = _tile(grain)[rows][:, columns]
    return tile


def lying(setting: Setting, grain: Grain, horizon: float, first: int) -> Plane:
    """Return a texture that lies on the ground and vanishes at the horizon, from a row on."""
    frame = setting.frame
    y, x = (int(offset) for offset in setting.detail_rng.integers(_TILE, size=2))
    below = np.maximum(frame.v[first:] - np.float32(horizon), np.float32(0.012))
    depth = np.float32(_NEAR * frame.side) / below
    columns = ((frame.u - np.float32(0.5)) * depth).astype(np.int32) + x & _WRAP
    rows = depth.astype(np.int32) + y & _WRAP
    low, high = _VANISH
    shows = np.clip((below - np.float32(low)) / np.float32(high - low), 0, 1)
    laid: Plane = _tile(grain)[rows, columns] * shows
    return laid
