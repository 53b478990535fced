"""Stamps over the share ledger: one digest for many rows, made as they are committed and made again from the file by whoever verifies.

Owns the form that is hashed: each row of `ledger` and of `ledger_run` as one line of JSON (blobs in base64), in the order of their ids.
So a stamp does not depend on how many rows a commit had. A fork gives records of this node new numbers; what a stamp hashed before is
found again by undoing what table `renumbered` says. Called by book.py and walk.py.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from sync.model import Direction, State

if TYPE_CHECKING:
    from hashlib import _Hash

Row = Sequence[Any]

STAMP_ROWS_MAX = 256
"""Rows of the ledger after which a stamp is due; one commit may bring more."""
STAMP_RUNS_MAX = 8_192
STAMP_AGE_US = 60_000_000
"""Age of the oldest row that no stamp covers, at which one is due: an idle node writes none, a slow one one in a minute."""
READ_ROWS = 64
"""Rows of the ledger that are read at once."""

_LEDGER = (
    "SELECT id, peer, direction, lane, span_after, span_upto, part, parts, resource, plan_hash, policy_version, payload_sha256, "
    "manifest_digest, chain, closed FROM ledger WHERE id > ? AND id <= ? ORDER BY id"
)
_RUNS = (
    "SELECT ledger_id, idx, origin, incarnation, first_seq, last_seq, state, reason, decider FROM ledger_run "
    "WHERE ledger_id > ? AND ledger_id <= ? ORDER BY ledger_id, idx"
)
_STEPS = "SELECT ordinal, old, new, lane, resource, base FROM renumbered ORDER BY ordinal DESC"
_STATES = {int(state): state.name.lower().replace("_", "-") for state in State}
_WAYS = {int(direction): direction.word for direction in Direction}
_lines = msgspec.json.Encoder().encode_lines


@dataclass(frozen=True, slots=True)
class Step:
    """One stream that a fork renumbered."""

    ordinal: int
    old: int
    new: int
    lane: int
    resource: str
    base: int


@dataclass(slots=True)
class Stamp:
    """Rows of the ledger behind `after`, hashed and counted."""

    after: int
    """Id of the newest row that an entry covers."""
    upto: int
    run_count: int = 0
    tally: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """Records by (peer, direction, resource, plan hash, policy version, state, reason)."""
    _ledger: _Hash = field(default_factory=hashlib.sha256)
    _runs: _Hash = field(default_factory=hashlib.sha256)

    def copied(self) -> Stamp:
        """Another stamp over the same rows, which takes more without changing this one."""
        return Stamp(self.after, self.upto, self.run_count, dict(self.tally), self._ledger.copy(), self._runs.copy())

    def take(self, ledger: Sequence[Row], runs: Sequence[Row]) -> None:
        """Add rows that follow the last ones."""
        if ledger:
            self._ledger.update(_lines(ledger))
            self._runs.update(_lines(runs))
            self.upto = ledger[-1][0]
            self.run_count += len(runs)

    def count(self, ledger: Sequence[Row], runs: Sequence[Row]) -> None:
        """Count what was decided in these rows; one pass over the runs, of which a row of the ledger may have thousands."""
        counts: dict[tuple[Any, ...], int] = {}
        for number, _, _, _, first, last, state, reason, _ in runs:
            key = (number, state, reason)
            counts[key] = counts.get(key, 0) + last - first + 1
        owners = {row[0]: (row[1], row[2], row[8], row[9], row[10]) for row in ledger}
        for (number, *what), records in counts.items():
            group = (*owners[number], *what)
            self.tally[group] = self.tally.get(group, 0) + records

    def digests(self) -> tuple[str, str]:
        """Of the ledger's rows and of their runs, hex."""
        return self._ledger.hexdigest(), self._runs.hexdigest()


def hashed(connection: sqlite3.Connection, after: int, upto: int, undo: Sequence[Step] = (), *, is_counted: bool = False) -> Stamp:
    """The stamp over rows `after` < id <= `upto` as the file has them; `undo` are renumberings made since, newest first."""
    stamp = Stamp(after, after)
    own = _own_node(connection) if undo else ""
    for low in range(after, upto, READ_ROWS):
        high = min(low + READ_ROWS, upto)
        ledger = connection.execute(_LEDGER, (low, high)).fetchall()
        if not ledger:
            continue
        runs = connection.execute(_RUNS, (low, high)).fetchall()
        if undo:
            runs = list(_as_before(runs, {row[0]: (row[3], row[8]) for row in ledger}, undo, own))
        stamp.take(ledger, runs)
        if is_counted:
            stamp.count(ledger, runs)
    return stamp


def detail_of(connection: sqlite3.Connection, stamp: Stamp) -> dict[str, object]:
    """What the entry of a stamp says: which rows, their digests, how many renumberings came before, and what was decided."""
    ledger, runs = stamp.digests()
    return {
        "rows": [stamp.after + 1, stamp.upto],
        "ledger": ledger,
        "runs": runs,
        "renumbered": newest_step(connection),
        "decided": list(_decided(stamp)),
    }


def newest_step(connection: sqlite3.Connection) -> int:
    """How many renumberings this journal has seen."""
    return int(connection.execute("SELECT coalesce(max(ordinal), 0) FROM renumbered").fetchone()[0])


def steps(connection: sqlite3.Connection) -> list[Step]:
    """Every renumbering, newest first."""
    return [Step(*row) for row in connection.execute(_STEPS)]


def _decided(stamp: Stamp) -> Iterator[dict[str, object]]:
    """One value for each peer, resource and plan: records by outcome and reason class."""
    found: dict[tuple[Any, ...], dict[str, int]] = {}
    for *key, state, reason in sorted(stamp.tally):
        counts = found.setdefault(tuple(key), {})
        counts["/".join(filter(None, (_STATES.get(state, str(state)), reason)))] = stamp.tally[(*key, state, reason)]
    for (peer, direction, resource, plan, policy), counts in found.items():
        yield {
            "peer": peer,
            "way": _WAYS.get(direction, str(direction)),
            "resource": resource,
            "plan": plan.hex()[:16],
            "policy": policy.hex()[:16],
            "records": counts,
        }


def _own_node(connection: sqlite3.Connection) -> str:
    return str(connection.execute("SELECT value FROM meta WHERE key = 'node'").fetchone()[0])


def _as_before(runs: Iterable[Row], owners: dict[int, tuple[int, str]], undo: Sequence[Step], own: str) -> Iterator[Row]:
    """The runs with the numbers they had before these renumberings."""
    for row in runs:
        number, index, origin, incarnation, first, last, *rest = row
        lane, resource = owners.get(number, (-1, ""))
        for step in undo if origin == own else ():
            if (incarnation, lane, resource) == (step.new, step.lane, step.resource):
                incarnation, first, last = step.old, first + step.base, last + step.base
        yield (number, index, origin, incarnation, first, last, *rest)
