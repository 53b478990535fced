"""The walk over a whole audit log: is every entry what it was, where it was, behind the one it followed, and do the stamps hold?

Owns the findings and their words. Reads one snapshot, running or stopped; asks nobody (witnesses are weighed in witness.py). An entry that
was changed, dropped, moved or cut off is named by its number; rows of the share ledger that are not those of their stamp by theirs.
Called by the API and by `yunnao audit verify`.
"""

from __future__ import annotations

import hashlib
import sqlite3
from dataclasses import dataclass, field
from enum import StrEnum

from node.audit.entry import FIRST_PREVIOUS, Entry, decode
from node.audit.errors import AuditRefused
from node.audit.retention import checkpoint_of
from node.audit.stamp import Step, hashed, steps
from node.audit.words import AuditKind

FINDINGS_MAX = 100
"""Findings after which the walk goes on without naming more: the first says where the log was touched."""
_ENTRIES = "SELECT seq, CAST(entry AS BLOB), prev, hash, is_followed FROM audit_entry ORDER BY seq"
"""`is_followed` says which entries the walk reads: starts, stamps and checkpoints."""
_HASH = "SELECT hash FROM audit_entry WHERE seq = ?"
_HEAD = "SELECT seq, hash, stamped FROM audit_head"


class Fault(StrEnum):
    """What was done to the log."""

    EDITED = "edited"
    DROPPED = "dropped"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    REPLACED = "replaced"
    """An entry is whole and follows another one than the one before it: what lies before it is not what lay there."""
    HEAD = "head"
    """The row that names the end is gone or names something else."""
    LEDGER = "ledger"
    """Rows of the share ledger are not those that were stamped, or no stamp covers them."""
    CHECKPOINT = "checkpoint"
    """The log begins late, and no signed checkpoint says why."""
    WITNESS = "witness"
    """A neighbour has noted another end than this log has there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that does not hold."""

    fault: Fault
    seq: int
    """The entry at fault, or the first that is gone."""
    text: str


@dataclass(slots=True)
class Walked:
    """What a walk found."""

    node: str = ""
    incarnation: int = 0
    entries: int = 0
    first: int = 0
    last: int = 0
    hash: bytes = FIRST_PREVIOUS
    """Of the newest entry."""
    stamps: int = 0
    rows: int = 0
    """Rows of the share ledger that stamps cover and that were compared."""
    open_rows: int = 0
    """Rows behind the newest stamp: their stamp is not due yet."""
    starts: list[tuple[int, int]] = field(default_factory=list)
    """(number of the entry, incarnation) of every start, ascending."""
    findings: list[Finding] = field(default_factory=list)
    keys: frozenset[str] = frozenset()
    """Manifest keys that the node says it had at its starts, hex."""
    hashes: dict[int, bytes] = field(default_factory=dict)
    """Of the entries that were asked for."""

    def found(self, fault: Fault, seq: int, text: str) -> None:
        """Enter a finding."""
        if len(self.findings) < FINDINGS_MAX:
            self.findings.append(Finding(fault, seq, text))


def walk(connection: sqlite3.Connection, *, wanted: frozenset[int] = frozenset(), has_ledger: bool = True) -> Walked:
    """Walk the log in one snapshot; `wanted` are entries whose hashes the caller compares, `has_ledger` compares the stamped rows too."""
    facts = dict(connection.execute("SELECT key, value FROM meta"))
    walked = Walked(str(facts["node"]), int(facts["incarnation"]))
    stamps = _Stamps(connection, walked, has_ledger=has_ledger)
    reader = _Reader(walked, stamps)
    reader.read(connection)
    reader.end()
    _check_head(connection.execute(_HEAD).fetchone(), walked)
    stamps.end()
    for seq in sorted(wanted):
        if (row := connection.execute(_HASH, (seq,)).fetchone()) is not None:
            walked.hashes[seq] = row[0]
    walked.findings.sort(key=lambda finding: finding.seq)
    return walked


