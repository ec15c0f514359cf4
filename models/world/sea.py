"""The sea: water that mirrors the sky, waves, and the path of light under the sun or moon."""

from __future__ import annotations

from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, column, lay, mix, noise, profile, rgb, smoothstep, times
from models.world.ground import Ridge, paint_ridge
from models.world.scene import Weather
from models.world.setting import ROCK, Setting
from models.world.texture import Grain, lying

_WATER: Final[Rgb] = rgb(36, 104, 146)
_WHITE: Final[Rgb] = (1.0, 1.0, 1.0)


def paint_sea(canvas: Plane, setting: Setting) -> None:
    """Paint the sea, with a low headland far away."""
    frame, rng, light, horizon = setting.frame, setting.rng, setting.light, setting.horizon
    land = np.maximum(0, profile(frame, rng, 2, 3)) * np.float32(0.06)
    headland = Ridge(
        np.float32(horizon + 0.012) - land, setting.lit(ROCK, 0.8), setting.lit(ROCK, 1.0), 0.06
    )
    paint_ridge(canvas, frame, headland)
    first = frame.row(horizon)
    t = np.clip((frame.v[first:] - horizon) / np.float32(0.48), 0, 1)
    water = times(_WATER, mix(light.tint, _WHITE, 0.1))
    far, near = column(mix(light.low, water, 0.35)), column(mix(light.high, water, 0.7))
    ink = far + (near - far) * np.sqrt(t)
    waves = _waves(setting, first)
    swell = (waves - np.float32(0.5)) * (np.float32(0.5) + t * np.float32(0.3))
    path = (frame.u - np.float32(setting.sun[0])) / (np.float32(0.05) + t * np.float32(0.16))
    path = np.exp(-(path * path))
    is_bright = setting.weather in (Weather.CLEAR, Weather.CLOUDY)
    glints = path * smoothstep(0.42, 0.66, waves) * np.float32(0.85 if is_bright else 0.34)
    crests = smoothstep(0.68, 0.82, waves) * np.float32(0.4)
    if setting.is_large:
        fine = lying(setting, Grain.WAVES, horizon - 0.01, first)
        swell += fine * np.float32(0.11)
        crests *= np.clip(np.float32(0.55) + fine * np.float32(0.5), 0, 1.2)
        crests += np.clip(fine - np.float32(1.3), 0, 1) * np.float32(0.22)
        glints *= np.clip(np.float32(0.85) + fine * np.float32(0.55), 0, 1.15)
        glints += path * np.clip(fine - np.float32(0.9), 0, 1) * np.float32(0.4 * is_bright)
    ink = ink * (1 + swell)
    lay(ink, mix(light.low, _WHITE, 0.15), crests)
    lay(ink, light.glow, np.minimum(glints, 1))
    haze = np.exp(-t / np.float32(0.10)) * np.float32(0.25 + 0.65 * (light.haziness - 0.4))
    lay(ink, light.haze, haze)
    cover = np.clip((frame.v[first:] - horizon) * np.float32(frame.side) + 0.5, 0, 1)
    lay(canvas[:, first:], ink, cover)


def _waves(setting: Setting, first: int) -> Plane:
    """Return wave heights of about 0 to 1 that grow wider towards the viewer."""
    frame = setting.frame
    swell = noise(frame, setting.rng, (5, 30), 2, shrink=1)[first:]
    chop = noise(frame, setting.rng, (9, 12), 2, shrink=1)[first:]
    t = np.clip((frame.v[first:] - setting.horizon) / np.float32(0.4), 0, 1)
    mixed = swell * (1 - np.float32(0.5) * t) + chop * np.float32(0.5) * t
    waves: Plane = np.clip((mixed - np.float32(0.5)) * np.float32(1.5) + np.float32(0.5), 0, 1)
    return waves
