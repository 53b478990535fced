"""The tables of `yunnao status`: of each part of the answer the columns that a person at the box reads; `--json` has all of it.

Called by status.py.
"""

from __future__ import annotations

from collections.abc import Mapping

from node.texts import catalogue, text
from node.texts.reasons import worded
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


def line_of(part: str, row: Mapping[str, object], language: str) -> list[object]:
    """One row of a part; a node of another version may lack some of it."""
    if part == "cameras":
        row = {**row, **camera_words(row, language)}
    return [_shown(key, row.get(key)) for key in COLUMNS[part]]


def camera_words(row: Mapping[str, object], language: str) -> dict[str, str]:
    """What the processes of a camera say of it, worded."""
    camera, state = str(row.get("camera")), str(row.get("state"))
    said = {key: str(row.get(key) or "") for key in ("why", "model")}
    return {
        "state": catalogue(language).get(f"console.camera_{state}", state),
        "why": worded(said["why"], language, camera=camera),
        "model": worded(said["model"], language),
    }


def _shown(key: str, value: object) -> object:
    if key.endswith("_us"):
        return moment_text(value)
    return "-" if value is None or value == "" else value
