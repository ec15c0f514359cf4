"""The sky: gradient, sun or moon with glow, stars and clouds."""

from __future__ import annotations

import numpy as np

from models.world.frame import Frame, Plane, Rgb, column, lay, mix, noise, smoothstep
from models.world.light import Light
from models.world.scene import TimeOfDay, Weather
from models.world.setting import Setting
from models.world.texture import Grain, upright

_DISC_RADIUS: dict[TimeOfDay, float] = {
    TimeOfDay.DAWN: 0.05,
    TimeOfDay.DAY: 0.045,
    TimeOfDay.SUNSET: 0.075,
    TimeOfDay.NIGHT: 0.06,
}
_DISC_ABOVE_HORIZON: dict[TimeOfDay, float] = {
    TimeOfDay.DAWN: 0.10,
    TimeOfDay.DAY: 0.46,
    TimeOfDay.SUNSET: 0.07,
    TimeOfDay.NIGHT: 0.42,
}
_DISC_SHOWS: dict[Weather, float] = {
    Weather.CLEAR: 1.0,
    Weather.CLOUDY: 0.75,
    Weather.FOGGY: 0.45,
    Weather.RAINY: 0.15,
    Weather.SNOWY: 0.35,
}
_CLOUD_COVER: dict[Weather, float] = {
    Weather.CLEAR: 0.18,
    Weather.CLOUDY: 0.62,
    Weather.FOGGY: 0.2,
    Weather.RAINY: 0.75,
    Weather.SNOWY: 0.55,
}
_STARS = 260
_STARS_SHOW: dict[Weather, float] = {
    Weather.CLEAR: 1.0,
    Weather.CLOUDY: 0.8,
    Weather.FOGGY: 0.12,
    Weather.RAINY: 0.0,
    Weather.SNOWY: 0.3,
}
_MIDDLE_STOP = 0.55
_CRATERS = ((-0.3, -0.2, 0.25), (0.25, 0.3, 0.33), (0.3, -0.35, 0.18))
"""Where the seas of the moon lie and how wide they are, in radii of its disc."""
_WHITE: Rgb = (1.0, 1.0, 1.0)


def sun_place(
    rng: np.random.Generator, time_of_day: TimeOfDay, horizon: float
) -> tuple[float, float]:
    """Return where the sun or moon stands, in units of the central square."""
    u = float(rng.choice([rng.uniform(0.06, 0.36), rng.uniform(0.64, 0.94)]))
    return u, horizon - _DISC_ABOVE_HORIZON[time_of_day] - float(rng.uniform(-0.02, 0.03))


def paint_sky(canvas: Plane, setting: Setting) -> None:
    """Fill the canvas above the horizon, and a little below it."""
    frame, light, sun = setting.frame, setting.light, setting.sun
    rows = min(frame.row(setting.horizon + 0.12), frame.height)
    sky, v = canvas[:, :rows], frame.v[:rows]
    _gradient(sky, frame, light, v, setting.horizon)
    if light.is_night:
        _stars(sky, setting, _STARS_SHOW[setting.weather])
    distance = np.sqrt(
        (frame.u - np.float32(sun[0])) ** 2 + (v - np.float32(sun[1])) ** 2, dtype=np.float32
    )
    _sun_or_moon(sky, setting, distance)
    _clouds(sky, setting, distance)


def _gradient(sky: Plane, frame: Frame, light: Light, v: Plane, horizon: float) -> None:
    top = min(0.0, -frame.top / frame.side)
    t = np.clip((v - np.float32(top)) / np.float32(horizon - top), 0, 1)[None]
    high, middle, low = column(light.high), column(light.middle), column(light.low)
    upper = high + (middle - high) * np.clip(t / np.float32(_MIDDLE_STOP), 0, 1)
    share = np.clip((t - np.float32(_MIDDLE_STOP)) / np.float32(1 - _MIDDLE_STOP), 0, 1)
    sky[:] = upper + (low - upper) * share


