"""What a node remembers of sealed envelopes, in a file of its own: what was sealed for whom, what was opened, and what is kept back.

Owns `sealed.db` and its tables, which docs/returns.md describes. Every call is one transaction; any thread may call. A file that is lost
costs work and no record: envelopes are sealed and opened once more, and each record counts once. Called by sealing.py and opening.py.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database, Migrations

from node.sealed.errors import SealedBookDamaged, SealedBookError
from node.store.side_file import SideFile
from policies.catalogue import ENVELOPES
from sync.model import Run, Stream

FILE_NAME = "sealed.db"
GONE_MAX = 200_000
"""Stretches of sealed records kept; of more, the oldest go, and would be sealed once more if a plan changed."""
KEPT_BACK_MAX = 1_000
"""Envelopes that wait for another policy; of more, the oldest are given up."""

migrations = Migrations("sealed")


@migrations()
def m001_book(db: Database) -> None:
    """Readings and stretches of the sealing side, keys of targets, and what the opening side took and keeps back."""
    for statement in (
        """CREATE TABLE reading (
            target TEXT, resource TEXT, upto INTEGER NOT NULL, plans BLOB NOT NULL, PRIMARY KEY (target, resource)) STRICT""",
        """CREATE TABLE gone (
            id INTEGER PRIMARY KEY, target TEXT NOT NULL, resource TEXT NOT NULL, origin TEXT NOT NULL, incarnation INTEGER NOT NULL,
            lane INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, at_us INTEGER NOT NULL) STRICT""",
        "CREATE INDEX gone_by_stream ON gone (target, resource, origin, incarnation, lane, last)",
        "CREATE TABLE made (target TEXT PRIMARY KEY, envelopes INTEGER NOT NULL, records INTEGER NOT NULL, at_us INTEGER NOT NULL) STRICT",
        "CREATE TABLE key (target TEXT PRIMARY KEY, chain BLOB NOT NULL, at_us INTEGER NOT NULL) STRICT",
        "CREATE TABLE opening (one INTEGER PRIMARY KEY CHECK (one = 1), upto INTEGER NOT NULL) STRICT",
        """CREATE TABLE taken (
            sealer TEXT PRIMARY KEY, envelopes INTEGER NOT NULL, records INTEGER NOT NULL, withheld INTEGER NOT NULL,
            at_us INTEGER NOT NULL) STRICT""",
        """CREATE TABLE kept_back (
            lsn INTEGER, row INTEGER, version BLOB NOT NULL, why TEXT NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (lsn, row)) STRICT""",
        """CREATE TABLE refused (
            lsn INTEGER, row INTEGER, why TEXT NOT NULL, at_us INTEGER NOT NULL, PRIMARY KEY (lsn, row)) STRICT""",
    ):
        db.execute(statement)


@migrations()
def m002_put_back(db: Database) -> None:
    """After how many batches that were put back each resource was read for each target, and envelopes (no target) were opened."""
    db.execute(
        "CREATE TABLE put_back (target TEXT NOT NULL, resource TEXT NOT NULL, count INTEGER NOT NULL, "
        "PRIMARY KEY (target, resource)) STRICT"
    )


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the journal was read of a resource for a target, under which plans, and after how many batches that were put back."""

    upto: int = 0
    plans: bytes = b""
    put_back: int = 0


@dataclass(frozen=True, slots=True)
class KeptBack:
    """An envelope of which something waits for another policy."""

    lsn: int
    row: int
    version: bytes
    why: str


