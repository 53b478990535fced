"""The queue of proposals in the catalogue's store: what waits for a person, and what was decided by whom and why.

Called by `review` and, for the backlog, by the desk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from node.catalogue.errors import CatalogueError
from node.catalogue.store import CatalogueStore
from policies.classify.propose import Proposal
from policies.words import Role

Plain = dict[str, object]
_COLUMNS = (
    "id, resource, field, rule, grade, role, category, mask, share, rows, confidence, state, at_us, decided_us, decided_by, why, final"
)


class Stage(Enum):
    """Where a proposal stands."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    CHANGED = "changed"
    """Accepted with other values than proposed."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Queued:
    """One proposal in the queue."""

    id: int
    resource: str
    proposal: Proposal
    stage: Stage
    at_us: int
    decided_us: int
    decided_by: str
    why: str
    final: Mapping[str, object]
    """What was accepted; empty while it waits or when it was refused."""

    def encoded(self) -> Plain:
        """The proposal as the API and --json show it."""
        said = self.proposal
        return {
            "id": self.id,
            "resource": self.resource,
            "field": said.field,
            "rule": said.rule,
            "grade": said.grade,
            "role": said.role.value,
            "category": said.category,
            "mask": said.mask,
            "share": said.share,
            "rows": said.rows,
            "confidence": said.confidence,
            "state": self.stage.value,
            "at_us": self.at_us,
            "decided_us": self.decided_us,
            "by": self.decided_by,
            "why": self.why,
            "final": dict(self.final),
        }


@dataclass(frozen=True, slots=True)
class Verdict:
    """A person's decision."""

    stage: Stage
    by: str
    why: str
    at_us: int


def put(store: CatalogueStore, resource: str, proposals: Iterable[Proposal], *, at_us: int) -> int:
    """Put proposals into the queue, in the place of those that wait for the same fields; how many there are now for the resource.

    What was refused of the same rule for the same field is not proposed again.
    """
    with store.transaction() as db:
        db.execute("DELETE FROM proposal WHERE resource = ? AND state = 'pending'", (resource,))
        refused = set(db.execute("SELECT field, rule FROM proposal WHERE resource = ? AND state = 'refused'", (resource,)).fetchall())
        rows = [_row(resource, one, at_us) for one in proposals if (one.field, one.rule) not in refused]
        places = ", ".join("?" * 16)
        db.executemany(f"INSERT INTO proposal ({_COLUMNS.removeprefix('id, ')}) VALUES ({places})", rows)
    return len(rows)


def find(db: sqlite3.Connection, number: int) -> Queued:
    """The waiting proposal of this number; raises CatalogueError."""
    row = db.execute(f"SELECT {_COLUMNS} FROM proposal WHERE id = ?", (number,)).fetchone()
    if row is None:
        raise CatalogueError(f"proposal {number} is not known here: `yunnao classify list` shows those that wait")
    queued = _queued(row)
    if queued.stage is not Stage.PENDING:
        raise CatalogueError(f"proposal {number} was {queued.stage.value} by {queued.decided_by} already: nothing changed")
    return queued


def settle(db: sqlite3.Connection, number: int, verdict: Verdict, final: Mapping[str, object]) -> None:
    """Note a decision, inside a transaction of the caller's."""
    db.execute(
        "UPDATE proposal SET state = ?, decided_us = ?, decided_by = ?, why = ?, final = ? WHERE id = ?",
        (verdict.stage.value, verdict.at_us, verdict.by, verdict.why, json.dumps(final, ensure_ascii=False), number),
    )


def listed(store: CatalogueStore, *, decided: bool, limit: int) -> list[Queued]:
    """What waits, surest first; with `decided` also what was decided, newest first after it."""
    with store.transaction() as db:
        rows = db.execute(
            f"""
            SELECT {_COLUMNS} FROM proposal WHERE state = 'pending' OR ?
            ORDER BY state <> 'pending', decided_us DESC, confidence DESC, resource, field LIMIT ?
            """,
            (int(decided), limit),
        ).fetchall()
    return [_queued(row) for row in rows]


def waiting(store: CatalogueStore) -> int:
    """How many proposals nobody decided about."""
    with store.transaction() as db:
        return int(db.execute("SELECT count(*) FROM proposal WHERE state = 'pending'").fetchone()[0])


def _row(resource: str, one: Proposal, at_us: int) -> tuple[object, ...]:
    said = (one.field, one.rule, one.grade, one.role.value, one.category, one.mask, one.share, one.rows, one.confidence)
    return (resource, *said, Stage.PENDING.value, at_us, 0, "", "", "{}")


def _queued(row: Sequence[Any]) -> Queued:
    number, resource, field, rule, grade, role, category, mask, share, rows, confidence, state, at_us, decided_us, by, why, final = row
    proposal = Proposal(field, rule, grade, Role(role), category, mask, share, rows, confidence)
    return Queued(number, resource, proposal, Stage(state), at_us, decided_us, by, why, json.loads(final))
