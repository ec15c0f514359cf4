"""Which part of an array job this process is."""

from __future__ import annotations

from collections.abc import Mapping

from ingest.sources.part import Part
from photo_search.errors import SettingsError
from photo_search.settings import ARRAY_INDEX_ENV, read_array_index

AUTO = "auto"


def chosen_part(
    part: str | None, parts: int | None, environ: Mapping[str, str] | None = None
) -> Part | None:
    """Read ``--part`` and ``--parts``; None stands for the whole.

    Args:
        part: A number from 0, or ``auto`` for that which AWS Batch gives a child of an array job.
        parts: How many there are.
        environ: The environment; the process's own when left out.

    Raises:
        SettingsError: One is given without the other, or the number is none below ``parts``.
    """
    if part is None and parts is None:
        return None
    if part is None or parts is None:
        msg = "--part says which part and --parts of how many; give both or neither"
        raise SettingsError(msg)
    number = part
    if part == AUTO:
        number = read_array_index(environ)
        if not number:
            msg = f"--part auto is for an array job of AWS Batch; {ARRAY_INDEX_ENV} is not given"
            raise SettingsError(msg)
    if not (number.isdecimal() and len(number) <= len(str(parts)) and int(number) < parts):
        msg = f"--part is {number[:20]!r}; of --parts {parts} it may be 0 to {parts - 1}"
        raise SettingsError(msg)
    return Part(int(number), parts)
