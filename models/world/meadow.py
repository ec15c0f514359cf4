"""The meadow: rolling green hills, grass and pale blossoms."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, column, mix, profile, rgb, times
from models.world.ground import Ridge, Soil, paint_ground, paint_ridge
from models.world.scene import Weather
from models.world.setting import Setting
from models.world.texture import Grain

_GRASS: Final[Rgb] = rgb(122, 158, 66)
_RIPE_GRASS: Final[Rgb] = rgb(176, 190, 84)
_BLOSSOM: Final[Rgb] = rgb(255, 246, 214)
_BLOSSOMS: Final = 420
_HILLS: Final = ((0.85, -0.06, 0.05), (0.5, 0.0, 0.045), (0.22, 0.07, 0.035))
"""How far away, how far below the horizon and how high each row of hills is."""


def paint_meadow(canvas: Plane, setting: Setting) -> None:
    """Paint hills, grass and blossoms."""
    frame, rng, horizon = setting.frame, setting.rng, setting.horizon
    for far, drop, height in _HILLS:
        waves, phase = np.float32(rng.uniform(4, 7)), np.float32(rng.uniform(0, 6.3))
        roll = np.sin(frame.u * waves + phase) + np.float32(0.3) * profile(frame, rng, 2, 1)
        grass = mix(_GRASS, _RIPE_GRASS, float(rng.random()) * 0.6)
        ridge = Ridge(
            top=np.float32(horizon + drop) - np.float32(height) * roll,
            colour=setting.lit(mix(grass, (1, 1, 0.7), 0.22), far),
            foot=setting.lit(times(grass, (0.68, 0.74, 0.7)), far),
            depth=0.14,
        )
        paint_ridge(canvas, frame, ridge)
    roll = np.sin(frame.u * np.float32(5) + np.float32(rng.uniform(0, 6)))
    top = np.float32(horizon + 0.14) + np.float32(0.02) * roll
    paint_ground(canvas, setting, top, Soil(_GRASS, 0.6, (16, 10), Grain.BLADES, 0.1))
    if setting.weather is not Weather.SNOWY:
        _blossoms(canvas, setting, horizon + 0.16)


def _blossoms(canvas: Plane, setting: Setting, above: float) -> None:
    """Sprinkle pale blossoms, sparser towards the viewer."""
    frame, rng = setting.frame, setting.rng
    near = rng.random(_BLOSSOMS) ** 0.7
    xs = (frame.left + rng.uniform(-1, 2, _BLOSSOMS) * frame.side).astype(int)
    ys = (frame.top + (above + near * (1.5 - above)) * frame.side).astype(int)
    inside = (xs >= 0) & (xs < frame.width - 1) & (ys >= 0) & (ys < frame.height - 1)
    xs, ys = xs[inside], ys[inside]
    cream = column(times(_BLOSSOM, setting.light.tint))[:, :, 0]
    size = 2 if setting.is_large else 1
    for dx in range(size):
        for dy in range(size):
            spot = canvas[:, ys + dy, xs + dx]
            canvas[:, ys + dy, xs + dx] = spot + (cream - spot) * np.float32(0.7)
