"""Draws a scene: sky, land, air, things, air, film. All chance comes from the scene's seed."""

from __future__ import annotations

import numpy as np
from PIL import Image

from models.world.air import finish, paint_air_behind, paint_air_in_front
from models.world.frame import frame_of
from models.world.land import HORIZON, paint_land
from models.world.light import light_of
from models.world.scene import Scene
from models.world.setting import Setting
from models.world.sky import paint_sky, sun_place
from models.world.things import paint_things

_HORIZON_SWAY = 0.02
_DETAIL_STREAM = 1


def render(scene: Scene, width: int, height: int) -> Image.Image:
    """Draw a scene as an RGB picture.

    Args:
        scene: What to draw; its seed drives everything no caption speaks of.
        width: Width in pixels.
        height: Height in pixels.

    Returns:
        The picture. The same scene and size always give the same pixels; other sizes give the
        same composition, laid out in the central square.
    """
    rng = np.random.default_rng(scene.seed)
    frame = frame_of(width, height)
    light = light_of(scene.time_of_day, scene.weather)
    horizon = HORIZON[scene.landscape] + float(rng.uniform(-_HORIZON_SWAY, _HORIZON_SWAY))
    setting = Setting(
        frame=frame,
        rng=rng,
        detail_rng=np.random.default_rng([scene.seed, _DETAIL_STREAM]),
        light=light,
        weather=scene.weather,
        time_of_day=scene.time_of_day,
        sun=sun_place(rng, scene.time_of_day, horizon),
        horizon=horizon,
    )
    canvas = np.zeros((3, height, width), dtype=np.float32)
    paint_sky(canvas, setting)
    paint_land(canvas, setting, scene.landscape)
    paint_air_behind(canvas, setting)
    paint_things(canvas, setting, scene)
    paint_air_in_front(canvas, setting)
    return finish(canvas, frame, rng)
