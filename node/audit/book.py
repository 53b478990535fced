"""The audit log inside the journal's file: entries that wait, stamps over the share ledger, and the head of the chain.

Owns tables `audit_entry` and `audit_head`. Everything is written inside the transactions of node/store/journal.py: what waits goes with the
next commit, whatever it is, and a stamp with the commit that completes it, so that no entry is lost while what it speaks of stays. Hashing
is done where the commit is done. Until `begin` nothing is written: tools that open a journal leave its log alone. Called by
node/store/journal.py and desk.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock

from node.audit.entry import FIRST_PREVIOUS, Wanted, chained, encode
from node.audit.stamp import STAMP_AGE_US, STAMP_ROWS_MAX, STAMP_RUNS_MAX, Row, Stamp, detail_of, hashed
from node.audit.words import AuditKind

_INSERT = "INSERT INTO audit_entry (seq, entry, prev, hash) VALUES (?, ?, ?, ?)"
_SET_HEAD = "INSERT OR REPLACE INTO audit_head (one, seq, hash, stamped) VALUES (1, ?, ?, ?)"
_HEAD = "SELECT seq, hash, stamped FROM audit_head"
_NEWEST = "SELECT seq, hash FROM audit_entry ORDER BY seq DESC LIMIT 1"
_TOP = "SELECT coalesce(max(id), 0) FROM ledger"


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain."""

    seq: int = 0
    hash: bytes = FIRST_PREVIOUS
    stamped: int = 0
    """Id of the newest row of the share ledger that an entry covers."""


@dataclass(slots=True)
class Ticket:
    """An entry that waits to be written, and where it stands once it is."""

    wanted: Wanted
    seq: int = 0
    """0 until it is durable."""


@dataclass(slots=True)
class _Open:
    """Rows of the share ledger that no entry covers yet: those that the file had at the start are hashed, the others wait as they are.

    A commit then costs no more than keeping its rows; they are hashed together when their stamp is due.
    """

    hashed: Stamp
    ledger: list[Row] = field(default_factory=list)
    runs: list[Row] = field(default_factory=list)
    since_us: int = 0
    """When the first of them came."""

    def is_due(self, now_us: int, ledger: Sequence[Row] = (), runs: Sequence[Row] = ()) -> bool:
        """True when they should get their entry now, with these more."""
        rows = self.hashed.upto - self.hashed.after + len(self.ledger) + len(ledger)
        if not rows:
            return False
        # A wall clock that was set back must not put a stamp off.
        has_aged = bool(self.since_us) and abs(now_us - self.since_us) >= STAMP_AGE_US
        return has_aged or rows >= STAMP_ROWS_MAX or self.hashed.run_count + len(self.runs) + len(runs) >= STAMP_RUNS_MAX

    def stamp(self, ledger: Sequence[Row], runs: Sequence[Row]) -> Stamp:
        """The stamp over them and these more."""
        whole = self.hashed.copied()
        for rows, their_runs in ((self.ledger, self.runs), (ledger, runs)):
            whole.take(rows, their_runs)
            whole.count(rows, their_runs)
        return whole


@dataclass(slots=True)
class _Work:
    """What the transaction in progress writes."""

    head: Head
    ledger: Sequence[Row]
    runs: Sequence[Row]
    now_us: int
    tickets: list[tuple[Ticket, int]] = field(default_factory=list)
    rows: list[tuple[int, str, bytes, bytes]] = field(default_factory=list)
    is_stamped: bool = False

    def add(self, wanted: Wanted, now_us: int) -> int:
        """Chain one entry; its number."""
        seq = self.head.seq + 1
        data = encode(seq, now_us, wanted)
        digest = chained(self.head.hash, data)
        self.rows.append((seq, data.decode(), self.head.hash, digest))
        self.head = replace(self.head, seq=seq, hash=digest)
        return seq


