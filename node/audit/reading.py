"""Pages of the audit log, newest first, for people. What was damaged is shown as such; whether the log holds, walk.py says.

Called by api.py for a running node and by the verb for a stopped one.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from node.audit.entry import decode
from node.audit.errors import AuditRefused
from node.audit.words import AuditKind

PAGE_MAX = 500
"""Entries on one page."""
_UNREADABLE = "unreadable"
_SELECT = "SELECT seq, CAST(entry AS BLOB), hash FROM audit_entry WHERE seq < ?"
_AT = "CASE WHEN json_valid(entry) THEN json_extract(entry, '$[1]') END"

Plain = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which entries are wanted."""

    kinds: Collection[str] = ()
    """Empty: all."""
    subject: str = ""
    since_us: int = 0
    before_seq: int = (1 << 63) - 1
    limit: int = 100


def page(connection: sqlite3.Connection, wish: Wish) -> Plain:
    """`entries`, and `next`: what `before_seq` of the following page is; None on the last one."""
    statement, values = _SELECT, [wish.before_seq]
    if wish.kinds:
        statement += f" AND kind IN ({', '.join('?' * len(wish.kinds))})"
        values += sorted(wish.kinds)  # type: ignore[arg-type]
        if AuditKind.DECISIONS not in wish.kinds:
            statement += " AND kind <> 'decisions'"  # what the index is over
    if wish.subject:
        statement += " AND subject = ?"
        values.append(wish.subject)  # type: ignore[arg-type]
    if wish.since_us:
        statement += f" AND {_AT} >= ?"
        values.append(wish.since_us)
    limit = min(wish.limit, PAGE_MAX)
    rows = connection.execute(f"{statement} ORDER BY seq DESC LIMIT ?", (*values, limit + 1)).fetchall()
    shown = rows[:limit]
    return {"entries": [_plain(*row) for row in shown], "next": shown[-1][0] if len(rows) > limit else None}


def _plain(seq: int, data: bytes, digest: bytes) -> Plain:
    try:
        entry = asdict(decode(data))
    except AuditRefused:
        entry = {"seq": seq, "at_us": 0, "kind": _UNREADABLE, "subject": "", "by": "", "detail": {}}
    return entry | {"seq": seq, "hash": digest.hex()}
