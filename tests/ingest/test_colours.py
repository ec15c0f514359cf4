from __future__ import annotations

import numpy as np
import pytest

from ingest.colours import colour_of_hex, main_colours, main_colours_of_hex
from photo_search.photo import Colour


@pytest.mark.parametrize(
    ("digits", "expected"),
    [
        ("000000", Colour.BLACK),
        ("FFFFFF", Colour.WHITE),
        ("#808080", Colour.GREY),
        ("dc281e", Colour.RED),
        ("ff8c00", Colour.ORANGE),
        ("8b5a2b", Colour.BROWN),
        ("f5d90a", Colour.YELLOW),
        ("2e8b3d", Colour.GREEN),
        ("008f8f", Colour.TEAL),
        ("1e46d2", Colour.BLUE),
        ("87ceeb", Colour.BLUE),
        ("7a2be2", Colour.PURPLE),
        ("ff69b4", Colour.PINK),
        ("ffb6b6", Colour.PINK),
    ],
)
def test_colours_get_the_names_people_give_them(digits, expected):
    assert colour_of_hex(digits) is expected


@pytest.mark.parametrize("digits", ["", "ff00", "red", "ff00000"])
def test_what_is_no_hexadecimal_colour_is_refused(digits):
    with pytest.raises(ValueError, match=r"hex"):
        colour_of_hex(digits)


def test_main_colours_come_by_the_area_they_cover_and_small_ones_are_left_out():
    pixels = np.empty((10, 100, 3), dtype=np.uint8)
    pixels[:, :60] = (30, 70, 210)
    pixels[:, 60:97] = (220, 40, 30)
    pixels[:, 97:] = (40, 170, 60)

    assert main_colours(pixels) == (Colour.BLUE, Colour.RED)


def test_shades_of_one_colour_are_added_up():
    shades = [("1e46d2", 0.1), ("dc281e", 0.15), ("2040c0", 0.1), ("2e8b3d", 0.01)]

    assert main_colours_of_hex(shades) == (Colour.BLUE, Colour.RED)
