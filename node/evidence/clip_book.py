"""What is known of each event's clip: whether it is awaited, here, or why not. A table of `evidence.db`, beside that of pictures.

A row is written before a clip is ordered, and counts the most that the clip may weigh until it is here: what is ordered has its room. Any
thread may call. Called by clips.py, keeping.py and check.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from node.evidence.book import CANDIDATES_MAX, EvidenceBook

ROWS_MAX = 50_000
"""Clips remembered; the oldest that are not here are forgotten first."""


class ClipState(StrEnum):
    """What became of a clip."""

    AWAITED = "awaited"
    """Ordered from the process that reads the camera."""
    KEPT = "kept"
    MISSING = "missing"
    """It never came; `why` says for what reason."""
    EXPIRED = "expired"
    DROPPED = "dropped"
    LOST = "lost"
    """As of pictures: it lay here and does not any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One event's clip."""

    event_id: str
    camera: str
    kind: str
    """Of the rule."""
    at_us: int
    """Of the event; its day is the clip's folder."""
    state: ClipState
    bytes: int
    """Of the file; while it is awaited the most it may have."""
    sha256: str = ""
    codec: str = ""
    seconds: float = 0.0
    why: str = ""
    """Why there is none; of a kept one why it ends early, if it does."""
    due_us: int = 0
    """When one that is awaited counts as missing."""


_COLUMNS = "event_id, camera, kind, at_us, state, bytes, sha256, codec, seconds, why, due_us"
_HOLDS_ROOM = "c.state IN ('kept', 'awaited')"
_IS_OPEN = "coalesce(p.ended, 1) = 0 OR coalesce(p.incident, '') = 'open'"


@dataclass(frozen=True, slots=True)
class ClipBook:
    """The table."""

    book: EvidenceBook

    def enter(self, clip: Clip) -> None:
        """Enter or replace what is known of a clip, durably. Raises EvidenceFault."""
        row = (clip.event_id, clip.camera, clip.kind, clip.at_us, clip.state.value, clip.bytes, clip.sha256, clip.codec, clip.seconds)
        with self.book.transaction() as db:
            db.execute(f"INSERT OR REPLACE INTO clip ({_COLUMNS}) VALUES ({', '.join('?' * 11)})", (*row, clip.why, clip.due_us))
            surplus = db.execute("SELECT count(*) FROM clip").fetchone()[0] - ROWS_MAX
            if surplus > 0:
                db.execute(
                    "DELETE FROM clip WHERE event_id IN "
                    "(SELECT event_id FROM clip WHERE state NOT IN ('kept', 'awaited') ORDER BY at_us LIMIT ?)",
                    (surplus,),
                )

    def find(self, event_id: str) -> Clip | None:
        """Of an event; None where its rule wanted none."""
        with self.book.transaction() as db:
            row = db.execute(f"SELECT {_COLUMNS} FROM clip WHERE event_id = ?", (event_id,)).fetchone()
        return None if row is None else _clip(row)

    def states(self, event_ids: Sequence[str]) -> dict[str, str]:
        """What became of these events' clips; nothing of those without."""
        marks = ", ".join("?" * len(event_ids))
        with self.book.transaction() as db:
            rows = db.execute(f"SELECT event_id, state FROM clip WHERE event_id IN ({marks})", list(event_ids)).fetchall()
        return {str(name): str(state) for name, state in rows}

    def awaited(self) -> list[Clip]:
        """Those that are ordered, the oldest first, at most CANDIDATES_MAX."""
        return self._select("c.state = 'awaited'", (), CANDIDATES_MAX)

    def lasting(self, *, after_event: str = "", limit: int) -> list[Clip]:
        """Those that are here, by event: a walk over all of them in steps."""
        with self.book.transaction() as db:
            query = f"SELECT {_COLUMNS} FROM clip WHERE state = 'kept' AND event_id > ? ORDER BY event_id LIMIT ?"
            return [_clip(row) for row in db.execute(query, (after_event, limit)).fetchall()]

    def free_to_go(self, *, kind: str = "", but: Sequence[str] = (), before_us: int | None = None) -> list[Clip]:
        """The oldest that are here and that nothing open needs; arguments as of pictures."""
        clauses, values = ["c.state = 'kept'", f"NOT ({_IS_OPEN})"], list[object]()
        if but:
            clauses.append(f"c.kind NOT IN ({', '.join('?' * len(but))})")
            values += but
        if kind:
            clauses.append("c.kind = ?")
            values.append(kind)
        if before_us is not None:
            clauses.append("c.at_us < ?")
            values.append(before_us)
        return self._select(" AND ".join(clauses), values, CANDIDATES_MAX)

    def lost_as(self, sha256: str) -> list[Clip]:
        """Those that were this file, which a look did not find."""
        return self._select("c.sha256 = ? AND c.state = 'lost'", (sha256,), CANDIDATES_MAX)

    def keeps(self, sha256: str) -> bool:
        """True while a clip of this hash is here."""
        with self.book.transaction() as db:
            return db.execute("SELECT 1 FROM clip WHERE sha256 = ? AND state = 'kept' LIMIT 1", (sha256,)).fetchone() is not None

    def used_bytes(self, kind: str = "") -> int:
        """What clips weigh, and what those that are awaited may; of one kind of rule or of all."""
        where, values = (" AND c.kind = ?", (kind,)) if kind else ("", ())
        with self.book.transaction() as db:
            return int(db.execute(f"SELECT coalesce(sum(c.bytes), 0) FROM clip c WHERE {_HOLDS_ROOM}{where}", values).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Clips by what became of them."""
        with self.book.transaction() as db:
            found = {str(state): int(count) for state, count in db.execute("SELECT state, count(*) FROM clip GROUP BY state")}
        return {state.value: found.get(state.value, 0) for state in ClipState}

    def _select(self, where: str, values: Sequence[object], limit: int) -> list[Clip]:
        columns = ", ".join(f"c.{name}" for name in _COLUMNS.split(", "))
        query = f"SELECT {columns} FROM clip c LEFT JOIN picture p ON p.event_id = c.event_id WHERE {where} ORDER BY c.at_us LIMIT ?"
        with self.book.transaction() as db:
            return [_clip(row) for row in db.execute(query, (*values, limit)).fetchall()]


def _clip(row: Sequence[object]) -> Clip:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    return Clip(**(named | {"state": ClipState(str(named["state"]))}))  # type: ignore[arg-type]
