"""The figures as bars, drawn by Pillow: five panels, shorter is better in each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.machine import Figure, machine
from benchmarks.models.limits import Limits
from benchmarks.models.tables import IMAGE_PLACES, TEXT_TOKENS

_WIDTH, _ROW, _TITLE, _GAP, _MARGIN = 1400, 34, 44, 26, 28
_NAMES, _VALUES = 480, 120  # pixels kept for names on the left, figures on the right
_INK, _THEIRS, _OURS, _LIMIT = "#222222", "#b9bec6", "#2f6fde", "#d9342b"

Row = Mapping[str, Figure]
Bar = tuple[str, float, float | None]


def draw(
    target: Path, warm: Sequence[Row], starts: Sequence[Row], limit: Limits, *, threads: int
) -> None:
    """Write the PNG.

    Args:
        target: Its file.
        warm: Rows of all numbers of threads.
        starts: Rows of whole processes.
        limit: Of the number of threads that is drawn, as a red line across our bars.
        threads: Which rows of ``warm`` are drawn.
    """
    rows = [row for row in warm if row["threads"] == threads]
    panels: list[tuple[str, list[Bar]]] = [
        (
            f"Warm text of {TEXT_TOKENS} tokens, one after the other, ms",
            [(str(row["contender"]), float(row["text_ms"]), None) for row in rows],
        ),
        (
            "The same after a pause in which the others used the CPU's caches, ms",
            [_bar(row, "text_after_pause_ms", limit, "text", TEXT_TOKENS) for row in rows],
        ),
        (
            "Warm image, from the bytes of a 1080 x 1620 JPEG, ms",
            [_bar(row, "image_ms", limit, "image", IMAGE_PLACES) for row in rows],
        ),
        (
            "Process start to first text answer, s",
            [(str(row["contender"]), float(row["first_text_s"]), None) for row in starts],
        ),
        (
            "Resident memory after texts, MB",
            [(str(row["contender"]), float(row["text_resident_mb"]), None) for row in rows],
        ),
    ]
    height = _MARGIN * 2 + 40 + sum(_TITLE + _GAP + _ROW * len(bars) for _, bars in panels)
    image = Image.new("RGB", (_WIDTH, height), "white")
    pen = ImageDraw.Draw(image)
    facts = machine()
    heading = f"CLIP ViT-B/32, threads: {threads}, {facts['cpu']} ({facts['flags']})"
    pen.text((_MARGIN, _MARGIN), heading, fill=_INK, font=ImageFont.load_default(20))
    top = _MARGIN + 40
    for title, bars in panels:
        pen.text((_MARGIN, top + 10), title, fill=_INK, font=ImageFont.load_default(24))
        _draw_bars(pen, bars, top + _TITLE)
        top += _TITLE + _GAP + _ROW * len(bars)
    image.save(target, optimize=True)


def _bar(row: Row, key: str, limit: Limits, tower: str, places: int) -> Bar:
    name = str(row["contender"])
    precision = name.removeprefix("ours, ")
    least = None if precision == name else limit.shortest_ms(tower, places, precision)
    return name, float(row[key]), least


def _draw_bars(pen: ImageDraw.ImageDraw, bars: Sequence[Bar], top: int) -> None:
    font = ImageFont.load_default(20)
    left, right = _MARGIN + _NAMES, _WIDTH - _MARGIN - _VALUES
    scale = (right - left) / max(value for _, value, _ in bars)
    for number, (name, value, least) in enumerate(bars):
        y = top + number * _ROW
        end = left + value * scale
        colour = _OURS if name.startswith("ours") else _THEIRS
        pen.text((_MARGIN, y + 4), name, fill=_INK, font=font)
        pen.rectangle((left, y + 4, end, y + _ROW - 6), fill=colour)
        pen.text((end + 10, y + 4), f"{value:.3g}", fill=_INK, font=font)
        if least is not None:
            at = left + least * scale
            pen.line((at, y + 1, at, y + _ROW - 3), fill=_LIMIT, width=3)
