"""The desert: dunes with a lit back and a shaded slip face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.world.frame import Plane, Rgb, column, lay, mix, noise, profile, rgb, smoothstep, times
from models.world.ground import edge, first_row
from models.world.scene import Weather
from models.world.setting import Setting
from models.world.texture import Grain, lying

_SAND: Final[Rgb] = rgb(226, 178, 112)
_SUNLIT: Final[Rgb] = (1.0, 0.95, 0.85)
_SHADED_FROM_BEHIND: Final = 0.45


@dataclass(frozen=True, slots=True)
class _Dunes:
    far: float
    drop: float
    height: float
    waves: float


_ROWS: Final = (
    _Dunes(0.8, -0.04, 0.05, 1.6),
    _Dunes(0.5, 0.03, 0.06, 1.2),
    _Dunes(0.25, 0.12, 0.06, 0.9),
    _Dunes(0.0, 0.23, 0.05, 0.7),
)


def paint_desert(canvas: Plane, setting: Setting) -> None:
    """Paint rows of dunes."""
    ripples = noise(setting.frame, setting.rng, (4, 34), 2, shrink=1) - np.float32(0.5)
    if setting.is_large:
        first = setting.frame.row(setting.horizon)
        strength = 0.1 if setting.weather is Weather.SNOWY else 0.22
        fine = lying(setting, Grain.RIPPLES, setting.horizon - 0.06, first)
        ripples[first:] += fine * np.float32(strength)
    for dunes in _ROWS:
        _dunes(canvas, setting, dunes, ripples)


def _dunes(canvas: Plane, setting: Setting, dunes: _Dunes, ripples: Plane) -> None:
    frame, rng, far = setting.frame, setting.rng, dunes.far
    phase, lean = rng.uniform(0, 1), float(rng.uniform(0.55, 0.8))
    along = frame.u * np.float32(dunes.waves) + np.float32(phase)
    saw = np.mod(along, 1)
    hump = np.where(saw < lean, saw / np.float32(lean), (1 - saw) / np.float32(1 - lean))
    hump = hump * hump * (3 - 2 * hump)
    top = np.float32(setting.horizon + dunes.drop + dunes.height / 2)
    top = top - np.float32(dunes.height) * hump + np.float32(0.008) * profile(frame, rng, 3, 2)
    first = first_row(frame, top)
    below = frame.v[first:] - top
    # The slip face bends away below the crest; its edge sways.
    sway = np.mod(along + below * np.float32(0.9), 1)
    shadow = smoothstep(lean - 0.015, lean + 0.015, sway) * smoothstep(1.0, 0.9, sway)
    shadow *= np.exp(-below / np.float32(0.12))
    if setting.sun_side < 0:
        shadow *= np.float32(_SHADED_FROM_BEHIND)
    colour = mix(setting.lit(_SAND, far, 0.72), _SUNLIT, 0.12)
    dark = setting.lit(times(_SAND, (0.62, 0.5, 0.5)), far, 0.7)
    ink = column(colour) * (1 + ripples[first:] * np.float32(0.34 * (1 - 0.7 * far)))
    ink *= 1 - np.float32(0.22) * np.clip(below / np.float32(0.25), 0, 1)
    lay(ink, dark, shadow * np.float32(0.85))
    lay(canvas[:, first:], ink, edge(frame, top, first))
