"""Moments as data sets and cameras write them."""

from __future__ import annotations

from datetime import UTC, datetime


def parse_moment(text: str) -> datetime | None:
    """Read an ISO 8601 date or moment; one without an offset is taken for UTC.

    None where it is none, or where its offset leads out of the calendar.
    """
    try:
        moment = datetime.fromisoformat(text.strip())
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        zoned.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return zoned
