"""Questions to the directory as it is known here: this node's points and those told from below, each by its newest row.

Owns the SQL, asked of the mart of `camera-directory` (node/store/mart.py), where rows lie as they came, masked by whoever sent them. A
person sees rows up to a grade; what that is, the caller finds out. Called by directory_desk.py on the node's DuckDB thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from node.cameras.directory_rows import RESOURCE
from node.cameras.point import PointState
from node.store.mart import Mart

LIMIT_MAX = 5_000
SHOWN = (
    "code", "name", "tier", "state", "state_since", "owner", "territory", "longitude", "latitude", "datum", "address", "maker", "camera",
    "event_time", "_origin",
)  # fmt: skip

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is wanted; empty words and None leave nothing out."""

    territory: str = ""
    """Points in it and below."""
    state: str = ""
    tier: int | None = None
    text: str = ""
    """In name, address, owner or code."""
    after: str = ""
    """Points whose code comes after this one."""
    limit: int = 100
    grade_max: int = 2


def points(mart: Mart, question: Question) -> list[Plain]:
    """The points that fit, by code, each with `nodes` that say they watch it, where it is more than one. Raises MartError."""
    where, values = _where(question)
    columns = ", ".join(f'epoch_us("{name}") AS "{name}"' if name in ("state_since", "event_time") else f'"{name}"' for name in SHOWN)
    sql = f"SELECT {columns} FROM ({_newest(mart)}) WHERE {where} ORDER BY code LIMIT ?"
    found: list[Plain] = mart.query(sql, [*values, question.limit]).to_pylist()
    watchers = _watchers(mart, [str(point["code"]) for point in found], question.grade_max)
    return [point | {"nodes": watchers.get(point["code"], [])} for point in found]


def _watchers(mart: Mart, codes: Sequence[str], grade_max: int) -> dict[str, list[str]]:
    """Codes that more than one node gives to a camera of its own, with the nodes: two cameras, or one that moved and was not taken out."""
    newest = (
        f"SELECT * FROM {mart.table(RESOURCE)} WHERE code IN (SELECT unnest(?)) AND grade <= ? "
        "QUALIFY row_number() OVER (PARTITION BY code, _origin ORDER BY event_time DESC, _lsn DESC) = 1"
    )
    sql = f"SELECT code, list(_origin ORDER BY _origin) AS nodes FROM ({newest}) WHERE camera <> '' AND state <> ? GROUP BY code"
    rows = mart.query(sql, [list(codes), grade_max, PointState.REMOVED.value]).to_pylist()
    return {str(row["code"]): row["nodes"] for row in rows if len(row["nodes"]) > 1}


def counts(mart: Mart, question: Question) -> dict[str, int]:
    """Points that fit by state; empty while there are none. Raises MartError."""
    if not mart.has(RESOURCE):
        return {}
    where, values = _where(question)
    rows = mart.query(f"SELECT state, count(*) AS points FROM ({_newest(mart)}) WHERE {where} GROUP BY state", values).to_pylist()
    return {str(row["state"]): int(row["points"]) for row in rows}


def _newest(mart: Mart) -> str:
    """Each code by the row that was said last, wherever it was said: a camera may pass to another node."""
    return f"SELECT * FROM {mart.table(RESOURCE)} QUALIFY row_number() OVER (PARTITION BY code ORDER BY event_time DESC, _lsn DESC) = 1"


def _where(question: Question) -> tuple[str, Sequence[object]]:
    parts, values = ["grade <= ?", "state <> ?", "code > ?"], [question.grade_max, PointState.REMOVED.value, question.after]
    if question.territory:
        parts.append("starts_with(territory, ?)")
        values.append(question.territory)
    if question.state:
        parts.append("state = ?")
        values.append(question.state)
    if question.tier is not None:
        parts.append("tier = ?")
        values.append(question.tier)
    if question.text:
        parts.append("contains(lower(concat_ws(' ', code, name, address, owner)), lower(?))")
        values.append(question.text)
    return " AND ".join(parts), values
