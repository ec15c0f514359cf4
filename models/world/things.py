"""Puts the things in front into the picture: colour, volume, shadow, reflection and lamplight."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np
from PIL import Image, ImageFilter

from models.world.brush import Brush, Ink
from models.world.frame import Plane, Rgb, column, lay, mix, rgb
from models.world.layout import FLYING, Spot, spots_of
from models.world.scene import Colour, Kind, Landscape, Scene, Weather
from models.world.setting import Setting
from models.world.shapes import SHAPES

INKS: Final[dict[Colour, Rgb]] = {
    Colour.RED: rgb(218, 34, 38),
    Colour.YELLOW: rgb(255, 210, 24),
    Colour.GREEN: rgb(26, 158, 62),
    Colour.BLUE: rgb(30, 92, 226),
    Colour.PURPLE: rgb(140, 52, 190),
    Colour.WHITE: rgb(250, 250, 250),
}
_PATCH_MARGIN: Final = 0.3
_HALO_BLUR: Final = 0.022
_ISLET: Final = rgb(196, 172, 126)
_LAMP: Final = rgb(255, 226, 160)
_FOG_OVER_THINGS: Final = 0.1
_ROUNDNESS: Final = 0.075
"""How far from its edge a thing bulges, in shares of its size."""


def paint_things(canvas: Plane, setting: Setting, scene: Scene) -> None:
    """Paint every group of the scene."""
    for group in scene.groups:
        spots = spots_of(group, setting.rng)
        is_stranded = scene.landscape is Landscape.SEA and group.kind is not Kind.SAILBOAT
        if is_stranded and group.kind not in FLYING:
            _islet(canvas, setting, spots, group.kind)
        for spot in spots:
            _thing(canvas, setting, group.kind, INKS[group.colour], spot)


def _thing(canvas: Plane, setting: Setting, kind: Kind, colour: Rgb, spot: Spot) -> None:
    frame, light = setting.frame, setting.light
    scale = spot.size * frame.side
    side = ceil(scale * (1 + 2 * _PATCH_MARGIN))
    foot_x, foot_y = frame.left + spot.u * frame.side, frame.top + spot.v * frame.side
    left, top = round(foot_x - side / 2), round(foot_y - scale * (1 + _PATCH_MARGIN))
    brush = Brush(side, scale, (foot_x - left, foot_y - top), spot.tilt)
    SHAPES[kind](brush, Ink(colour, light.is_night), setting.rng)
    paint, alpha = brush.finish()
    alpha_image = Image.fromarray((alpha * 255).astype(np.uint8))
    _model(paint, alpha_image, scale, setting)
    is_flying = kind in FLYING
    if not is_flying:
        _shadow(canvas, setting, spot, 0.5 if kind is not Kind.CAR else 0.56)
    window, part = _overlap(canvas, left, top, side)
    if window is None:
        return
    halo = ImageFilter.GaussianBlur(max(1.0, _HALO_BLUR * frame.side))
    around = np.asarray(alpha_image.filter(halo), dtype=np.float32)[part] * np.float32(1 / 255)
    view = canvas[:, window[0], window[1]]
    # A soft dark rim lets white stand off fog and snow; at night a faint light rim lifts colours.
    if light.is_night and min(colour) < 0.9:
        lay(view, mix(light.low, colour, 0.35), around * np.float32(0.4))
    else:
        view *= 1 - around * np.float32(0.42)
    floats = kind is Kind.SAILBOAT
    if floats or (setting.weather is Weather.RAINY and not is_flying):
        _reflect(canvas, setting, paint, alpha, (left, top), foot_y, 0.42 if floats else 0.26)
    lay(view, paint[:, part[0], part[1]], alpha[part])
    if light.is_night:
        for x, y, radius in brush.lamps:
            _glow(canvas, left + x, top + y, radius * scale)


def _model(paint: Plane, alpha: Image.Image, scale: float, setting: Setting) -> None:
    """Round the flat paint: light from the sun's side, shade and a rim on the other."""
    soft = np.asarray(alpha.filter(ImageFilter.GaussianBlur(scale * _ROUNDNESS)), dtype=np.float32)
    soft = soft * np.float32(1 / 255)
    down, across = np.gradient(soft, axis=0), np.gradient(soft, axis=1)
    strength = scale * _ROUNDNESS
    facing: Plane = across * np.float32(setting.sun_side * 0.8 * strength)
    facing += down * np.float32(0.6 * strength)
    paint *= column(setting.light.thing_tint)
    paint *= 1 + np.minimum(facing, 0)
    lay(paint, mix(setting.light.glow, (1, 1, 1), 0.4), np.clip(facing, 0, 0.5) * np.float32(0.55))
    if setting.weather is Weather.FOGGY:
        lay(paint, setting.light.haze, _FOG_OVER_THINGS)