class _Reader:
    """Follows the chain, one entry after the other."""

    def __init__(self, walked: Walked, stamps: _Stamps) -> None:
        self._walked = walked
        self._stamps = stamps
        self._seq = 0
        self._hash = FIRST_PREVIOUS
        self._late: tuple[int, bytes] | None = None
        """Where the log begins, and behind which hash, when that is not its first entry."""

    def read(self, connection: sqlite3.Connection) -> None:
        """Every entry: what follows as it should costs a hash and a look at its kind, the rest is for `_question`."""
        sha256, due, previous, entries = hashlib.sha256, 1, FIRST_PREVIOUS, 0
        for seq, data, prev, digest, is_followed in connection.execute(_ENTRIES):
            entries += 1
            if seq != due or prev != previous or sha256(prev + data).digest() != digest:
                self._seq, self._hash = due - 1, previous
                self._question(seq, data, prev, digest)
            elif is_followed:
                self._read(seq, data)
            due, previous = seq + 1, digest
        self._seq, self._hash, self._walked.entries = due - 1, previous, entries

    def _question(self, seq: int, data: bytes, prev: bytes, digest: bytes) -> None:
        """Something is wrong with an entry, or with what lies before it."""
        walked = self._walked
        if seq != self._seq + 1:
            self._gap(seq, prev)
        elif prev != self._hash:
            walked.found(Fault.REPLACED, max(seq - 1, 1), f"entry {seq} follows another entry {seq - 1} than the one that is here")
        if not data.startswith(b"[%d," % seq):
            self._misplaced(seq, data)
        if hashlib.sha256(prev + data).digest() != digest:
            walked.found(Fault.EDITED, seq, f"entry {seq} is not what was written: its hash is of something else")
        else:
            self._read(seq, data)

    def end(self) -> None:
        """Say what only the whole log tells."""
        walked = self._walked
        walked.last, walked.hash = self._seq, self._hash
        walked.first = walked.first or min(1, walked.entries)
        if self._late is not None:
            gone = f"entries 1 to {self._late[0] - 1} are gone"
            walked.found(Fault.CHECKPOINT, 1, f"{gone}, and no checkpoint signed by {walked.node} says that they went")

    def _gap(self, seq: int, prev: bytes) -> None:
        if self._seq == 0:
            self._walked.first, self._late = seq, (seq, prev)
            return
        gone = f"entry {self._seq + 1} is" if seq == self._seq + 2 else f"entries {self._seq + 1} to {seq - 1} are"
        self._walked.found(Fault.DROPPED, self._seq + 1, f"{gone} not there")

    def _misplaced(self, seq: int, data: bytes) -> None:
        try:
            said = decode(data).seq
        except AuditRefused:
            self._walked.found(Fault.EDITED, seq, f"entry {seq} does not parse")
            return
        self._walked.found(Fault.REORDERED, seq, f"at place {seq} lies entry {said}")

    def _read(self, seq: int, data: bytes) -> None:
        try:
            entry = decode(data)
            incarnation = int(str(entry.detail.get("incarnation", "0")), 16)
        except (AuditRefused, ValueError):
            self._walked.found(Fault.EDITED, seq, f"entry {seq} does not parse")
            return
        match entry.kind:
            case AuditKind.START:
                self._walked.starts.append((entry.seq, incarnation))
                self._walked.keys |= {str(entry.detail.get("key", ""))}
                self._stamps.start(entry)
            case AuditKind.DECISIONS:
                self._stamps.take(entry)
            case AuditKind.CHECKPOINT:
                self._checkpoint(entry)

    def _checkpoint(self, entry: Entry) -> None:
        checkpoint = checkpoint_of(entry)
        if checkpoint is None or checkpoint.node != self._walked.node:
            self._walked.found(Fault.CHECKPOINT, entry.seq, f"the checkpoint in entry {entry.seq} is not signed by {self._walked.node}")
        elif self._late == (checkpoint.upto + 1, checkpoint.hash):
            self._late = None


class _Stamps:
    """Compares stamps with the rows they cover, each with the former: no row of the ledger is between two stamps."""

    def __init__(self, connection: sqlite3.Connection, walked: Walked, *, has_ledger: bool) -> None:
        self._connection = connection
        self._walked = walked
        self._has_ledger = has_ledger
        self._undo: list[Step] = steps(connection)
        self._top = int(connection.execute("SELECT coalesce(max(id), 0) FROM ledger").fetchone()[0])
        self._upto: int | None = None
        """Newest row that is covered; None until an entry says where stamps begin."""

    def start(self, entry: Entry) -> None:
        said = entry.detail.get("stamps_after")
        if self._upto is None and isinstance(said, int):
            self._upto = said

    def take(self, entry: Entry) -> None:
        walked = self._walked
        first, last = _rows_of(entry)
        if self._upto is not None and first != self._upto + 1:
            walked.found(Fault.LEDGER, entry.seq, f"the stamp in entry {entry.seq} begins at ledger row {first}, {self._upto + 1} was due")
        self._upto = last
        walked.stamps += 1
        if not 0 < first <= last <= self._top:
            stamped = f"entry {entry.seq} stamped ledger rows {first} to {last}"
            walked.found(Fault.LEDGER, entry.seq, f"{stamped}, the newest here is {self._top}")
            return
        if not self._has_ledger:
            return
        walked.rows += last - first + 1
        before = entry.detail.get("renumbered")
        undo = [step for step in self._undo if isinstance(before, int) and step.ordinal > before]
        found = hashed(self._connection, first - 1, last, undo).digests()
        said = (entry.detail.get("ledger"), entry.detail.get("runs"))
        if found != said:
            what = "ledger" if found[0] != said[0] else "ledger_run"
            walked.found(Fault.LEDGER, entry.seq, f"rows {first} to {last} of table {what} are not those that entry {entry.seq} stamped")

    def end(self) -> None:
        """Count what no stamp covers yet. A journal whose log has not begun has nothing to be covered."""
        upto = self._top if self._upto is None else self._upto
        self._walked.open_rows = max(0, self._top - upto)


def _rows_of(entry: Entry) -> tuple[int, int]:
    rows = entry.detail.get("rows")
    if isinstance(rows, list) and len(rows) == 2 and all(isinstance(row, int) for row in rows):
        return rows[0], rows[1]
    return 0, 0


def _check_head(head: tuple[int, bytes, int] | None, walked: Walked) -> None:
    if head is None:
        if walked.entries:
            walked.found(Fault.HEAD, walked.last, f"the row that names the end of the log is gone; the newest entry is {walked.last}")
        return
    seq, digest, _ = head
    if seq > walked.last:
        gone = f"entry {seq} is" if seq == walked.last + 1 else f"entries {walked.last + 1} to {seq} are"
        walked.found(Fault.TRUNCATED, walked.last + 1, f"the log was cut off: {gone} gone")
    elif (seq, digest) != (walked.last, walked.hash):
        walked.found(Fault.HEAD, walked.last, f"the log ends at entry {walked.last}, its head names entry {seq} with another hash")
