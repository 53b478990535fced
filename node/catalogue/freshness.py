"""Whether a resource keeps its promised update period, and the newest record of each resource as the journal has it.

The newest record is the one sealed last at its source: the promise is that the source delivers, whatever time its records are about. Called
by the desk of the catalogue.
"""

from __future__ import annotations

import sqlite3
from enum import Enum

from policies.catalogue import Resource
from sync.model import MICROSECONDS, State

GRACE_SHARE = 0.1
"""Part of the period that is waited beyond it."""
GRACE_S_MIN = 300
"""Seconds waited at least: links and commits take their time."""
STEP_LSNS = 100_000
"""Batches that one look reads at most."""


class Freshness(Enum):
    """How a resource stands to its promise."""

    FRESH = "fresh"
    STALE = "stale"
    EMPTY = "empty"
    """No record of it was ever here."""
    UNPROMISED = "unpromised"
    """As it happens, or irregular: nothing to keep."""


def freshness(resource: Resource, newest_us: int | None, now_us: int) -> Freshness:
    """The state of a resource whose newest record was sealed at `newest_us`."""
    if newest_us is None:
        return Freshness.EMPTY
    if not resource.period_s:
        return Freshness.UNPROMISED
    return Freshness.STALE if late_s(resource, newest_us, now_us) > 0 else Freshness.FRESH


def late_s(resource: Resource, newest_us: int, now_us: int) -> int:
    """Seconds past the promise and its grace; 0 when it is kept."""
    allowed_s = resource.period_s + max(GRACE_S_MIN, round(resource.period_s * GRACE_SHARE))
    return max(0, (now_us - newest_us) // MICROSECONDS - allowed_s)


def newest_records(connection: sqlite3.Connection, *, after: int) -> tuple[dict[str, int], int]:
    """By resource when the newest record was sealed, in batches past `after`; and how far was read, `after` when there is no more.

    A journal that ends before `after` was built again: reading begins anew with the next call, so 0 is returned.
    """
    (top,) = connection.execute("SELECT coalesce(max(lsn), 0) FROM batch").fetchone()
    if top < after:
        return {}, 0
    upto = min(top, after + STEP_LSNS)
    found = connection.execute(
        f"""
        SELECT batch.resource, max(batch_run.sealed_wall_us) FROM batch JOIN batch_run ON batch_run.lsn = batch.lsn
        WHERE batch.lsn > ? AND batch.lsn <= ? AND batch_run.state = {int(State.PRESENT)} GROUP BY batch.resource
        """,
        (after, upto),
    )
    return dict(found.fetchall()), upto