class SealedBook(SideFile):
    """The file, open."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises SealedBookDamaged when it is no database, SealedBookError when it cannot be opened now."""
        super().__init__(path, migrations, failure=SealedBookError, damaged=SealedBookDamaged)

    # ---- sealing

    def readings(self) -> dict[tuple[str, str], Reading]:
        """By target and resource."""
        with self.transaction() as db:
            rows = db.execute(
                "SELECT target, resource, upto, plans, coalesce(count, 0) FROM reading LEFT JOIN put_back USING (target, resource)"
            ).fetchall()
        return {(target, resource): Reading(*reading) for target, resource, *reading in rows}

    def read(self, resource: str, readings: Mapping[str, Reading]) -> None:
        """Keep how far the resource was read for each target."""
        rows = [(target, resource, reading.upto, reading.plans) for target, reading in readings.items()]
        counts = [(target, resource, reading.put_back) for target, reading in readings.items()]
        with self.transaction() as db:
            db.executemany("INSERT OR REPLACE INTO reading VALUES (?, ?, ?, ?)", rows)
            db.executemany("INSERT OR REPLACE INTO put_back VALUES (?, ?, ?)", counts)

    def lacks(self, target: str, streams: Iterable[tuple[Stream, Run]]) -> bool:
        """True when some of these records were not sealed for the target yet."""
        stream_is = "target = ? AND resource = ? AND origin = ? AND incarnation = ? AND lane = ?"
        question = f"SELECT 1 FROM gone WHERE {stream_is} AND last >= ? AND first <= ?"
        with self.transaction() as db:
            for stream, run in streams:
                key = (target, stream.resource, stream.origin, stream.incarnation, int(stream.lane), run.last, run.first)
                if db.execute(question, key).fetchone() is None:
                    return True
        return False

    def sealed(self, target: str, streams: Sequence[tuple[Stream, Run]], *, envelopes: int, now_us: int) -> None:
        """Enter what was sealed for a target: after the envelopes are durable."""
        rows = [
            (target, stream.resource, stream.origin, stream.incarnation, int(stream.lane), run.first, run.last, now_us)
            for stream, run in streams
        ]
        records = sum(run.count for _, run in streams if run.state.has_rows)
        with self.transaction() as db:
            db.executemany(
                "INSERT INTO gone (target, resource, origin, incarnation, lane, first, last, at_us) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows
            )
            db.execute("DELETE FROM gone WHERE id <= (SELECT coalesce(max(id), 0) FROM gone) - ?", (GONE_MAX,))
            db.execute(
                """
                INSERT INTO made VALUES (?, ?, ?, ?) ON CONFLICT (target) DO UPDATE SET
                envelopes = envelopes + excluded.envelopes, records = records + excluded.records, at_us = excluded.at_us
                """,
                (target, envelopes, records, now_us),
            )

    def chain(self, target: str) -> tuple[bytes, int] | None:
        """A target's certificate chain and when it was told; None when it never was."""
        with self.transaction() as db:
            found = db.execute("SELECT chain, at_us FROM key WHERE target = ?", (target,)).fetchone()
        return None if found is None else (found[0], found[1])

    def keep_chain(self, target: str, chain: bytes, now_us: int) -> None:
        """Remember a target's chain."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO key VALUES (?, ?, ?)", (target, chain, now_us))

    # ---- opening

    def opened_upto(self, put_back: int) -> int:
        """Up to which lsn envelopes were opened; 0 once `put_back` batches of them were put back and not as many as before.

        Then the counts begin anew too: what was taken before is opened once more, and of its records none is news.
        """
        with self.transaction() as db:
            before = db.execute("SELECT count FROM put_back WHERE target = '' AND resource = ?", (ENVELOPES,)).fetchone()
            if put_back != (before[0] if before else 0):
                db.execute("DELETE FROM taken")
                db.execute("DELETE FROM opening")
                db.execute("INSERT OR REPLACE INTO put_back VALUES ('', ?, ?)", (ENVELOPES, put_back))
            found = db.execute("SELECT upto FROM opening").fetchone()
        return 0 if found is None else int(found[0])

    def opened(self, upto: int) -> None:
        """Keep how far envelopes were opened."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO opening VALUES (1, ?)", (upto,))

    def took(self, sealer: str, *, records: int, withheld: int, now_us: int) -> None:
        """Count an envelope whose records were taken, or entered as withheld."""
        with self.transaction() as db:
            db.execute(
                """
                INSERT INTO taken VALUES (?, 1, ?, ?, ?) ON CONFLICT (sealer) DO UPDATE SET envelopes = envelopes + 1,
                records = records + excluded.records, withheld = withheld + excluded.withheld, at_us = excluded.at_us
                """,
                (sealer, records, withheld, now_us),
            )

    def keep_back(self, lsn: int, row: int, *, version: bytes, why: str, now_us: int) -> None:
        """Something of an envelope may not be held under this version."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO kept_back VALUES (?, ?, ?, ?, ?)", (lsn, row, version, why, now_us))
            db.execute(
                "DELETE FROM kept_back WHERE (lsn, row) NOT IN (SELECT lsn, row FROM kept_back ORDER BY lsn DESC, row DESC LIMIT ?)",
                (KEPT_BACK_MAX,),
            )

    def settle(self, lsn: int, row: int) -> None:
        """Nothing of an envelope waits any more."""
        with self.transaction() as db:
            db.execute("DELETE FROM kept_back WHERE lsn = ? AND row = ?", (lsn, row))

    def kept_back(self, *, not_version: bytes | None = None) -> list[KeptBack]:
        """Envelopes of which something waits; those that were judged under another version than `not_version`."""
        with self.transaction() as db:
            rows = db.execute("SELECT lsn, row, version, why FROM kept_back ORDER BY lsn, row").fetchall()
        return [found for found in (KeptBack(*row) for row in rows) if found.version != not_version]

    def refuse(self, lsn: int, row: int, *, why: str, now_us: int) -> None:
        """An envelope cannot be what its sealer made for this node."""
        with self.transaction() as db:
            db.execute("INSERT OR REPLACE INTO refused VALUES (?, ?, ?, ?)", (lsn, row, why, now_us))
            db.execute("DELETE FROM refused WHERE lsn NOT IN (SELECT lsn FROM refused ORDER BY lsn DESC LIMIT ?)", (KEPT_BACK_MAX,))

    # ---- showing

    def listed(self) -> dict[str, list[dict[str, object]]]:
        """What was sealed for whom, what came from whom, and what is kept back or refused, newest first."""
        questions = {
            "sealed": "SELECT target, envelopes, records, at_us FROM made ORDER BY target",
            "opened": "SELECT sealer, envelopes, records, withheld, at_us FROM taken ORDER BY sealer",
            "kept_back": "SELECT lsn, why, at_us FROM kept_back ORDER BY lsn DESC LIMIT 100",
            "refused": "SELECT lsn, why, at_us FROM refused ORDER BY lsn DESC LIMIT 100",
        }
        found: dict[str, list[dict[str, object]]] = {}
        with self.transaction() as db:
            for name, question in questions.items():
                cursor = db.execute(question)
                names = [column[0] for column in cursor.description]
                found[name] = [dict(zip(names, row, strict=True)) for row in cursor]
        return found
