"""The projection of the journal that holds the cases: every fact that is here, and by case what they add up to.

Owns `cases.db`. The journal is the truth: each step copies a short read and notes how far it came in the same transaction, so the file may
be deleted at any time while the journal has not freed the facts. A file of another journal, or ahead of it, begins anew. Any thread may
call. Called by the desk.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
from sqlite_utils import Database, Migrations

from node.cases.errors import CaseError, RegisterDamaged
from node.cases.fact import Arrival, Fact, Place, arrivals_in, encoded_body
from node.cases.kind import FACTS_MAX, Case, Kind, fold
from node.store.repaired import Repaired
from node.store.side_file import SideFile
from sync.model import HybridTime, Span, StoredBatch

FILE_NAME = "cases.db"
STEP_BATCHES_MAX = 64
STEP_BYTES_MAX = 4 << 20
"""What one short read of the journal and one transaction take."""
ARRIVED_MAX = 2 * FACTS_MAX
"""Facts of one case that are kept: a peer may send more than ever count."""

SETTLED_LOOKED_AT = 1_000
"""Newest cases of a kind that a start looks at although they are settled."""

migrations = Migrations("cases")


@migrations()
def m001_facts(db: Database) -> None:
    """Facts as they arrived, where this node sent which, and how far each resource of facts was read."""
    db.execute(
        """
        CREATE TABLE fact (
            kind TEXT NOT NULL, case_id TEXT NOT NULL, origin TEXT NOT NULL, id TEXT NOT NULL, wall_us INTEGER NOT NULL,
            counter INTEGER NOT NULL, incarnation INTEGER NOT NULL, number INTEGER NOT NULL, fact TEXT NOT NULL, by TEXT NOT NULL,
            body TEXT NOT NULL, territory TEXT NOT NULL, PRIMARY KEY (kind, case_id, origin, id)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute(
        """
        CREATE TABLE sent (
            kind TEXT NOT NULL, case_id TEXT NOT NULL, origin TEXT NOT NULL, id TEXT NOT NULL, territory TEXT NOT NULL,
            PRIMARY KEY (kind, case_id, origin, id, territory)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE TABLE built_to (resource TEXT PRIMARY KEY, lsn INTEGER NOT NULL, unreadable INTEGER NOT NULL) STRICT")
    db.execute("CREATE TABLE owner (one INTEGER PRIMARY KEY CHECK (one = 1), node TEXT NOT NULL, incarnation TEXT NOT NULL) STRICT")


@migrations()
def m002_cases(db: Database) -> None:
    """The cases as last folded, for lists and clocks."""
    db.execute(
        """
        CREATE TABLE folded (
            kind TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL, opened_us INTEGER NOT NULL, since_us INTEGER NOT NULL,
            due_us INTEGER, PRIMARY KEY (kind, id)
        ) STRICT, WITHOUT ROWID
        """
    )
    db.execute("CREATE INDEX folded_by_state ON folded (kind, state, opened_us)")


@migrations()
def m003_put_back(db: Database) -> None:
    """After how many batches that were put back a resource was read; a table of its own, as older programs write whole rows."""
    db.execute("CREATE TABLE put_back (resource TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT")


class Source(Protocol):
    """What the register reads of a journal."""

    node: str
    incarnation: int

    @property
    def last_lsn(self) -> int:
        """The newest committed lsn."""

    def find(self, resource: str, span: Span, *, batches_max: int, bytes_max: int) -> list[StoredBatch]:
        """Batches of a resource inside `span`, ascending."""

    def repaired(self, resource: str) -> Repaired:
        """How often batches of a resource were set aside or put back."""


class Register(SideFile):
    """The file, open."""

    def __init__(self, path: Path, kinds: Collection[Kind], *, me: str, above: Callable[[], Collection[str]]) -> None:
        """Open or make the file; `above` are the nodes over this one, whose word for others counts.

        Raises RegisterDamaged when the file is no database, CaseError when it cannot be opened now.
        """
        super().__init__(path, migrations, failure=CaseError, damaged=RegisterDamaged)
        self._me = me
        self._above = above
        self.kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}

    # ---- following the journal

    def catch_up(self, journal: Source) -> set[tuple[str, str]]:
        """Take what the journal has and the register has not; the cases (kind, id) of which it is news. Raises JournalCorrupt, CaseError.

        A resource of which a batch was put back since, where it may have been passed over, is read from its beginning.
        """
        self._check_owner(journal)
        upto = journal.last_lsn
        return {touched for kind in self.kinds.values() for touched in self._follow(kind, journal, upto)}

    def _check_owner(self, journal: Source) -> None:
        facts = (journal.node, str(journal.incarnation))
        with self.transaction() as db:
            known = db.execute("SELECT node, incarnation FROM owner").fetchone()
            (newest,) = db.execute("SELECT coalesce(max(lsn), 0) FROM built_to").fetchone()
            if known != facts or newest > journal.last_lsn:
                for table in ("fact", "sent", "folded", "built_to", "put_back", "owner"):
                    db.execute(f"DELETE FROM {table}")
                db.execute("INSERT INTO owner VALUES (1, ?, ?)", facts)

    def _follow(self, kind: Kind, journal: Source, upto: int) -> set[tuple[str, str]]:
        touched: set[tuple[str, str]] = set()
        after = self._built_to(kind.resource, journal.repaired(kind.resource).put_back)
        while after < upto:
            batches = journal.find(kind.resource, Span(after, upto), batches_max=STEP_BATCHES_MAX, bytes_max=STEP_BYTES_MAX)
            after = batches[-1].lsn if batches else upto
            found = [arrival for batch in batches for arrival in arrivals_in(batch)]
            touched |= self._take(kind, [one for one in found if one is not None], after, unreadable=found.count(None))
        return touched

    def _built_to(self, resource: str, put_back: int) -> int:
        """How far a resource was read; 0 when a batch of it was put back since."""
        with self.transaction() as db:
            before = db.execute("SELECT count FROM put_back WHERE resource = ?", (resource,)).fetchone()
            if put_back != (before[0] if before else 0):
                db.execute("UPDATE built_to SET lsn = 0, unreadable = 0 WHERE resource = ?", (resource,))
                db.execute("INSERT OR REPLACE INTO put_back VALUES (?, ?)", (resource, put_back))
            row = db.execute("SELECT lsn FROM built_to WHERE resource = ?", (resource,)).fetchone()
        return int(row[0]) if row else 0

    def _take(self, kind: Kind, arrivals: Sequence[Arrival], built_to: int, *, unreadable: int) -> set[tuple[str, str]]:
        believed = [one for one in arrivals if not one.is_relayed or self._believes(one)]
        ids = sorted({one.fact.case_id for one in believed})
        touched: set[tuple[str, str]] = set()
        with self.transaction() as db:
            db.executemany(
                "INSERT OR IGNORE INTO sent VALUES (?, ?, ?, ?, ?)", [_sent(kind, one) for one in arrivals if one.bearer == self._me]
            )
            for case_id in ids:
                if self._keep(db, kind, [one.fact for one in believed if one.fact.case_id == case_id], case_id):
                    touched.add((kind.name, case_id))
            db.execute(
                "INSERT INTO built_to VALUES (?, ?, ?) ON CONFLICT (resource) DO UPDATE SET lsn = excluded.lsn, "
                "unreadable = unreadable + excluded.unreadable",
                (kind.resource, built_to, unreadable + len(arrivals) - len(believed)),
            )
        return touched

    def _believes(self, one: Arrival) -> bool:
        """A fact that another node passes on counts when that node is above, but nobody tells this node what it said itself."""
        return one.bearer in self._above() and one.fact.origin != self._me

    def _keep(self, db: sqlite3.Connection, kind: Kind, facts: Sequence[Fact], case_id: str) -> bool:
        """Keep facts of one case; False when none was news, as in what is read from its beginning."""
        (kept,) = db.execute("SELECT count(*) FROM fact WHERE kind = ? AND case_id = ?", (kind.name, case_id)).fetchone()
        added = db.executemany(
            "INSERT OR IGNORE INTO fact VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_stored(kind, fact) for fact in facts[: max(0, ARRIVED_MAX - kept)]],
        )
        if added.rowcount <= 0:
            return False
        case = fold(kind, _facts(db, kind, case_id))
        if case is not None:
            row = (kind.name, case_id, case.state, case.opened_us, case.since_us, kind.due_us(case))
            db.execute("INSERT OR REPLACE INTO folded VALUES (?, ?, ?, ?, ?, ?)", row)
        return True

    # ---- what is here

    def case(self, kind: Kind, case_id: str) -> Case | None:
        """One case whole; None while the fact that opens it is not here."""
        with self.transaction() as db:
            return fold(kind, _facts(db, kind, case_id))

    def cases(self, kind: Kind, *, states: Collection[str] = (), limit: int) -> list[Case]:
        """The newest cases, of some states or of all."""
        chosen = sorted(states)
        only = f"AND state IN ({', '.join('?' * len(chosen))})" if chosen else ""
        with self.transaction() as db:
            rows = db.execute(
                f"SELECT id FROM folded WHERE kind = ? {only} ORDER BY opened_us DESC, id LIMIT ?", (kind.name, *chosen, limit)
            ).fetchall()
            found = [fold(kind, _facts(db, kind, case_id)) for (case_id,) in rows]
        return [case for case in found if case is not None]

    def unsettled(self) -> set[tuple[str, str]]:
        """Cases (kind, id) in which something is left to do, and those settled last, of which somebody may not have heard."""
        found: set[tuple[str, str]] = set()
        with self.transaction() as db:
            for kind in self.kinds.values():
                rows = db.execute("SELECT id, state FROM folded WHERE kind = ? ORDER BY since_us DESC", (kind.name,)).fetchall()
                chosen = [id_ for place, (id_, state) in enumerate(rows) if place < SETTLED_LOOKED_AT or state not in kind.final]
                found |= {(kind.name, id_) for id_ in chosen}
        return found

    def sent(self, kind: Kind, case_id: str) -> set[tuple[str, str, str]]:
        """Facts of a case (origin, id) that this node sent, each with the territory."""
        with self.transaction() as db:
            return set(db.execute("SELECT origin, id, territory FROM sent WHERE kind = ? AND case_id = ?", (kind.name, case_id)).fetchall())

    def overdue(self, kind: Kind, now_us: int) -> int:
        """Cases whose clock ran out."""
        with self.transaction() as db:
            return int(db.execute("SELECT count(*) FROM folded WHERE kind = ? AND due_us < ?", (kind.name, now_us)).fetchone()[0])

    def counts(self, kind: Kind) -> dict[str, int]:
        """Cases by state."""
        with self.transaction() as db:
            return dict(db.execute("SELECT state, count(*) FROM folded WHERE kind = ? GROUP BY state", (kind.name,)).fetchall())

    @property
    def unreadable(self) -> int:
        """Rows of peers that were no facts, or that brought facts of others who are not below them."""
        with self.transaction() as db:
            return int(db.execute("SELECT coalesce(sum(unreadable), 0) FROM built_to").fetchone()[0])


def _sent(kind: Kind, one: Arrival) -> tuple[str, ...]:
    return (kind.name, one.fact.case_id, one.fact.origin, one.fact.id, one.territory)


def _stored(kind: Kind, fact: Fact) -> tuple[object, ...]:
    place = fact.place
    where = (place.at.wall_us, place.at.counter, place.incarnation, place.number)
    return (kind.name, fact.case_id, place.origin, fact.id, *where, fact.word, fact.by, encoded_body(fact.body), fact.territory)


def _facts(db: sqlite3.Connection, kind: Kind, case_id: str) -> list[Fact]:
    rows = db.execute(
        "SELECT origin, id, wall_us, counter, incarnation, number, fact, by, body, territory FROM fact WHERE kind = ? AND case_id = ?",
        (kind.name, case_id),
    )
    return [
        Fact(id_, case_id, word, by, _body(body), Place(HybridTime(wall_us, counter), origin, incarnation, number), territory)
        for origin, id_, wall_us, counter, incarnation, number, word, by, body, territory in rows
    ]


def _body(stored: str) -> dict[str, object]:
    return msgspec.json.decode(stored, type=dict[str, object])
