"""Mountains: three ranges with lit and shaded ribs of rock, capped with snow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, column, lay, mix, noise, profile, rgb, times
from models.world.ground import Soil, edge, first_row, paint_ground
from models.world.scene import Weather
from models.world.setting import CONIFER, ROCK, SNOW, Setting
from models.world.texture import Grain, upright

_PASTURE: Final[Rgb] = rgb(104, 122, 76)
_CAPPED_FROM: Final = 0.5
_RIB_DRIFT: Final = 0.55
_CAP_DEPTH: Final = 0.075
_CAP_DEPTH_IN_SNOW: Final = 0.3
_MOON_SHADE: Final = np.float32(0.82)
_MOON_SHINE: Final = np.float32(1.3)


@dataclass(frozen=True, slots=True)
class _Range:
    far: float
    lift: float
    height: float
    cells: float


_RANGES: Final = (
    _Range(0.95, 0.24, 0.13, 3),
    _Range(0.6, 0.12, 0.10, 4),
    _Range(0.3, 0.01, 0.055, 5),
)


def paint_mountains(canvas: Plane, setting: Setting) -> None:
    """Paint mountains over the sky."""
    rough = noise(setting.frame, setting.rng, (7, 5), 4)
    for mountains in _RANGES:
        _range(canvas, setting, mountains, rough)
    wave = profile(setting.frame, setting.rng, 3, 3)
    top = np.float32(setting.horizon + 0.06) + np.float32(0.02) * wave
    paint_ground(canvas, setting, top, Soil(_PASTURE, 0.5, (6, 14), Grain.SOIL, 0.13))


def _range(canvas: Plane, setting: Setting, mountains: _Range, rough: Plane) -> None:
    frame, far, base = setting.frame, mountains.far, setting.horizon - mountains.lift
    ridge = profile(frame, setting.rng, mountains.cells, 5)
    top = np.float32(base) - np.float32(mountains.height) * ridge
    first = first_row(frame, top)
    below = frame.v[first:] - top
    facing = _facing(setting, ridge, below, rough[first:] - np.float32(0.5))
    if setting.is_large:
        facing += upright(setting, Grain.SOIL, first) * np.float32(0.09)
        np.clip(facing, 0, 1, out=facing)
    rock = mix(ROCK, CONIFER, 0.45 if far < _CAPPED_FROM else 0.0)
    dark = column(setting.lit(times(rock, (0.62, 0.62, 0.72)), far, 0.45))
    bright = column(setting.lit(mix(rock, (1, 1, 1), 0.2), far))
    ink = dark + (bright - dark) * facing
    if far > _CAPPED_FROM:
        shade = times(mix(SNOW, (0.5, 0.6, 0.8), 0.4), setting.light.tint)
        snow_dark = column(mix(shade, setting.light.haze, 0.3 * far))
        snow_bright = column(setting.snow(0.2 * far))
        if setting.is_large and setting.light.is_night:
            snow_dark, snow_bright = snow_dark * _MOON_SHADE, snow_bright * _MOON_SHINE
        depth = _CAP_DEPTH_IN_SNOW if setting.weather is Weather.SNOWY else _CAP_DEPTH
        ragged = (rough[first:] - np.float32(0.5)) * np.float32(0.22)
        cap: Plane = np.clip((np.float32(depth) - below + ragged) * np.float32(40), 0, 1)
        cap *= np.clip((np.float32(base + 0.02) - frame.v[first:] + below) * np.float32(14), 0, 1)
        cap *= np.float32(1 - 0.7 * far * max(0.0, setting.light.haziness - 0.4))
        ice = snow_dark + (snow_bright - snow_dark) * facing
        lay(ink, ice, cap)
    mist: Plane = np.clip(below / np.float32(0.32), 0, 1)
    mist *= np.float32(0.55 * far + 0.1)
    lay(ink, setting.light.haze, mist)
    lay(canvas[:, first:], ink, edge(frame, top, first))


def _facing(setting: Setting, ridge: Plane, below: Plane, rough: Plane) -> Plane:
    """Return how far each bit of rock faces the light, 0 to 1.

    The slope of the ridge is carried down aslant, which draws ribs and gullies.
    """
    frame = setting.frame
    slope = np.gradient(ridge[0]).astype(np.float32) * np.float32(frame.side * 0.05)
    drift = (below * np.float32(_RIB_DRIFT) + rough * np.float32(0.16)) * np.float32(frame.side)
    columns = np.arange(frame.width, dtype=np.float32)[None]
    at = np.clip(columns - drift, 0, frame.width - 1).astype(np.int32)
    facing: Plane = np.clip(np.float32(0.5) - np.float32(setting.sun_side * 0.5) * slope[at], 0, 1)
    return facing
