"""What fills the air: fog, rain and falling snow; and the finish of the film."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw

from models.world.frame import Frame, Plane, lay, mix, noise
from models.world.scene import Weather
from models.world.setting import Setting

_GRAIN_TILE = 1024
_GRAIN_STRENGTH = 0.012
_VIGNETTE = 0.2
_STREAKS = 300
_FLAKES = 420


def paint_air_behind(canvas: Plane, setting: Setting) -> None:
    """Lay fog over the land, before the things in front are painted."""
    if setting.weather is Weather.FOGGY:
        frame = setting.frame
        banks = noise(frame, setting.rng, (1.6, 4), 3)
        height = (frame.v - np.float32(setting.horizon + 0.02)) / np.float32(0.3)
        lie = np.exp(-height * height)
        cover = np.clip(lie * (np.float32(0.35) + banks * np.float32(1.1)), 0, 0.94) * np.float32(
            0.62
        ) + np.float32(0.17)
        lay(
            canvas,
            mix(setting.light.haze, (1, 1, 1), 0.04 if setting.light.is_night else 0.25),
            cover,
        )
    elif setting.weather is Weather.RAINY:
        lay(canvas, setting.light.haze, 0.12)
    elif setting.weather is Weather.SNOWY:
        _snow(canvas, setting, _FLAKES, 0.004, 0.7)


def paint_air_in_front(canvas: Plane, setting: Setting) -> None:
    """Let it rain or snow before everything, and drift a wisp of fog across."""
    if setting.weather is Weather.RAINY:
        _rain(canvas, setting)
    elif setting.weather is Weather.SNOWY:
        _snow(canvas, setting, _FLAKES // 4, 0.0085, 0.9)
    elif setting.weather is Weather.FOGGY:
        frame = setting.frame
        wisps = noise(frame, setting.rng, (1.3, 5), 3, shrink=4)
        low = np.clip((frame.v - np.float32(0.7)) / np.float32(0.3), 0, 1)
        lay(
            canvas,
            setting.light.haze,
            np.clip((wisps - np.float32(0.45)) * 2, 0, 1) * low * np.float32(0.5),
        )


def _rain(canvas: Plane, setting: Setting) -> None:
    frame, rng = setting.frame, setting.rng
    mask = Image.new("L", (frame.width, frame.height))
    draw = ImageDraw.Draw(mask)
    slant = rng.uniform(0.18, 0.34) * (1 if rng.random() < 0.5 else -1)
    us, vs = rng.uniform(-1, 2, _STREAKS), rng.uniform(-0.7, 1.6, _STREAKS)
    longs, brights = rng.uniform(0.05, 0.15, _STREAKS), rng.integers(70, 200, _STREAKS)
    width = max(1, round(frame.side / 220))
    for u, v, long, bright in zip(
        us.tolist(), vs.tolist(), longs.tolist(), brights.tolist(), strict=True
    ):
        x, y = frame.left + u * frame.side, frame.top + v * frame.side
        if 0 <= x < frame.width and -long * frame.side < y < frame.height:
            draw.line(
                [(x, y), (x - slant * long * frame.side, y + long * frame.side)],
                fill=bright,
                width=width,
            )
    streaks = np.asarray(mask, dtype=np.float32) * np.float32(1 / 255)
    lay(canvas, mix(setting.light.low, (0.92, 0.95, 1.0), 0.6), streaks * np.float32(0.75))


def _snow(canvas: Plane, setting: Setting, count: int, size: float, power: float) -> None:
    frame, rng = setting.frame, setting.rng
    mask = Image.new("L", (frame.width * 2, frame.height * 2))
    draw = ImageDraw.Draw(mask)
    us, vs = rng.uniform(-1, 2, count), rng.uniform(-0.5, 1.5, count)
    radii = rng.uniform(0.5, 1.1, count) * max(size * frame.side, 0.55) * 2
    brights = rng.integers(130, 255, count)
    for u, v, r, bright in zip(
        us.tolist(), vs.tolist(), radii.tolist(), brights.tolist(), strict=True
    ):
        x, y = (frame.left + u * frame.side) * 2, (frame.top + v * frame.side) * 2
        if 0 <= x < mask.width and 0 <= y < mask.height:
            draw.ellipse((x - r, y - r, x + r, y + r), fill=bright)
    flakes = np.asarray(mask.reduce(2), dtype=np.float32) * np.float32(power / 255)
    lay(canvas, mix((0.98, 0.99, 1.0), setting.light.low, 0.15), flakes)


def finish(canvas: Plane, frame: Frame, rng: np.random.Generator) -> Image.Image:
    """Darken the corners, add film grain and return the picture."""
    canvas *= _vignette(frame.width, frame.height)
    if frame.width <= _GRAIN_TILE // 2 and frame.height <= _GRAIN_TILE // 2:
        x, y = rng.integers(_GRAIN_TILE // 2, size=2)
        canvas += _grain()[y : y + frame.height, x : x + frame.width]
    else:
        canvas += rng.standard_normal((frame.height, frame.width), np.float32) * np.float32(
            _GRAIN_STRENGTH
        )
    canvas *= 255
    np.clip(canvas, 0, 255, out=canvas)
    return Image.fromarray(np.ascontiguousarray(canvas.astype(np.uint8).transpose(1, 2, 0)), "RGB")


@lru_cache(maxsize=1)
def _grain() -> Plane:
    chance = np.random.default_rng(0)
    return chance.standard_normal((_GRAIN_TILE, _GRAIN_TILE), np.float32) * np.float32(
        _GRAIN_STRENGTH
    )


@lru_cache(maxsize=32)
def _vignette(width: int, height: int) -> Plane:
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    away = (x * x + y * y) * np.float32(0.5)
    light: Plane = 1 - np.float32(_VIGNETTE) * away * away
    return light
