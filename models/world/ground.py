"""Ridges and the ground in front, which every landscape is made of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.world.frame import Frame, Plane, Rgb, column, lay, mix, noise
from models.world.scene import Weather
from models.world.setting import Setting
from models.world.texture import Grain, lying, upright


@dataclass(frozen=True, slots=True)
class Ridge:
    """One layer of land: its upper edge and how its colour runs down to its foot."""

    top: Plane
    colour: Rgb
    foot: Rgb
    depth: float


@dataclass(frozen=True, slots=True)
class Soil:
    """The ground in front: its colour, its broad mottling and its fine grain."""

    colour: Rgb
    mottling: float
    cells: tuple[float, float]
    grain: Grain
    fineness: float


def edge(frame: Frame, top: Plane, first: int) -> Plane:
    """Return the antialiased cover of everything below a line, from pixel row ``first`` on."""
    cover: Plane = np.clip((frame.v[first:] - top) * np.float32(frame.side) + 0.5, 0, 1)
    return cover


def first_row(frame: Frame, top: Plane) -> int:
    """Return the pixel row just above the highest point of a line."""
    return frame.row(float(top.min()) - 0.02)


def paint_ridge(canvas: Plane, frame: Frame, ridge: Ridge, shade: Plane | None = None) -> None:
    """Lay one ridge; ``shade``, over the whole picture, brightens and darkens it."""
    first = first_row(frame, ridge.top)
    below = np.clip((frame.v[first:] - ridge.top) / np.float32(ridge.depth), 0, 1)
    upper, lower = column(ridge.colour), column(ridge.foot)
    ink = upper + (lower - upper) * below
    if shade is not None:
        ink *= shade[first:]
    lay(canvas[:, first:], ink, edge(frame, ridge.top, first))


def paint_ground(canvas: Plane, setting: Setting, top: Plane, soil: Soil) -> None:
    """Lay the ground in front, mottled, lighter towards the horizon."""
    frame = setting.frame
    mottling = noise(frame, setting.rng, soil.cells, 3, shrink=2 if setting.is_large else 1)
    shade = 1 + (mottling - np.float32(0.5)) * np.float32(soil.mottling)
    if setting.is_large and soil.fineness:
        first = first_row(frame, top)
        is_snow = setting.weather is Weather.SNOWY
        grain = Grain.SOIL if is_snow else soil.grain
        if grain is Grain.BLADES:
            fine = upright(setting, grain, first)
        else:
            fine = lying(setting, grain, float(top.mean()) - 0.04, first)
        shade[first:] *= 1 + fine * np.float32(soil.fineness * (0.35 if is_snow else 1.0))
    near = setting.lit(soil.colour, 0.0)
    far = mix(near, setting.light.haze, 0.35 * setting.light.haziness)
    paint_ridge(canvas, frame, Ridge(top, far, near, 0.3), shade)
