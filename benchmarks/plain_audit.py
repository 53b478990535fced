"""Counts a feeder's readings in the journals of nodes, without a line of product code: `plain_audit.py LEDGER name=path/journal.db ...`

LEDGER holds one JSON object per line: `{"device": "...", "id": "..."}` for a reading whose PUBACK came, with `"acked": false` for one
that was sent and not acknowledged. A reading's id is the text of column `text` in some resource. A row counts when its run in table
`batch_run` is present (state 1) and no duplicate; payloads are Arrow IPC streams, which pyarrow decodes. docs/journal.md describes the
tables.

Prints sent, acked, stored, missing (acked and not there), double (there more than once) and damaged (payloads that do not match their
SHA-256) for each node. Exit status: 0 when nothing is missing, double or damaged, 1 otherwise, 2 for input that cannot be read.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

STATE_PRESENT = 1
ID_COLUMN = "text"
COLUMNS = ("sent", "acked", "stored", "missing", "double", "damaged")


class AuditError(Exception):
    """Input that cannot be read; the message names it."""


@dataclass(frozen=True)
class Ledger:
    """What the feeder says."""

    sent: frozenset[str]
    acked: frozenset[str]


@dataclass(frozen=True)
class Account:
    """What one journal says about the feeder's readings."""

    node: str
    sent: int
    acked: int
    stored: int
    """Different readings of the ledger that are there."""
    missing: tuple[str, ...]
    double: tuple[str, ...]
    damaged: int

    @property
    def is_good(self) -> bool:
        """True when nothing acknowledged is missing and nothing is double or damaged."""
        return not (self.missing or self.double or self.damaged)


def main(arguments: Sequence[str]) -> int:
    """Print the table; the exit status is in the module docstring."""
    if len(arguments) < 2:
        print("usage: plain_audit.py LEDGER name=path/journal.db ...", file=sys.stderr)
        return 2
    try:
        accounts = audit(Path(arguments[0]), arguments[1:])
    except AuditError as error:
        print(f"plain_audit: {error}", file=sys.stderr)
        return 2
    for line in report(accounts):
        print(line)
    return 0 if all(account.is_good for account in accounts) else 1


def audit(ledger: Path, nodes: Sequence[str]) -> list[Account]:
    """One account for each `name=path`; raises AuditError for input that cannot be read."""
    said = read_ledger(ledger)
    pairs = [node.partition("=") for node in nodes]
    for name, sign, _ in pairs:
        if not sign:
            raise AuditError(f"{name!r} is no name=path: give each journal a name")
    return [account_of(name, Path(path), said) for name, _, path in pairs]


def read_ledger(path: Path) -> Ledger:
    """The feeder's ledger; an id may come again, as acknowledged, after it was noted as sent."""
    sent: set[str] = set()
    acked: set[str] = set()
    try:
        lines = path.read_text("utf-8").splitlines()
        for line in lines:
            entry = json.loads(line)
            sent.add(entry["id"])
            if entry.get("acked", True):
                acked.add(entry["id"])
    except OSError as error:
        raise AuditError(f"ledger {path} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise AuditError(f"line {line!r} of ledger {path} is no reading: expected an object with an id") from error
    return Ledger(frozenset(sent), frozenset(acked))


def account_of(name: str, path: Path, ledger: Ledger) -> Account:
    """Count the ledger's readings in the journal at `path`."""
    if not path.is_file():
        raise AuditError(f"journal {path} of {name} is not there")
    found: Counter[str] = Counter()
    damaged = 0
    try:
        for payload, sha256, runs in live_batches(path):
            if hashlib.sha256(payload).digest() != sha256:
                damaged += 1
                continue
            found.update(identity for identity in ids(payload, runs) if identity in ledger.sent)
    except (sqlite3.Error, pa.ArrowException) as error:
        raise AuditError(f"journal {path} of {name} cannot be read: {error}") from error
    missing = tuple(sorted(ledger.acked - found.keys()))
    double = tuple(sorted(identity for identity, count in found.items() if count > 1))
    return Account(name, len(ledger.sent), len(ledger.acked), len(found), missing, double, damaged)


def live_batches(path: Path, *, is_read_only: bool = False) -> Iterator[tuple[bytes, bytes, list[tuple[int, int]]]]:
    """(payload, its SHA-256, [(first row, rows)]) of every batch with rows that count; `is_read_only` leaves the log as it is."""
    address = f"{path.absolute().as_uri()}?mode={'ro' if is_read_only else 'rw'}"
    with closing(sqlite3.connect(address, uri=True)) as connection:
        connection.execute("PRAGMA query_only = 1")
        connection.execute("BEGIN")
        held = "SELECT lsn, payload, payload_sha256 FROM batch WHERE row_count > 0 AND freed = 0 ORDER BY lsn"
        for lsn, payload, sha256 in connection.execute(held):
            runs = connection.execute(
                "SELECT row_offset, last_seq - first_seq + 1 FROM batch_run WHERE lsn = ? AND state = ? AND duplicate = 0 ORDER BY idx",
                (lsn, STATE_PRESENT),
            ).fetchall()
            if runs:
                yield payload, sha256, runs


def ids(payload: bytes, runs: list[tuple[int, int]]) -> Iterator[str]:
    """The ids in the rows of `runs`; none when the resource has no column of texts."""
    with pa.ipc.open_stream(payload) as stream:
        rows = stream.read_all()
    if ID_COLUMN not in rows.schema.names:
        return
    texts = rows.column(ID_COLUMN).to_pylist()
    for first, count in runs:
        yield from (text for text in texts[first : first + count] if text is not None)


def report(accounts: Sequence[Account]) -> Iterator[str]:
    """The table, and the first ids of what is wrong."""
    yield "node".ljust(20) + "".join(column.rjust(10) for column in COLUMNS)
    for account in accounts:
        figures = (account.sent, account.acked, account.stored, len(account.missing), len(account.double), account.damaged)
        yield account.node.ljust(20) + "".join(f"{figure:>10}" for figure in figures)
    for account in accounts:
        for word, wrong in (("missing", account.missing), ("double", account.double)):
            if wrong:
                yield f"{account.node}: {word} {', '.join(wrong[:5])}{' ...' if len(wrong) > 5 else ''}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
