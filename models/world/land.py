"""The land: which painter paints which landscape, and where its horizon lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from models.world.city import paint_city
from models.world.desert import paint_desert
from models.world.meadow import paint_meadow
from models.world.mountains import paint_mountains
from models.world.scene import Landscape
from models.world.sea import paint_sea
from models.world.woods import paint_forest

if TYPE_CHECKING:
    from collections.abc import Callable

    from models.world.frame import Plane
    from models.world.setting import Setting

HORIZON: Final[dict[Landscape, float]] = {
    Landscape.MOUNTAINS: 0.58,
    Landscape.SEA: 0.52,
    Landscape.DESERT: 0.54,
    Landscape.FOREST: 0.60,
    Landscape.MEADOW: 0.54,
    Landscape.CITY: 0.60,
}
_PAINTERS: Final[dict[Landscape, Callable[[Plane, Setting], None]]] = {
    Landscape.MOUNTAINS: paint_mountains,
    Landscape.SEA: paint_sea,
    Landscape.DESERT: paint_desert,
    Landscape.FOREST: paint_forest,
    Landscape.MEADOW: paint_meadow,
    Landscape.CITY: paint_city,
}


def paint_land(canvas: Plane, setting: Setting, landscape: Landscape) -> None:
    """Paint a whole landscape over the sky."""
    _PAINTERS[landscape](canvas, setting)
