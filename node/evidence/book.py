"""What is known of each event's original: where it lies, whether it is still here, and why not.

Owns `evidence.db`. A row is written after its file lies whole, and a row is never deleted because a file is gone: it says so instead. Two
events of one frame share a file. Any thread may call. Called by desk.py, keeping.py and check.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.evidence.errors import EvidenceDamaged, EvidenceFault
from node.store.side_file import SideFile

FILE_NAME = "evidence.db"
ROWS_MAX = 200_000
"""Events remembered; the oldest whose original is gone are forgotten first."""
INCIDENTS_MARK = "incidents"
INCIDENTS_PUT_BACK = "incidents put back"
CANDIDATES_MAX = 256
"""Events that one step of retention looks at."""

migrations = Migrations("evidence")


@migrations()
def m001_pictures(db: Database) -> None:
    """One row for each event that has, had or lacks an original."""
    db.execute(
        """
        CREATE TABLE picture (
            id INTEGER PRIMARY KEY, event_id TEXT NOT NULL UNIQUE, sha256 TEXT NOT NULL, masked_sha256 TEXT NOT NULL, camera TEXT NOT NULL,
            rule TEXT NOT NULL, kind TEXT NOT NULL, label TEXT NOT NULL, at_us INTEGER NOT NULL, bytes INTEGER NOT NULL,
            state TEXT NOT NULL, why TEXT NOT NULL, ended INTEGER NOT NULL, incident TEXT NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX picture_by_file ON picture (sha256, state)")
    db.execute("CREATE INDEX picture_by_mask ON picture (masked_sha256)")
    db.execute("CREATE INDEX picture_by_time ON picture (state, at_us)")
    db.execute("CREATE TABLE mark (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT")


@migrations()
def m002_clips(db: Database) -> None:
    """One row for each event whose rule wants a clip; and what the picture that travelled went through (empty: written before this)."""
    db.execute(
        """
        CREATE TABLE clip (
            event_id TEXT PRIMARY KEY, camera TEXT NOT NULL, kind TEXT NOT NULL, at_us INTEGER NOT NULL, state TEXT NOT NULL,
            bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, codec TEXT NOT NULL, seconds REAL NOT NULL, why TEXT NOT NULL,
            due_us INTEGER NOT NULL
        ) STRICT
        """
    )
    db.execute("CREATE INDEX clip_by_time ON clip (state, at_us)")
    db.execute("CREATE INDEX clip_by_file ON clip (sha256, state)")
    db.execute("ALTER TABLE picture ADD COLUMN masking TEXT NOT NULL DEFAULT ''")


class State(StrEnum):
    """What became of an original."""

    KEPT = "kept"
    MISSING = "missing"
    """It never came to this node's folder; `why` says for what reason."""
    EXPIRED = "expired"
    """Let go by age or for room."""
    DROPPED = "dropped"
    """Let go by a person."""
    LOST = "lost"
    """It lay here and does not any more, or is not what it was; nobody of this program removed it."""


class Incident(StrEnum):
    """The incident that an event opened."""

    NONE = ""
    OPEN = "open"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """One event's original."""

    event_id: str
    sha256: str
    """Of the original; empty when there never was one."""
    masked_sha256: str
    """Of the picture that travelled."""
    camera: str
    rule: str
    kind: str
    """Of the rule."""
    label: str
    at_us: int
    bytes: int
    state: State = State.KEPT
    why: str = ""
    ended: bool = False
    incident: Incident = Incident.NONE
    masking: str = ""
    """What the picture that travelled went through; empty: not known."""

    @property
    def is_open(self) -> bool:
        """True while the event or its incident goes on: then it is never let go by itself."""
        return not self.ended or self.incident is Incident.OPEN


class EvidenceBookDamaged(EvidenceDamaged):
    """The file is no database any more."""


_COLUMNS = "event_id, sha256, masked_sha256, camera, rule, kind, label, at_us, bytes, state, why, ended, incident, masking"


class EvidenceBook(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises EvidenceBookDamaged when it is no database, EvidenceFault when it cannot be opened now."""
        super().__init__(path, migrations, failure=EvidenceFault, damaged=EvidenceBookDamaged)
        # The worker forgets an event once the node has it: what the book says of it must outlive a power cut.
        self._db.execute("PRAGMA synchronous = FULL")

    def enter(self, picture: Picture) -> None:
        """Enter an event, durably; one that is there already stays as it is. Raises EvidenceFault."""
        row = (
            *(picture.event_id, picture.sha256, picture.masked_sha256, picture.camera, picture.rule, picture.kind, picture.label),
            *(picture.at_us, picture.bytes, picture.state.value, picture.why, int(picture.ended), picture.incident.value, picture.masking),
        )
        with self.transaction() as db:
            db.execute(f"INSERT OR IGNORE INTO picture ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)
            surplus = db.execute("SELECT count(*) FROM picture").fetchone()[0] - ROWS_MAX
            if surplus > 0:
                db.execute("DELETE FROM picture WHERE id IN (SELECT id FROM picture WHERE state != ? ORDER BY id LIMIT ?)",
                           (State.KEPT.value, surplus))  # fmt: skip

    def end(self, event_id: str) -> None:
        """The event is over."""
        with self.transaction() as db:
            db.execute("UPDATE picture SET ended = 1 WHERE event_id = ?", (event_id,))

    def settle_incidents(self, found: Sequence[tuple[str, Incident]], mark: int) -> None:
        """What became of the incidents of these events, in order, up to a position in the journal; nothing for events not known."""
        with self.transaction() as db:
            states = [(incident.value, event_id) for event_id, incident in found]
            db.executemany("UPDATE picture SET incident = ? WHERE event_id = ?", states)
            db.execute("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", (INCIDENTS_MARK, mark))

    def move(self, event_ids: Sequence[str], state: State, why: str) -> None:
        """Say what became of these originals."""
        with self.transaction() as db:
            db.executemany("UPDATE picture SET state = ?, why = ? WHERE event_id = ?", [(state.value, why, one) for one in event_ids])

    def find(self, name: str) -> Picture | None:
        """By event, by the hash of the original or of the masked picture; a beginning of 8 characters is enough where it is one's alone."""
        with self.transaction() as db:
            for column in ("event_id", "sha256", "masked_sha256"):
                exact = db.execute(f"SELECT {_COLUMNS} FROM picture WHERE {column} = ? ORDER BY id DESC LIMIT 1", (name,)).fetchone()
                if exact is not None:
                    return _picture(exact)
            if len(name) < 8:
                return None
            low, high = name, name + "\U0010ffff"
            found = {
                row[0]: row
                for column in ("event_id", "sha256", "masked_sha256")
                for row in db.execute(f"SELECT {_COLUMNS} FROM picture WHERE {column} >= ? AND {column} < ? LIMIT 2", (low, high))
            }
        return _picture(next(iter(found.values()))) if len(found) == 1 else None

    def newest(self, *, limit: int, state: str = "") -> list[Picture]:
        """The newest events, in one state or in all."""
        where, values = ("WHERE state = ?", [state]) if state else ("", [])
        with self.transaction() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM picture {where} ORDER BY id DESC LIMIT ?", (*values, limit)).fetchall()
        return [_picture(row) for row in rows]

    def lasting(self, *, after_event: str = "", limit: int) -> list[Picture]:
        """Events whose original is kept, by event id: a walk over all of them in steps."""
        with self.transaction() as db:
            rows = db.execute(
                f"SELECT {_COLUMNS} FROM picture WHERE state = ? AND event_id > ? ORDER BY event_id LIMIT ?",
                (State.KEPT.value, after_event, limit),
            ).fetchall()
        return [_picture(row) for row in rows]

    def free_to_go(self, *, kind: str = "", but: Sequence[str] = (), before_us: int | None = None) -> list[Picture]:
        """The oldest kept originals that nothing open needs, at most CANDIDATES_MAX; of one kind of rule, or of all `but` some, and
        older than a time.
        """
        clauses, values = ["p.state = 'kept'", "p.ended = 1", "p.incident != 'open'"], list[object]()
        if but:
            clauses.append(f"p.kind NOT IN ({', '.join('?' * len(but))})")
            values += but
        if kind:
            clauses.append("p.kind = ?")
            values.append(kind)
        if before_us is not None:
            clauses.append("p.at_us < ?")
            values.append(before_us)
        needed = "SELECT 1 FROM picture o WHERE o.sha256 = p.sha256 AND o.state = 'kept' AND (o.ended = 0 OR o.incident = 'open')"
        query = f"SELECT {_COLUMNS} FROM picture p WHERE {' AND '.join(clauses)} AND NOT EXISTS ({needed}) ORDER BY p.at_us, p.id LIMIT ?"
        with self.transaction() as db:
            rows = db.execute(query, (*values, CANDIDATES_MAX)).fetchall()
        return [_picture(row) for row in rows]

    def not_coarse(self) -> list[tuple[str, int]]:
        """Cameras of which pictures travelled that were sharp in part and whose original is kept, and how many."""
        query = "SELECT camera, count(*) FROM picture WHERE state = 'kept' AND masking IN ('', 'boxes') GROUP BY camera"
        with self.transaction() as db:
            return [(str(camera), int(count)) for camera, count in db.execute(query).fetchall()]

    def to_remask(self, camera: str, limit: int) -> list[Picture]:
        """The newest of those pictures of a camera."""
        query = f"SELECT {_COLUMNS} FROM picture WHERE state = 'kept' AND masking IN ('', 'boxes') AND camera = ? ORDER BY id DESC LIMIT ?"
        with self.transaction() as db:
            return [_picture(row) for row in db.execute(query, (camera, limit)).fetchall()]

    def masked_as(self, event_id: str, masking: str) -> None:
        """What travels of an event went through this by now."""
        with self.transaction() as db:
            db.execute("UPDATE picture SET masking = ? WHERE event_id = ?", (masking, event_id))

    def lost_as(self, sha256: str) -> list[Picture]:
        """Events whose original was this file, which a look did not find."""
        with self.transaction() as db:
            rows = db.execute(f"SELECT {_COLUMNS} FROM picture WHERE sha256 = ? AND state = ?", (sha256, State.LOST.value)).fetchall()
        return [_picture(row) for row in rows]

    def sharing(self, sha256: str) -> list[str]:
        """Events whose kept original is this file."""
        with self.transaction() as db:
            rows = db.execute("SELECT event_id FROM picture WHERE sha256 = ? AND state = ?", (sha256, State.KEPT.value)).fetchall()
        return [str(row[0]) for row in rows]

    def used_bytes(self, kind: str = "") -> int:
        """What kept originals weigh, each file once; of one kind of rule or of all."""
        where, values = ("AND kind = ?", (kind,)) if kind else ("", ())
        query = f"SELECT coalesce(sum(b), 0) FROM (SELECT max(bytes) AS b FROM picture WHERE state = 'kept' {where} GROUP BY sha256)"
        with self.transaction() as db:
            return int(db.execute(query, values).fetchone()[0])

    def counts(self) -> dict[str, int]:
        """Events by what became of their originals, and `open` of those kept."""
        with self.transaction() as db:
            found = {str(state): int(count) for state, count in db.execute("SELECT state, count(*) FROM picture GROUP BY state")}
            is_open = "SELECT count(*) FROM picture WHERE state = 'kept' AND (ended = 0 OR incident = 'open')"
            return {state.value: found.get(state.value, 0) for state in State} | {"open": int(db.execute(is_open).fetchone()[0])}

    def incidents_after(self, put_back: int) -> None:
        """Settle all incidents anew once that many batches of their rows were put back, and not as many as before."""
        with self.transaction() as db:
            row = db.execute("SELECT value FROM mark WHERE name = ?", (INCIDENTS_PUT_BACK,)).fetchone()
            if (0 if row is None else int(row[0])) != put_back:
                db.execute("DELETE FROM mark WHERE name = ?", (INCIDENTS_MARK,))
                db.execute("INSERT OR REPLACE INTO mark (name, value) VALUES (?, ?)", (INCIDENTS_PUT_BACK, put_back))

    def incidents_mark(self) -> int:
        """Up to where in the journal incidents are settled; 0 for nowhere."""
        with self.transaction() as db:
            row = db.execute("SELECT value FROM mark WHERE name = ?", (INCIDENTS_MARK,)).fetchone()
        return int(row[0]) if row else 0


def _picture(row: Sequence[object]) -> Picture:
    named = dict(zip(_COLUMNS.split(", "), row, strict=True))
    named |= {"state": State(str(named["state"])), "incident": Incident(str(named["incident"])), "ended": bool(named["ended"])}
    return Picture(**named)  # type: ignore[arg-type]
