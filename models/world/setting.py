"""The setting that every painter shares: picture plane, chance, light, weather and sun."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from models.world.frame import Frame, Rgb, mix, rgb, times
from models.world.light import Light
from models.world.scene import TimeOfDay, Weather

SNOW: Final[Rgb] = rgb(240, 245, 252)
ROCK: Final[Rgb] = rgb(104, 104, 122)
CONIFER: Final[Rgb] = rgb(30, 66, 52)
SNOW_BY_MOONLIGHT: Final = 1.22
"""Snow gathers what little light there is, so that a winter night is pale below and dark above."""
_DETAIL_FROM_SIDE: Final = 200


@dataclass(frozen=True, slots=True)
class Setting:
    """What every painter needs.

    Attributes:
        frame: The picture plane.
        rng: Chance that decides the composition; drawn from alike at every size.
        detail_rng: Chance for texture that only large pictures show.
        light: The light of the time of day and weather.
        weather: What the air is like.
        time_of_day: Where the light comes from.
        sun: Where the sun or moon stands, in units of the central square.
        horizon: ``v`` of the horizon.
    """

    frame: Frame
    rng: np.random.Generator
    detail_rng: np.random.Generator
    light: Light
    weather: Weather
    time_of_day: TimeOfDay
    sun: tuple[float, float]
    horizon: float

    @property
    def is_large(self) -> bool:
        """Whether fine texture would be visible, and so is worth its time."""
        return self.frame.side >= _DETAIL_FROM_SIDE

    @property
    def sun_side(self) -> float:
        """1 if the light comes from the left, -1 if it comes from the right."""
        return 1.0 if self.sun[0] < 0.5 else -1.0

    def snow(self, far: float) -> Rgb:
        """Return the colour of lit snow, ``far`` (0 to 1) away."""
        bright = SNOW_BY_MOONLIGHT if self.light.is_night else 1.0
        lit = times(SNOW, self.light.tint)
        return mix(times(lit, (bright, bright, bright)), self.light.haze, far)

    def lit(self, colour: Rgb, far: float, snow: float = 0.85) -> Rgb:
        """Return a colour in this light, ``far`` (0 to 1) away, snowed on where it snows."""
        colour = times(colour, self.light.tint)
        if self.weather is Weather.SNOWY:
            colour = mix(colour, self.snow(0.0), snow)
        return mix(colour, self.light.haze, far * self.light.haziness)
