"""A device as a row of the catalogue: of `devices`, or of `device-registry` where the catalogue in force has only the older layout.

Owns the layout of the row. What a device measured is not in it: readings go up under their own rules. Neither is how it logs in. Called
by node/ingest/intake.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from node.ingest.device import Device
from node.ingest.sink import Row

RESOURCE = "devices"
OLD_RESOURCE = "device-registry"
GRADE = 2
"""A row names an owner and a place: L2, as the catalogue says."""
FIELDS = (
    "device", "kind", "profile", "protocol", "owner", "state", "state_since", "resource", "longitude", "latitude", "address", "installed",
    "period_s", "rate", "battery", "silent", "first_seen", "last_seen",
)  # fmt: skip
OLD_FIELDS = ("device", "kind", "protocol", "owner", "state", "last_seen")
COMMON = 3
"""Columns before the fields: event time, territory, grade."""


def resource_of(columns: Callable[[str], Sequence[str]]) -> str:
    """The resource that takes the rows here, empty when there is none; `columns` gives the columns of a resource."""
    layouts = {RESOURCE: FIELDS, OLD_RESOURCE: OLD_FIELDS}
    return next((code for code, fields in layouts.items() if tuple(columns(code))[COMMON:] == fields), "")


def rows_of(devices: Sequence[Device], resource: str, *, now_us: int) -> list[Row]:
    """The rows for one of these resources."""
    row = _row if resource == RESOURCE else _old_row
    return [row(device, now_us) for device in devices]


def _row(device: Device, now_us: int) -> Row:
    card = device.card
    return (
        now_us, card.territory, GRADE, device.name, card.kind, card.profile, device.protocol, card.owner, device.state.value,
        device.state_since_us or None, device.resource, card.longitude, card.latitude, card.address, card.installed,
        card.period_s or None, round(device.rate, 3), device.battery, bool(device.silent_since_us), device.first_seen_us or None,
        device.last_seen_us or None,
    )  # fmt: skip


def _old_row(device: Device, now_us: int) -> Row:
    card = device.card
    return (
        now_us, card.territory, GRADE, device.name, card.kind, device.protocol, card.owner, device.state.value, device.last_seen_us,
    )  # fmt: skip