def _overlap(
    canvas: Plane, left: int, top: int, side: int, height: int | None = None
) -> tuple[tuple[slice, slice] | None, tuple[slice, slice]]:
    """Return the rows and columns a patch covers, in the canvas and in the patch."""
    height = side if height is None else height
    rows = slice(max(top, 0), min(top + height, canvas.shape[1]))
    columns = slice(max(left, 0), min(left + side, canvas.shape[2]))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None, (slice(0), slice(0))
    part = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    return (rows, columns), part


def _shadow(canvas: Plane, setting: Setting, spot: Spot, reach: float) -> None:
    """Darken the ground under a thing, away from the sun."""
    frame = setting.frame
    first, last = frame.row(spot.v - 0.07), frame.row(spot.v + 0.07)
    lean = 0.06 * setting.sun_side * spot.size * 2
    du = (frame.u - np.float32(spot.u + lean)) / np.float32(spot.size * reach)
    dv = (frame.v[first:last] - np.float32(spot.v + 0.004)) / np.float32(0.032)
    canvas[:, first:last] *= 1 - np.exp(-(du * du + dv * dv)) * np.float32(0.5)


def _reflect(
    canvas: Plane,
    setting: Setting,
    paint: Plane,
    alpha: Plane,
    corner: tuple[int, int],
    foot_y: float,
    power: float,
) -> None:
    """Mirror a thing in water or on wet ground, broken by ripples, fading downwards."""
    foot = round(foot_y) - corner[1]
    depth = int(foot * 0.5)
    ripple = (
        np.sin(np.arange(depth) * (26.0 / max(depth, 1)) + setting.rng.uniform(0, 6))
        * setting.frame.side
        * 0.006
    )
    rows = foot - 1 - np.minimum((np.arange(depth) * 1.7).astype(int), foot - 1)
    columns = np.clip(
        np.arange(paint.shape[2])[None] + ripple.round().astype(int)[:, None], 0, paint.shape[2] - 1
    )
    window, part = _overlap(canvas, corner[0], corner[1] + foot, paint.shape[2], depth)
    if window is None:
        return
    mirrored, cover = paint[:, rows[:, None], columns], alpha[rows[:, None], columns]
    fade = (np.float32(power) * np.linspace(1, 0, depth, dtype=np.float32))[:, None]
    lay(
        canvas[:, window[0], window[1]],
        mirrored[:, part[0], part[1]] * np.float32(0.85),
        (cover * fade)[part],
    )


def _islet(canvas: Plane, setting: Setting, spots: list[Spot], kind: Kind) -> None:
    """Give things that cannot swim a sandbank to stand on, with a rim of foam."""
    frame = setting.frame
    sand = setting.lit(_ISLET, 0.0)
    middle = sum(spot.u for spot in spots) / len(spots)
    reach = max(abs(spot.u - middle) + spot.size * 0.55 for spot in spots) + 0.03
    low, high = min(spot.v for spot in spots), max(spot.v for spot in spots)
    centre, tall = (low + high) / 2 + 0.012, (high - low) / 2 + 0.05
    first, last = frame.row(centre - tall * 1.5), frame.row(centre + tall * 1.6)
    du = (frame.u - np.float32(middle)) / np.float32(reach)
    dv = (frame.v[first:last] - np.float32(centre)) / np.float32(tall)
    wobble = np.sin(frame.u * 31 + np.float32(setting.rng.uniform(0, 6))) * np.float32(0.04)
    inside = 1 - (du * du + dv * dv) + wobble
    soft = np.float32(min(frame.side * tall * 0.5, 40))
    view = canvas[:, first:last]
    lay(
        view,
        mix(setting.light.low, (1, 1, 1), 0.35),
        np.clip((inside + 0.14) * soft, 0, 1) * np.float32(0.6),
    )
    shade = column(sand) * (1 - np.clip(dv, -1, 1) * np.float32(0.2))
    lay(view, shade, np.clip(inside * soft, 0, 1))


def _glow(canvas: Plane, x: float, y: float, radius: float) -> None:
    """Add the glow of a lamp."""
    reach = ceil(radius)
    window, _ = _overlap(canvas, round(x) - reach, round(y) - reach, 2 * reach)
    if window is None:
        return
    rows = np.arange(window[0].start, window[0].stop, dtype=np.float32)[:, None]
    columns = np.arange(window[1].start, window[1].stop, dtype=np.float32)[None]
    near = 1 - np.minimum(
        np.sqrt((rows - np.float32(y)) ** 2 + (columns - np.float32(x)) ** 2) / np.float32(radius),
        1,
    )
    lay(canvas[:, window[0], window[1]], _LAMP, near**3 * np.float32(0.7))
