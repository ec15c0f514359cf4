"""The forest: three rows of conifers behind a clearing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, mix, noise, profile, rgb, times
from models.world.ground import Ridge, Soil, first_row, paint_ground, paint_ridge
from models.world.scene import Weather
from models.world.setting import CONIFER, Setting
from models.world.texture import Grain, upright

_FLOOR: Final[Rgb] = rgb(92, 98, 58)
_HEIGHTS_KEPT: Final = 512
_TIERS: Final = 9


@dataclass(frozen=True, slots=True)
class _Row:
    far: float
    base: float
    height: float
    count: int


_ROWS: Final = (_Row(0.85, -0.02, 0.24, 17), _Row(0.5, 0.03, 0.34, 12), _Row(0.15, 0.07, 0.46, 8))


def paint_forest(canvas: Plane, setting: Setting) -> None:
    """Paint rows of conifers and the floor of the clearing."""
    for row in _ROWS:
        _conifers(canvas, setting, row)
    wave = profile(setting.frame, setting.rng, 5, 3)
    top = np.float32(setting.horizon + 0.05) + np.float32(0.015) * wave
    paint_ground(canvas, setting, top, Soil(_FLOOR, 0.7, (10, 22), Grain.SOIL, 0.18))


def _conifers(canvas: Plane, setting: Setting, row: _Row) -> None:
    frame, rng = setting.frame, setting.rng
    base = np.float32(setting.horizon + row.base)
    top = np.full_like(frame.u, base)
    for _ in range(2):
        at = frame.u * np.float32(row.count) + np.float32(rng.random())
        across = np.mod(at + row.count * 4, 1) - np.float32(0.5)
        index = np.floor(frame.u * row.count - across + row.count * 8).astype(np.int64)
        heights = rng.uniform(0.6, 1.0, _HEIGHTS_KEPT).astype(np.float32) * np.float32(row.height)
        # Drooping tiers of branches: a cone with a saw-toothed edge.
        cone = np.clip(1 - np.abs(across) * np.float32(1.7), 0, 1)
        teeth = np.abs(np.mod(cone * _TIERS, 1) - np.float32(0.5))
        tiers = cone + np.float32(0.07) * teeth - np.float32(0.12)
        tree = heights[index % _HEIGHTS_KEPT] * np.clip(tiers * np.float32(1.1), 0, 1)
        top = np.minimum(top, base - tree)
    needles = noise(frame, rng, (26, 40), 2, shrink=1)
    shade = np.float32(0.78) + needles * np.float32(0.5)
    if setting.is_large:
        first = first_row(frame, top)
        is_snow = setting.weather is Weather.SNOWY
        grain = Grain.SOIL if is_snow else Grain.BLADES
        shade[first:] *= 1 + upright(setting, grain, first) * np.float32(0.1 if is_snow else 0.14)
    foot = setting.lit(times(CONIFER, (0.8, 0.8, 0.8)), row.far, 0.3)
    foot = mix(foot, setting.light.haze, 0.28 * setting.light.haziness)
    ridge = Ridge(top, setting.lit(CONIFER, row.far, 0.5), foot, 0.4)
    paint_ridge(canvas, frame, ridge, shade)