def _sun_or_moon(sky: Plane, setting: Setting, distance: Plane) -> None:
    frame, light, sun = setting.frame, setting.light, setting.sun
    shows = _DISC_SHOWS[setting.weather]
    is_high = setting.time_of_day in (TimeOfDay.DAY, TimeOfDay.NIGHT)
    power = (0.45 if light.is_night else 0.75) * (0.4 + 0.6 * shows)
    glow = np.exp(distance * np.float32(-1 / (0.16 if is_high else 0.3))) * np.float32(power)
    lay(sky, light.glow, glow)
    radius = _DISC_RADIUS[setting.time_of_day]
    edge = np.float32(max(1.5 / frame.side, 0.008))
    first, last = frame.row(sun[1] - radius * 1.2), frame.row(sun[1] + radius * 1.2)
    near, v = distance[first:last], frame.v[first:last]
    near = near[: max(0, sky.shape[1] - first)]
    v = v[: near.shape[0]]
    view = sky[:, first : first + near.shape[0]]
    disc = np.clip((np.float32(radius) - near) / edge + np.float32(0.5), 0, 1) * np.float32(shows)
    lay(view, mix(light.glow, _WHITE, 0.55), disc)
    if light.is_night:
        for du, dv, size in _CRATERS:
            x = (frame.u - np.float32(sun[0] + du * radius)) / np.float32(size * radius)
            y = (v - np.float32(sun[1] + dv * radius)) / np.float32(size * radius)
            view *= 1 - np.exp(-x * x - y * y) * disc * np.float32(0.16)


def _stars(sky: Plane, setting: Setting, show: float) -> None:
    frame, rng = setting.frame, setting.rng
    us = rng.uniform(-1, 2, _STARS * 2)
    vs = rng.uniform(-0.6, setting.horizon - 0.04, _STARS * 2)
    brightness = rng.random(_STARS * 2) ** 3 * 0.8 + 0.2
    if not show:
        return
    xs = (frame.left + us * frame.side).astype(int)
    ys = (frame.top + vs * frame.side).astype(int)
    inside = (xs >= 1) & (xs < frame.width - 1) & (ys >= 1) & (ys < sky.shape[1] - 1)
    xs, ys = xs[inside], ys[inside]
    power = (brightness[inside] * show).astype(np.float32)
    sky[:, ys, xs] += power
    halo = power * np.float32(0.35)
    for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        sky[:, ys + dy, xs + dx] += halo
    np.minimum(sky, 1, out=sky)


def _clouds(sky: Plane, setting: Setting, distance: Plane) -> None:
    frame, rows = setting.frame, sky.shape[1]
    cover = _CLOUD_COVER[setting.weather]
    billows = noise(frame, setting.rng, (2.2, 5.5), 5)[:rows]
    if setting.is_large:
        billows = billows + upright(setting, Grain.SOIL, 0, rows) * np.float32(0.007)
    step = max(1, frame.side // 32)
    raised = np.concatenate((np.repeat(billows[:1], step, axis=0), billows[:-step]))
    low = 0.66 - 0.34 * cover
    thick = smoothstep(low, low + 0.16, billows)
    thick *= np.clip((np.float32(setting.horizon) - frame.v[:rows]) / np.float32(0.16), 0, 1)
    thick *= np.float32(0.55 if setting.weather is Weather.CLEAR else 0.92)
    # Bright where the cloud thins upwards, grey below: a lit top and a shaded belly.
    relief = np.clip((billows - raised) * 4 + np.float32(0.55), 0, 1)
    relief += np.exp(distance * np.float32(-1 / 0.35)) * np.float32(0.4)
    bright, dark = _cloud_colours(setting.light, setting.weather)
    shade = column(dark) + (column(bright) - column(dark)) * np.minimum(relief, 1)
    lay(sky, shade, thick)


def _cloud_colours(light: Light, weather: Weather) -> tuple[Rgb, Rgb]:
    """Return the colours of the lit tops and the shaded bellies."""
    bright = mix(mix(light.low, _WHITE, 0.55), light.glow, 0.3)
    dark = mix(mix(light.high, light.middle, 0.5), (0.5, 0.52, 0.56), 0.3)
    if light.is_night:
        bright, dark = mix(light.low, _WHITE, 0.22), mix(light.middle, light.low, 0.35)
    if weather is Weather.RAINY:
        bright, dark = mix(bright, dark, 0.45), mix(dark, (0.1, 0.1, 0.14), 0.4)
    return bright, dark
