"""A point of the camera directory as a row of `camera-directory`, and back. Owns the layout of the row. Called by directory_desk.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.cameras.point import Point
from node.ingest.sink import Row

RESOURCE = "camera-directory"
GRADE = 2
"""A row names an owner and a place: L2, as the catalogue says."""


def row_of(point: Point, columns: Sequence[str], *, now_us: int) -> Row:
    """The row in the columns that the catalogue in force has."""
    card = point.card
    cells: Mapping[str, Any] = {
        "event_time": now_us, "territory": card.territory, "grade": GRADE, "code": point.code, "name": card.name, "tier": card.tier,
        "state": point.state.value, "state_since": point.state_since_us or None, "owner": card.owner, "longitude": card.longitude,
        "latitude": card.latitude, "datum": card.datum, "address": card.address, "maker": card.maker, "camera": point.camera,
    }  # fmt: skip
    return tuple(cells.get(name) for name in columns)
