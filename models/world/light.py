"""What the time of day and the weather do to the light: one table of colours per time."""

from __future__ import annotations

from dataclasses import dataclass

from models.world.frame import Rgb, mix, rgb
from models.world.scene import TimeOfDay, Weather


@dataclass(frozen=True, slots=True)
class Light:
    """Everything the painters of sky, land and things need to know of the light.

    Attributes:
        high: Colour of the top of the sky.
        middle: Colour of the middle of the sky.
        low: Colour of the sky at the horizon.
        haze: Colour that the distance fades into.
        tint: What the light multiplies the colours of the land by.
        thing_tint: The same for things in front, kept mild so that their colours stay clear.
        glow: Colour of the sun or moon and its glow.
        haziness: Share of haze over the farthest land.
        is_night: Whether lamps are lit.
    """

    high: Rgb
    middle: Rgb
    low: Rgb
    haze: Rgb
    tint: Rgb
    thing_tint: Rgb
    glow: Rgb
    haziness: float
    is_night: bool


_SKY: dict[TimeOfDay, tuple[Rgb, Rgb, Rgb]] = {
    TimeOfDay.DAWN: (rgb(146, 164, 216), rgb(240, 194, 216), rgb(255, 228, 180)),
    TimeOfDay.DAY: (rgb(34, 100, 196), rgb(98, 166, 230), rgb(206, 230, 245)),
    TimeOfDay.SUNSET: (rgb(74, 38, 112), rgb(214, 68, 90), rgb(255, 158, 54)),
    TimeOfDay.NIGHT: (rgb(7, 10, 36), rgb(16, 28, 76), rgb(44, 64, 122)),
}
_OVERCAST: dict[TimeOfDay, Rgb] = {
    TimeOfDay.DAWN: rgb(216, 196, 208),
    TimeOfDay.DAY: rgb(188, 197, 206),
    TimeOfDay.SUNSET: rgb(204, 124, 112),
    TimeOfDay.NIGHT: rgb(38, 46, 74),
}
_TINT: dict[TimeOfDay, Rgb] = {
    TimeOfDay.DAWN: (0.92, 0.84, 0.92),
    TimeOfDay.DAY: (1.0, 1.0, 1.0),
    TimeOfDay.SUNSET: (0.92, 0.64, 0.58),
    TimeOfDay.NIGHT: (0.34, 0.41, 0.6),
}
_THING_TINT: dict[TimeOfDay, Rgb] = {
    TimeOfDay.DAWN: (1.0, 0.96, 0.97),
    TimeOfDay.DAY: (1.0, 1.0, 1.0),
    TimeOfDay.SUNSET: (1.0, 0.92, 0.87),
    TimeOfDay.NIGHT: (0.84, 0.87, 0.95),
}
_GLOW: dict[TimeOfDay, Rgb] = {
    TimeOfDay.DAWN: rgb(255, 238, 206),
    TimeOfDay.DAY: rgb(255, 250, 230),
    TimeOfDay.SUNSET: rgb(255, 206, 110),
    TimeOfDay.NIGHT: rgb(226, 232, 250),
}
_GREYNESS: dict[Weather, float] = {
    Weather.CLEAR: 0.0,
    Weather.CLOUDY: 0.12,
    Weather.FOGGY: 0.55,
    Weather.RAINY: 0.55,
    Weather.SNOWY: 0.42,
}
_HAZINESS: dict[Weather, float] = {
    Weather.CLEAR: 0.42,
    Weather.CLOUDY: 0.45,
    Weather.FOGGY: 0.82,
    Weather.RAINY: 0.62,
    Weather.SNOWY: 0.55,
}
_RAIN_DARKENS = 0.78
_FOG_PALES = 0.35
_PALE: Rgb = rgb(232, 236, 240)


def light_of(time_of_day: TimeOfDay, weather: Weather) -> Light:
    """Return the light of a time of day in a weather."""
    grey = _OVERCAST[time_of_day]
    if weather is Weather.RAINY:
        grey = mix((0.0, 0.0, 0.0), grey, _RAIN_DARKENS)
    if weather is Weather.FOGGY:
        is_night = time_of_day is TimeOfDay.NIGHT
        grey = mix(grey, _PALE, _FOG_PALES * (0.5 if is_night else 1.0))
    greyness = _GREYNESS[weather]
    high, middle, low = (mix(stop, grey, greyness) for stop in _SKY[time_of_day])
    return Light(
        high=high,
        middle=middle,
        low=low,
        haze=mix(low, grey, 0.35 if weather is not Weather.FOGGY else 0.8),
        tint=mix(_TINT[time_of_day], times_grey(_TINT[time_of_day]), greyness * 0.5),
        thing_tint=_THING_TINT[time_of_day],
        glow=_GLOW[time_of_day],
        haziness=_HAZINESS[weather],
        is_night=time_of_day is TimeOfDay.NIGHT,
    )


def times_grey(tint: Rgb) -> Rgb:
    """Return the grey of the same brightness, a little darker, for light under cloud."""
    mean = sum(tint) / len(tint) * 0.86
    return mean, mean, mean
