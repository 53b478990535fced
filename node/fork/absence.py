"""How long this node has heard nothing from above, and what it must do after too long: be seeded anew, never go on where it was.

A recall is carried out by whoever is away at most AWAY_DAYS_MAX days; orders and tombstones last that long. Whoever was away for longer, or
was put back from a backup that is older, may hold what everybody else has erased, and nobody can say which it is. So until it has met its
parent nothing of others is read, and what came from others and lies with the parent, too, goes: it comes back as far as it may be here
today. What the node made itself stays, and what it has not sent yet goes up as ever. Kept in the journal, so that a backup tells its age.

A parent that is cut off itself knows no more than it did then. So each says to those below how old its own knowledge is, and what counts is
the oldest on the way down. A carried file from above is word from above, too, as old as the file.

The erasure is decided by two clocks, this node's and its parent's: one that is wrong erases nothing. Called by desk.py,
node/tree/attendance.py, the links, and `yunnao restore`.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from node.clock import Clock
from node.fork.errors import AwayTooLong
from node.store import aside
from node.store.journal import SqliteJournal
from sync.core.engine import Engine
from sync.model import Direction, Instant, JournalError, StoredBatch
from sync.model.writes import GiveUp

AWAY_DAYS_MAX = 90
"""Longest absence after which a node goes on where it was; tombstones last twice as long (node/store/recalled.py)."""
AWAY_US_MAX = AWAY_DAYS_MAX * 86_400 * 1_000_000
NOTE_EVERY_S = 3_600.0
"""How often a linked node writes down that it is."""
SLICE_BATCHES_MAX = 64
"""Batches of others that one turn lets go."""
AWAY = "away_too_long"
"""Word of the status: nothing of others is read until this node has met its parent."""

_KEY = "heard_above_us"
_READ = "SELECT CAST(value AS INTEGER) FROM meta WHERE key = ?"
_OTHERS = "SELECT lsn FROM batch WHERE source <> ? AND freed = 0 AND payload_bytes > 0 AND lsn > ? ORDER BY lsn LIMIT ?"
_HAS_OTHERS = "SELECT 1 FROM stream_range WHERE resource = ? AND origin <> ? LIMIT 1"

Answer = TypeVar("Answer")
log = logging.getLogger("yunnao.fork")


class Turning(Protocol):
    """As much of node/runtime.py as letting go needs."""

    async def ask(self, question: Callable[[Engine, Instant], Answer]) -> Answer:
        """The answer of the engine, once its turn is durable."""

    async def beside_commits(self, work: Callable[[], Answer]) -> Answer:
        """Run `work` on the commit thread."""


@dataclass(slots=True)
class Absence:
    """One life of a node, and when it last heard from above."""

    node: str
    journal: SqliteJournal
    clock: Clock
    is_wanted: Callable[[], bool]
    """True while the node asks its parent for a reseed."""
    on_away: Callable[[AwayTooLong], None]
    """Ends this life; the next one begins with a reseed."""
    heard_us: int | None = None
    """Up to when this node knows what those above decided, by its own clock; None in a journal that never noted it."""
    _is_bare: bool = field(default=False, init=False)
    """True while the note says only that nothing old is here: what the parent says next counts, however old."""

    def __post_init__(self) -> None:
        """Read what the journal has. Raises JournalError."""
        self.heard_us = self.journal.look("look at the last word from above", heard_at)

    # ---- readers

    @property
    def is_over(self) -> bool:
        """True while this node may hold what everybody else has erased."""
        return self._away_us(self.clock.wall_us()) > AWAY_US_MAX

    @property
    def age_us(self) -> int | None:
        """How old this node's knowledge of those above is; None when it cannot say."""
        return None if self.heard_us is None else max(0, self._away_us(self.clock.wall_us()))

    def refusal(self, resource: str) -> str:
        """Why nothing of a resource is read now; empty when it is. What this node alone has made can always be read."""
        if not self.is_over or not self.journal.look("look at whose records are here", lambda db: _has_others(db, resource, self.node)):
            return ""
        return f"{resource} cannot be read: nothing was heard from above for more than {AWAY_DAYS_MAX} days; link this node to its parent"

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [AWAY] * self.is_over

    # ---- the link to the parent

    def check(self, parent_us: int) -> str:
        """Why the link to the parent, whose clock shows `parent_us`, must not open in this life; empty when it may."""
        if self.heard_us is None or min(self._away_us(parent_us), self._away_us(self.clock.wall_us())) <= AWAY_US_MAX:
            return ""
        days = self._away_us(self.clock.wall_us()) // 86_400_000_000
        away = AwayTooLong(f"{self.node} has heard nothing from above for {days} days, more than {AWAY_DAYS_MAX}: it is seeded anew")
        self.on_away(away)
        return str(away)

    def hear(self, parent_us: int, age_us: int | None) -> str:
        """The parent, whose clock shows `parent_us`, knows what was decided above `age_us` ago; a program that does not say counts as 0.

        Why the link must end; empty when it need not. `write_down` keeps it.
        """
        if (age_us or 0) > AWAY_US_MAX:
            return ""  # it was cut off for as long as that: it can seed nobody anew, and has no news
        if why := self.check(parent_us):
            return why
        self._know(self.clock.wall_us() - (age_us or 0))
        return ""

    def hear_by_file(self, written_us: int, age_us: int | None) -> None:
        """A file of the parent's, written at `written_us`, is taken: its policy is in force here. It ends no absence that was too long."""
        if not self.is_over and self.heard_us is not None:
            self._know(min(self.clock.wall_us(), written_us) - (age_us or 0))

    def write_down(self) -> None:
        """Keep what was heard. On the commit thread; raises JournalError."""
        heard_us = self.heard_us
        if heard_us is not None:
            self.journal.enter("note of the last word from above", lambda db: _note(db, heard_us))

    def note(self) -> None:
        """Write down that nothing here is older than now. On the commit thread; raises JournalError."""
        self.heard_us = self.clock.wall_us()
        self.write_down()

    def _know(self, upto_us: int) -> None:
        now_us, known_us = self.clock.wall_us(), self.heard_us
        # A note from the future was made while the clock was wrong.
        if known_us is None or self._is_bare or upto_us > known_us or known_us > now_us:
            self.heard_us, self._is_bare = upto_us, False

    async def keep(self, runtime: Turning, is_linked: Callable[[], bool]) -> None:
        """Note it for as long as the node runs and is linked."""
        while True:
            if is_linked() and not self.is_over:
                try:
                    await runtime.beside_commits(self.write_down)
                except JournalError as error:
                    log.warning("the last word from above is not noted: %s", error)
            await asyncio.sleep(NOTE_EVERY_S)

    # ---- the beginning of a life

    async def settle(self, runtime: Turning, parent: str, *, leave_no_trace: Callable[[], Awaitable[object]]) -> int:
        """Before any link: let go what came from others, when a reseed is wanted after too long; how many batches. Raises JournalError.

        A crash on the way is gone on from at the next start: until all is gone the journal says how old it is.
        """
        if self.heard_us is None:
            await runtime.beside_commits(self.note)
            self._is_bare = True
        if not (self.is_over and self.is_wanted()):
            return 0
        count = await self._let_go(runtime, parent)
        await leave_no_trace()
        await runtime.beside_commits(self.note)
        self._is_bare = True
        log.warning("away for more than %d days: %d batches of others were let go, the parent is asked for them", AWAY_DAYS_MAX, count)
        return count

    async def _let_go(self, runtime: Turning, parent: str) -> int:
        marks = self.journal.recover().out_marks
        sent = {lane: mark.stored for (peer, direction, lane), mark in marks.items() if (peer, direction) == (parent, Direction.UP)}
        after, count = 0, 0
        while True:
            lsns = await asyncio.to_thread(self._others, after)
            if not lsns:
                return count
            after = lsns[-1]
            found = await asyncio.to_thread(self._headers, lsns)
            # What the parent has not got yet nobody can give back: it goes up under today's policy, against the parent's tombstones.
            gone = [one for one in found if one.batch.header.direction is Direction.RETURN or one.lsn <= sent.get(one.batch.header.lane, 0)]
            await self._erase(runtime, gone)
            count += len(gone)

    async def _erase(self, runtime: Turning, gone: list[StoredBatch]) -> None:
        lsns = [one.lsn for one in gone]
        await runtime.ask(lambda engine, now: _set_aside(engine, gone))
        await runtime.beside_commits(lambda: self.journal.enter("erasing of what others made", lambda db: _blank(db, lsns)))

    def _others(self, after: int) -> list[int]:
        statement = (self.node, after, SLICE_BATCHES_MAX)
        return self.journal.look("search for records of others", lambda db: [lsn for (lsn,) in db.execute(_OTHERS, statement)])

    def _headers(self, lsns: list[int]) -> list[StoredBatch]:
        found = self.journal.look("look at batches of others", lambda db: [aside.header_at(db, lsn) for lsn in lsns])
        return [one for one in found if one is not None]

    def _away_us(self, now_us: int) -> int:
        return 0 if self.heard_us is None else now_us - self.heard_us


def heard_at(connection: sqlite3.Connection) -> int | None:
    """When the node of a journal last heard from above, microseconds since 1970 UTC by its own clock; None when it never noted it."""
    row = connection.execute(_READ, (_KEY,)).fetchone()
    return None if row is None else int(row[0])


def is_too_old(connection: sqlite3.Connection, now_us: int) -> bool:
    """True for a journal whose node has heard nothing from above for too long."""
    heard_us = heard_at(connection)
    return heard_us is not None and now_us - heard_us > AWAY_US_MAX


def _note(connection: sqlite3.Connection, now_us: int) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_KEY, str(now_us)))


def _has_others(connection: sqlite3.Connection, resource: str, me: str) -> bool:
    return connection.execute(_HAS_OTHERS, (resource, me)).fetchone() is not None


def _set_aside(engine: Engine, batches: list[StoredBatch]) -> None:
    """Their records may come again: nobody is asked for these very bytes."""
    for stored in batches:
        engine.set_aside(stored)
        engine.write(GiveUp(stored.lsn, is_replaced=True))


def _blank(connection: sqlite3.Connection, lsns: list[int]) -> None:
    connection.executemany("UPDATE aside SET payload = x'' WHERE lsn = ?", [(lsn,) for lsn in lsns])