class AuditBook:
    """The log of one journal. `add` may be called on any thread, the rest on the commit thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """As the file has it."""
        self.head, self.is_new = _read_head(connection)
        self._open = _Open(Stamp(self.head.stamped, self.head.stamped))
        self._wall_us: Callable[[], int] | None = None
        self._lock = Lock()
        self._waiting: list[Ticket] = []
        self._work: _Work | None = None

    def begin(self, connection: sqlite3.Connection, wall_us: Callable[[], int]) -> None:
        """From now on entries are written, with the time that `wall_us` says. Rows that were committed without are stamped next."""
        top = int(connection.execute(_TOP).fetchone()[0])
        if self.is_new:
            # What a journal holds from before it had a log, no entry can speak of.
            self.head = replace(self.head, stamped=top)
        self._open = _Open(hashed(connection, self.head.stamped, top, is_counted=True), since_us=wall_us())
        self._wall_us = wall_us

    def add(self, wanted: Wanted) -> Ticket:
        """Have an entry written with the next transaction."""
        ticket = Ticket(wanted)
        with self._lock:
            self._waiting.append(ticket)
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """Forget an entry that could not be written."""
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)

    def has_work(self, *, is_last: bool = False) -> bool:
        """True when a transaction would write an entry; `is_last` says that no more rows come, so what is unstamped counts."""
        if self._wall_us is None:
            return False
        return bool(self._waiting) or (is_last and self._has_open()) or self._open.is_due(self._wall_us())

    def _has_open(self) -> bool:
        return bool(self._open.ledger) or self._open.hashed.upto > self._open.hashed.after

    def insert(
        self, connection: sqlite3.Connection, ledger: Sequence[Row] = (), runs: Sequence[Row] = (), *, is_last: bool = False
    ) -> None:
        """Write what is due, inside the caller's transaction, which puts these rows into the share ledger."""
        self._work = None
        if self._wall_us is None:
            return
        now_us = self._wall_us()
        is_due = self._open.is_due(now_us, ledger, runs) or (is_last and self._has_open())
        if not (ledger or self._waiting or is_due):
            return
        work = self._work = _Work(self.head, ledger, runs, now_us)
        if self._waiting:
            with self._lock:
                waiting = list(self._waiting)
            work.tickets = [(ticket, work.add(ticket.wanted, now_us)) for ticket in waiting]
        if is_due:
            stamp = self._open.stamp(ledger, runs)
            work.add(Wanted(AuditKind.DECISIONS, "", "", detail_of(connection, stamp)), now_us)
            work.head, work.is_stamped = replace(work.head, stamped=stamp.upto), True
        if work.rows:
            connection.executemany(_INSERT, work.rows)
            connection.execute(_SET_HEAD, (work.head.seq, work.head.hash, work.head.stamped))

    def forget(self, connection: sqlite3.Connection, upto: int) -> None:
        """Delete entries up to `upto`, inside the transaction that wrote the checkpoint which names it."""
        connection.execute("DELETE FROM audit_entry WHERE seq <= ?", (upto,))

    def committed(self) -> None:
        """The transaction of the last `insert` is durable."""
        work, self._work = self._work, None
        if work is None:
            return
        self.head, self.is_new = work.head, self.is_new and not work.rows
        if work.is_stamped:
            self._open = _Open(Stamp(work.head.stamped, work.head.stamped))
        elif work.ledger:
            self._open.ledger += work.ledger
            self._open.runs += work.runs
            self._open.since_us = self._open.since_us or work.now_us
        if not work.tickets:
            return
        written = {id(ticket) for ticket, _ in work.tickets}
        with self._lock:
            self._waiting = [ticket for ticket in self._waiting if id(ticket) not in written]
        for ticket, seq in work.tickets:
            ticket.seq = seq


def _read_head(connection: sqlite3.Connection) -> tuple[Head, bool]:
    """The head, and whether the log is yet to begin. Whoever removed the head's row leaves a chain that goes on from its newest entry."""
    row = connection.execute(_HEAD).fetchone()
    if row is not None:
        return Head(*row), False
    newest = connection.execute(_NEWEST).fetchone()
    if newest is None:
        return Head(), True
    seq, digest = newest
    return Head(seq, digest, int(connection.execute(_TOP).fetchone()[0])), False
