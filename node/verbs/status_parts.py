"""The tables of `yunnao status`: of each part of the answer the columns that a person at the box reads; `--json` has all of it.

Called by status.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.texts import text
from node.verbs.output import moment_text

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "links": ("peer", "state", "role", "rate_kbit_s", "round_trip_ms", "backlog_bytes", "eta_s", "trouble"),
    "resources": ("resource", "records"),
    "cameras": ("camera", "state", "out_since_us", "analysed_per_s", "asked_per_s", "model", "events", "false_7d", "why"),
    "clones": ("node", "other_incarnation", "since_us", "last_us", "turns"),
}
"""By part of the answer, in the order of the texts `cli.status_PART_columns`."""


def header_of(part: str, language: str) -> list[str]:
    """What stands over the columns of a part."""
    return text(f"cli.status_{part}_columns", language).split("|")


def line_of(part: str, row: Mapping[str, object]) -> list[object]:
    """One row of a part; a node of another version may lack some of it."""
    return [_shown(key, row.get(key)) for key in COLUMNS[part]]


def _shown(key: str, value: object) -> object:
    if key.endswith("_us"):
        return moment_text(value)
    return "-" if value is None or value == "" else value
