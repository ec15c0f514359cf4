"""Which silhouette is drawn how. Each fills the unit box of ``Brush``, mostly in its one colour."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from models.world.aloft import draw_balloon, draw_kite, draw_rocket
from models.world.brush import Brush, Ink
from models.world.built import draw_house, draw_lighthouse, draw_tent, draw_windmill
from models.world.outdoors import draw_car, draw_flower, draw_sailboat, draw_tree, draw_umbrella
from models.world.scene import Kind

if TYPE_CHECKING:
    import numpy as np

Shape: TypeAlias = "Callable[[Brush, Ink, np.random.Generator], None]"

SHAPES: Final[dict[Kind, Shape]] = {
    Kind.BALLOON: draw_balloon,
    Kind.KITE: draw_kite,
    Kind.SAILBOAT: draw_sailboat,
    Kind.LIGHTHOUSE: draw_lighthouse,
    Kind.HOUSE: draw_house,
    Kind.TENT: draw_tent,
    Kind.CAR: draw_car,
    Kind.WINDMILL: draw_windmill,
    Kind.TREE: draw_tree,
    Kind.FLOWER: draw_flower,
    Kind.UMBRELLA: draw_umbrella,
    Kind.ROCKET: draw_rocket,
}
