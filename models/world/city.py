"""The city: two rows of towers with windows, behind a paved square."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, column, lay, mix, rgb, times
from models.world.ground import Soil, first_row, paint_ground
from models.world.scene import TimeOfDay, Weather
from models.world.setting import Setting
from models.world.texture import Grain

_PAVING: Final[Rgb] = rgb(122, 122, 128)
_FACADE: Final[Rgb] = rgb(104, 112, 132)
_LAMPLIGHT: Final[Rgb] = rgb(255, 220, 150)
_TABLE: Final = 4096
_LIT_SHARE: Final[dict[TimeOfDay, float]] = {
    TimeOfDay.DAWN: 0.1,
    TimeOfDay.DAY: 0.1,
    TimeOfDay.SUNSET: 0.3,
    TimeOfDay.NIGHT: 0.55,
}
_FOOT: Final = 0.06
_SLABS: Final = 1.6
_JOINT: Final = 0.34


@dataclass(frozen=True, slots=True)
class _Towers:
    far: float
    wide: float
    low: float
    high: float


_ROWS: Final = (_Towers(0.85, 0.085, 0.12, 0.46), _Towers(0.35, 0.115, 0.06, 0.34))


def paint_city(canvas: Plane, setting: Setting) -> None:
    """Paint the skyline and the square in front of it."""
    frame = setting.frame
    foot = setting.horizon + _FOOT
    for towers in _ROWS:
        _towers(canvas, setting, towers, foot)
    top = np.full_like(frame.u, foot)
    paint_ground(canvas, setting, top, Soil(_PAVING, 0.3, (3, 24), Grain.SOIL, 0.06))
    first = frame.row(foot)
    if setting.is_large and setting.weather is not Weather.SNOWY:
        _joints(canvas[:, first:], setting, foot, first)
    if setting.light.is_night:
        pool = np.exp(-(frame.v[first:] - np.float32(foot)) / np.float32(0.12))
        lay(canvas[:, first:], _LAMPLIGHT, pool * np.float32(0.16))
    if setting.is_large and setting.weather is Weather.RAINY:
        _wet(canvas, first)


def _towers(canvas: Plane, setting: Setting, towers: _Towers, foot: float) -> None:
    frame, rng, light, far = setting.frame, setting.rng, setting.light, towers.far
    count = int(3 / towers.wide)
    edges = np.cumsum(rng.uniform(0.6, 1.4, count)) * towers.wide - 1
    index = np.searchsorted(edges, frame.u[0]).clip(0, count - 1)
    tall = (towers.low + (towers.high - towers.low) * rng.random(count) ** 1.4)[index]
    top = (foot - tall)[None].astype(np.float32)
    first, last = first_row(frame, top), frame.row(foot)
    v = frame.v[first:last]
    tone = rng.uniform(0.75, 1.15, count).astype(np.float32)[index][None]
    wall = column(setting.lit(_FACADE, far, 0.25)) * (1 + (tone - 1) * np.float32(1 - 0.6 * far))
    wall = np.repeat(wall, v.shape[0], axis=1)
    cell = max(0.018, 2.6 / frame.side)
    across = ((frame.u[0] - edges[index - 1]) / cell).astype(np.float32)
    down = (v - top) / np.float32(cell * 1.25)
    pane = (np.mod(across, 1) > 0.4)[None] & (np.mod(down, 1) > 0.4) & (down > 0.6)
    table = rng.random(_TABLE).astype(np.float32)
    key = (index[None] * 131 + across.astype(int)[None] * 17 + down.astype(int) * 71) % _TABLE
    is_lit = pane & (table < _LIT_SHARE[setting.time_of_day])[key]
    glass = setting.lit(mix(_FACADE, light.middle, 0.5), far, 0.1)
    lay(wall, times(glass, (0.72, 0.74, 0.8)), pane * np.float32(0.75))
    lay(wall, _LAMPLIGHT, is_lit * np.float32((1 - 0.55 * far * light.haziness) * 0.9))
    low = np.clip((v - np.float32(foot - 0.3)) / np.float32(0.3), 0, 1)
    lay(wall, light.haze, low * np.float32(0.3 * far))
    if setting.weather is Weather.SNOWY:
        roof = np.clip(1 - down * np.float32(0.7), 0, 1)
        lay(wall, setting.snow(far * light.haziness), roof)
    cover = np.clip((v - top) * np.float32(frame.side) + np.float32(0.5), 0, 1)
    lay(canvas[:, first:last], wall, cover)


def _joints(view: Plane, setting: Setting, foot: float, first: int) -> None:
    """Draw the joints between paving slabs, running to the vanishing point."""
    frame = setting.frame
    below = frame.v[first:] - np.float32(foot - 0.03)
    depth = np.float32(_SLABS) / below
    shows = np.clip(below * 4 - np.float32(0.3), 0, 1) * np.float32(_JOINT)
    pixel = depth / np.float32(frame.side) * np.float32(1.2)
    along = np.abs(np.mod((frame.u - np.float32(0.5)) * depth, 1) - np.float32(0.5))
    lines = np.clip(along / pixel - np.float32(0.5) / pixel + 1, 0, 1)
    step = pixel / below
    rows = np.abs(np.mod(depth, 1) - np.float32(0.5))
    lines = np.maximum(lines, np.clip(rows / step - np.float32(0.5) / step + 1, 0, 1))
    view *= 1 - lines * shows


def _wet(canvas: Plane, first: int) -> None:
    """Mirror the skyline faintly in the wet paving."""
    below = canvas[:, first:]
    depth = min(below.shape[1], first)
    mirrored = canvas[:, first - depth : first][:, ::-1].copy()
    fade = np.linspace(0.3, 0, depth, dtype=np.float32)[:, None]
    lay(below[:, :depth], mirrored, fade)
