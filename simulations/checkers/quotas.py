"""P6: no node exceeds its quota, and what it lets go for want of room goes in the stated order.

The order is written down here a second time (DESIGN section 5): delivered batches before all others; of the others the lowest lane first
and in a lane the oldest first; an alarm never. Reads the journal with SQL of its own. Called by simulations/inject_quotas.py.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from node.store.usage import Space
from simulations.checkers.values import VIOLATIONS_PER_CHECK_MAX, Promise, Violation
from sync.model import Lane

UNDER_WAY_BYTES = 512 << 10
"""What may still be stored when the doors close: frames that were being verified, in whole pages. The reserve of a disk holds them; a
simulated one has a few megabytes, and its reserve a few pages."""

_BATCHES = "SELECT lsn, lane, resource, freed FROM batch WHERE lsn <= ? AND (freed <> 0 OR payload_bytes > 0) ORDER BY lsn"
_MARKS = "SELECT peer, direction, lane, stored, secured FROM out_mark"
_REFUSED = "SELECT lane, span_after, span_upto FROM refusal WHERE by_peer = 1"


@dataclass(frozen=True, slots=True)
class KeptRows:
    """One batch of a journal, right after a commit that let some go."""

    lsn: int
    lane: Lane
    is_kept: bool
    is_freed_now: bool
    is_delivered: bool
    """True when the parent has secured it and every child has what is theirs of it."""
    was_delivered: bool = False
    """True when that was so already at the look that decided: what is acknowledged behind it goes with the next one."""
    is_refused: bool = False
    """True when one of them refused a frame of it, whatever came of that."""


Marks = Mapping[tuple[str, int, int], int]
"""What each hop has secured, by peer, lane and direction."""


@dataclass(frozen=True, slots=True)
class Look:
    """What the keeper of a journal saw when it decided."""

    lsn: int = 0
    """Where the journal ended."""
    marks: Marks = field(default_factory=dict)


def read_marks(connection: sqlite3.Connection) -> Marks:
    """What each hop has secured now."""
    return {(peer, lane, direction): secured for peer, direction, lane, _, secured in connection.execute(_MARKS)}


def kept_rows(
    connection: sqlite3.Connection, freed: Collection[int], look: Look, parent: str, children: Sequence[str]
) -> list[KeptRows]:
    """The batches that a look saw, `freed` being what went just now; ascending."""
    bounds, seen = (_bounds(marks, parent, children) for marks in (read_marks(connection), look.marks))
    now, refused = frozenset(freed), connection.execute(_REFUSED).fetchall()

    def is_refused(lsn: int, lane: int) -> bool:
        return any(lane == of and after < lsn <= upto_lsn for of, after, upto_lsn in refused)

    return [
        KeptRows(lsn, Lane(lane), not state, lsn in now, lsn <= bounds[lane], lsn <= seen[lane], is_refused(lsn, lane))
        for lsn, lane, _, state in connection.execute(_BATCHES, (look.lsn,))
    ]


def _bounds(marks: Marks, parent: str, children: Sequence[str]) -> dict[int, int]:
    """By lane: the last lsn that every hop has. At the top nobody above has anything: nothing counts as delivered there."""
    return {
        lane: min([marks.get((parent, lane, 0), 0) if parent else 0, *(marks.get((child, lane, 1), 0) for child in children)])
        for lane in map(int, Lane)
    }


def check_freed(node: str, freed: Sequence[int], rows: Sequence[KeptRows], *, is_shed: bool) -> list[Violation]:
    """What one commit let go, as delivered (`is_shed` False) or for want of room."""
    gone = [row for row in rows if row.is_freed_now]
    texts = [f"batch {row.lsn} was let go as delivered, and a hop has not got it" for row in gone if not (is_shed or row.is_delivered)]
    if is_shed and gone:
        texts += _out_of_order(gone, [row for row in rows if row.is_kept])
    return [Violation(Promise.BOUNDED, node, text) for text in texts[:VIOLATIONS_PER_CHECK_MAX]]


def _out_of_order(gone: Sequence[KeptRows], kept: Sequence[KeptRows]) -> list[str]:
    highest = min(row.lane for row in gone)
    texts = [f"alarm batch {row.lsn} was shed" for row in gone if row.lane <= Lane.ALARM]
    texts += [f"batch {row.lsn} is delivered and kept, while others were shed" for row in kept if row.was_delivered and not row.is_refused]
    texts += [f"batch {row.lsn} of lane {row.lane.word} is kept, while lane {highest.word} was shed" for row in kept if row.lane > highest]
    newest = {lane: max((row.lsn for row in gone if row.lane is lane), default=0) for lane in Lane}
    texts += [f"batch {row.lsn} is kept, while {newest[row.lane]} of its lane was shed" for row in kept if row.lsn < newest[row.lane]]
    return texts


def check_room(node: str, space: Space, quota_bytes: int) -> list[Violation]:
    """The pages of the journal in use after a commit."""
    used = space.file_bytes - space.free_bytes
    if used <= quota_bytes + UNDER_WAY_BYTES:
        return []
    return [Violation(Promise.BOUNDED, node, f"the journal uses {used} bytes, {used - quota_bytes} more than it may")]
