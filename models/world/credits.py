"""Invented facts for drawn pictures, of the kinds that a real collection has: who, where, when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from models.world.scene import Landscape, Scene, TimeOfDay, Weather

if TYPE_CHECKING:
    import numpy as np

LICENCE: Final = "CC0 1.0"

_PHOTOGRAPHERS: Final = (
    "Ada Lindqvist",
    "Bruno Castellan",
    "Chidi Okonwe",
    "Dilara Aydem",
    "Emil Varga",
    "Freya Holmsund",
    "Hana Moriyasu",
    "Ines Carvalhal",
    "Jonah Whitlow",
    "Kavya Ramesh",
    "Luis Montera",
    "Maud Desrivières",
)
_PLACES: Final[dict[Landscape, tuple[tuple[str, str, str], ...]]] = {
    Landscape.MOUNTAINS: (
        ("Kestrel Pass", "Hochrain", "Aldermark"),
        ("Three Sisters Ridge", "Varnholt", "Aldermark"),
        ("Cerro Pálido", "Altavera", "Corvania"),
    ),
    Landscape.SEA: (
        ("Selkie Bay", "Northhaven", "Skerrland"),
        ("Punta Clara", "Marisol", "Corvania"),
        ("Gull Sound", "Ostervik", "Skerrland"),
    ),
    Landscape.DESERT: (
        ("Amber Dunes", "Qasr Nadir", "Zahira"),
        ("Salt Mesa", "Dry Wells", "Meridia"),
        ("Wadi Sahab", "Tel Amun", "Zahira"),
    ),
    Landscape.FOREST: (
        ("Old Fern Wood", "Birkenau", "Aldermark"),
        ("Mosslake", "Timberfall", "Meridia"),
        ("Owl Hollow", "Eskdale", "Skerrland"),
    ),
    Landscape.MEADOW: (
        ("Larkspur Downs", "Little Hay", "Skerrland"),
        ("Campo Verde", "Altavera", "Corvania"),
        ("Honey Fields", "Mellin", "Aldermark"),
    ),
    Landscape.CITY: (
        ("Lantern Quarter", "Port Amity", "Meridia"),
        ("Glass Harbour", "Northhaven", "Skerrland"),
        ("Plaza del Reloj", "Marisol", "Corvania"),
    ),
}
_HOURS: Final = {
    TimeOfDay.DAWN: 5,
    TimeOfDay.DAY: 12,
    TimeOfDay.SUNSET: 19,
    TimeOfDay.NIGHT: 23,
}
_FIRST_YEAR, _YEARS = 2016, 9
_DAYS_OF_WINTER = (-40, 50)  # around New Year


@dataclass(frozen=True, slots=True)
class Credit:
    """Who took a picture, where and when; all of it invented."""

    photographer: str
    place: str
    city: str
    country: str
    taken_at: datetime


def invent_credit(scene: Scene, rng: np.random.Generator) -> Credit:
    """Invent facts that fit a scene: its landscape, its time of day, and snow in winter."""
    places = _PLACES[scene.landscape]
    place, city, country = places[int(rng.integers(len(places)))]
    first, last = _DAYS_OF_WINTER if scene.weather is Weather.SNOWY else (0, 365)
    taken_at = datetime(_FIRST_YEAR + int(rng.integers(_YEARS)), 1, 1, tzinfo=UTC) + timedelta(
        days=int(rng.integers(first, last)),
        hours=_HOURS[scene.time_of_day],
        minutes=int(rng.integers(60)),
    )
    photographer = _PHOTOGRAPHERS[int(rng.integers(len(_PHOTOGRAPHERS)))]
    return Credit(photographer, place, city, country, taken_at)


def keywords(scene: Scene) -> list[str]:
    """List what the scene holds, in plain words."""
    words: list[str] = [scene.landscape, scene.time_of_day, scene.weather]
    for group in scene.groups:
        words += [group.kind, group.colour]
    return list(dict.fromkeys(str(word) for word in words))
