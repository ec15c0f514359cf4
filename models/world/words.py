"""The wordings of every part of a scene, the plainest first."""

from __future__ import annotations

from typing import Final

from models.world.scene import Colour, Kind, Landscape, Position, TimeOfDay, Weather

KINDS: Final[dict[Kind, tuple[tuple[str, str], ...]]] = {
    Kind.BALLOON: (
        ("balloon", "balloons"),
        ("hot-air balloon", "hot-air balloons"),
        ("hot air balloon", "hot air balloons"),
    ),
    Kind.KITE: (("kite", "kites"), ("kite", "kites"), ("flying kite", "flying kites")),
    Kind.SAILBOAT: (
        ("sailboat", "sailboats"),
        ("sailing boat", "sailing boats"),
        ("boat", "boats"),
        ("yacht", "yachts"),
    ),
    Kind.LIGHTHOUSE: (("lighthouse", "lighthouses"), ("light house", "light houses")),
    Kind.HOUSE: (("house", "houses"), ("cottage", "cottages"), ("home", "homes")),
    Kind.TENT: (("tent", "tents"), ("camping tent", "camping tents")),
    Kind.CAR: (("car", "cars"), ("automobile", "automobiles")),
    Kind.WINDMILL: (("windmill", "windmills"), ("mill", "mills")),
    Kind.TREE: (("tree", "trees"),),
    Kind.FLOWER: (("flower", "flowers"), ("blossom", "blossoms"), ("bloom", "blooms")),
    Kind.UMBRELLA: (("umbrella", "umbrellas"), ("parasol", "parasols")),
    Kind.ROCKET: (("rocket", "rockets"), ("spaceship", "spaceships")),
}
COLOURS: Final[dict[Colour, tuple[str, ...]]] = {
    Colour.RED: ("red", "red", "red", "bright red", "scarlet"),
    Colour.YELLOW: ("yellow", "yellow", "yellow", "bright yellow", "golden"),
    Colour.GREEN: ("green", "green", "green", "bright green", "emerald"),
    Colour.BLUE: ("blue", "blue", "blue", "bright blue"),
    Colour.PURPLE: ("purple", "purple", "purple", "violet"),
    Colour.WHITE: ("white", "white", "white", "bright white"),
}
COUNTS: Final[dict[int, tuple[str, ...]]] = {
    1: ("one",),
    2: ("two", "two", "a pair of", "2"),
    3: ("three", "three", "a group of three", "3"),
}
POSITIONS: Final[dict[Position, tuple[str, ...]]] = {
    Position.LEFT: ("on the left", "on the left", "on the left side", "to the left"),
    Position.CENTRE: ("in the centre", "in the center", "in the middle", "at the centre"),
    Position.RIGHT: ("on the right", "on the right", "on the right side", "to the right"),
}
LANDSCAPES: Final[dict[Landscape, tuple[str, ...]]] = {
    Landscape.MOUNTAINS: ("mountains", "mountains", "peaks", "mountain peaks", "mountain range"),
    Landscape.SEA: ("sea", "sea", "ocean", "seaside", "coast", "water"),
    Landscape.DESERT: ("desert", "desert", "dunes", "sand dunes"),
    Landscape.FOREST: ("forest", "forest", "woods", "woodland", "pine forest"),
    Landscape.MEADOW: ("meadow", "meadow", "field", "hills", "grassy hills", "countryside"),
    Landscape.CITY: ("city", "city", "skyline", "city skyline", "town"),
}
LINKS: Final[dict[Landscape, tuple[str, ...]]] = {
    Landscape.MOUNTAINS: ("in the", "in front of", "with", "over", "near"),
    Landscape.SEA: ("by the", "at the", "over the", "near the"),
    Landscape.DESERT: ("in the", "over the", "amid the"),
    Landscape.FOREST: ("in the", "near the", "in front of the", "by the"),
    Landscape.MEADOW: ("in the", "over the", "across the"),
    Landscape.CITY: ("in the", "in front of the", "near the", "by the"),
}
TIMES: Final[dict[TimeOfDay, tuple[str, ...]]] = {
    TimeOfDay.DAWN: ("at dawn", "at dawn", "at sunrise", "in the early morning", "at daybreak"),
    TimeOfDay.DAY: ("in the day", "during the day", "by day", "in daylight", "at noon"),
    TimeOfDay.SUNSET: ("at sunset", "at sunset", "at dusk", "in the evening", "at sundown"),
    TimeOfDay.NIGHT: ("at night", "at night", "by night", "by moonlight", "at midnight"),
}
TIME_ADJECTIVES: Final[dict[TimeOfDay, tuple[str, ...]]] = {
    TimeOfDay.DAWN: ("dawn", "sunrise", "early morning"),
    TimeOfDay.DAY: ("day", "daytime"),
    TimeOfDay.SUNSET: ("sunset", "evening", "dusk"),
    TimeOfDay.NIGHT: ("night",),
}
WEATHERS: Final[dict[Weather, tuple[str, ...]]] = {
    Weather.CLEAR: ("under a clear sky", "in clear weather", "with a cloudless sky"),
    Weather.CLOUDY: ("under clouds", "under a cloudy sky", "with clouds", "in cloudy weather"),
    Weather.FOGGY: ("in fog", "in the fog", "in mist", "in thick fog", "in the mist"),
    Weather.RAINY: ("in the rain", "in rain", "in rainy weather", "in pouring rain"),
    Weather.SNOWY: ("in the snow", "in snow", "in winter", "in falling snow", "in snowfall"),
}
WEATHER_ADJECTIVES: Final[dict[Weather, tuple[str, ...]]] = {
    Weather.CLEAR: ("clear",),
    Weather.CLOUDY: ("cloudy", "cloudy", "overcast"),
    Weather.FOGGY: ("foggy", "foggy", "misty", "hazy"),
    Weather.RAINY: ("rainy", "rainy", "wet"),
    Weather.SNOWY: ("snowy", "snowy", "wintry", "snow-covered", "winter"),
}
LEADS: Final = ("a photo of", "a picture of", "an image of", "a view of", "a photograph of")
