"""All sessions of the door: opened, resumed, ended, expired, bounded, and read back after a restart; and the wills of those that went.

Owns which sessions are absent and when each expires. A session outlives its connection by what the client asked for, at most 30 days; when
too many are absent, the one that ended longest ago is forgotten and counted. Called by node/ingest/door.py.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from typing import Protocol

from node.clock import Clock
from node.ingest.errors import PacketError
from node.ingest.mqtt.outbound import Source
from node.ingest.mqtt.packets import Connect, Will
from node.ingest.mqtt.session import Session
from node.ingest.sink import Rights
from node.store.door_book import KeptSession, Mark, MarkKind

EXPIRY_S_MAX = 30 * 86_400
"""Longest life of a session without a connection, of either version; the 3.1.1 standard leaves it to the server."""
ABSENT_MAX = 10_000
"""Sessions without a connection that are kept."""
ABSENT_BYTES_MAX = 32 << 20
"""Bytes they may weigh together in the journal."""
RESTART_GRACE_S = 60
"""How long after a restart of the node a client may stay away before its will is taken in."""
_SECOND_US = 1_000_000


class OnWill(Protocol):
    """Takes a will in."""

    def __call__(self, session: Session, will: Will, marks: Sequence[Mark]) -> None:
        """`marks` forget the will in the journal and belong into the commit that stores it."""


class Sessions:
    """Every session by client id."""

    def __init__(
        self,
        clock: Clock,
        source: Source,
        *,
        keep: Callable[[Sequence[Mark]], None],
        on_will: OnWill,
        rights_of: Callable[[str, str], Rights],
    ) -> None:
        self._clock = clock
        self.source = source
        self._keep = keep
        self._on_will = on_will
        self._rights_of = rights_of
        self._sessions: dict[str, Session] = {}
        self._absent: OrderedDict[str, Session] = OrderedDict()
        self._absent_bytes = 0
        self._due: list[tuple[int, int, Session, int]] = []
        """Heap of (monotonic microseconds, tie, session, round): when a will is due or a session expires."""
        self._ties = count()
        self._expires: dict[str, int] = {}
        self._will_due: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        """Sessions resumed, expired, evicted, and wills taken in."""

    def __len__(self) -> int:
        return len(self._sessions)

    @property
    def absent(self) -> int:
        """Sessions without a connection."""
        return len(self._absent)

    def known(self, client: str) -> Session | None:
        """The session of `client`, if there is one."""
        return self._sessions.get(client)

    def open(self, connect: Connect, client: str, identity: str, rights: Rights) -> tuple[Session, bool]:
        """The session of a client that connects, and whether it was there. An older connection of it must be ended before."""
        former = self._sessions.get(client)
        if former is not None and (connect.clean_start or former.identity != identity):
            self._back(former)
            self._forget(former)
            former = None
        session = former
        if session is None:
            session = self._sessions[client] = Session(client, identity, rights, self.source)
        else:
            self._back(session)
            self.counts["resumed"] += 1
        session.rights, session.is_connected, session.round = rights, True, session.round + 1
        session.expiry_s, session.will = min(connect.session_expiry_s, EXPIRY_S_MAX), connect.will
        self.changed(session)
        return session, former is not None

    def changed(self, session: Session) -> None:
        """Have the journal know `session` as it is."""
        mark = session.mark()
        if mark is not None:
            self._keep((mark,))

    def end(self, session: Session, *, with_will: bool, expiry_s: int | None = None) -> None:
        """The connection of `session` is over; `with_will` unless the client said goodbye."""
        session.is_connected = False
        if session.has_outbound:
            session.outbound.detach()
        if expiry_s is not None and session.expiry_s:
            session.expiry_s = min(expiry_s, EXPIRY_S_MAX)
        if not with_will:
            session.will = None
        if session.will is not None and not min(session.will.delay_s, session.expiry_s):
            self._take_will(session)
        if not session.expiry_s:
            self._forget(session)
            return
        mark = session.mark(ended_us=self._clock.wall_us())
        if mark is not None:
            self._keep((mark,))
        self._goes(session, self._clock.now().us)

    def recall(self, kept: Iterable[KeptSession]) -> None:
        """After a start, before any client connects: the sessions of the journal. What cannot be read is dropped and counted."""
        now_us, wall_us = self._clock.now().us, self._clock.wall_us()
        for entry in kept:
            session = Session(entry.client, "", self._rights_of("", entry.client), self.source)
            try:
                session.recall(entry.facts, entry.packet_ids)
            except PacketError:
                self.counts["unreadable"] += 1
                self._keep((Mark(MarkKind.DROP_SESSION, entry.client),))
                continue
            session.rights = self._rights_of(session.identity, session.client)
            self._sessions[session.client] = session
            gone_us = max(0, wall_us - entry.ended_us) if entry.ended_us else 0
            self._goes(session, now_us - gone_us, grace_us=now_us + RESTART_GRACE_S * _SECOND_US)

    def tick(self) -> None:
        """Take in the wills that are due and forget the sessions that expired; about once a second."""
        now_us = self._clock.now().us
        while self._due and self._due[0][0] <= now_us:
            _, _, session, at_round = heapq.heappop(self._due)
            if session.is_over or session.is_connected or session.round != at_round:
                continue
            if session.will is not None and self._will_due[session.client] <= now_us:
                self._take_will(session)
            if self._expires[session.client] <= now_us:
                self.counts["expired"] += 1
                self._forget(session)

    def _goes(self, session: Session, ended_us: int, *, grace_us: int = 0) -> None:
        expires = max(ended_us + session.expiry_s * _SECOND_US, grace_us if session.will is not None else 0)
        self._absent[session.client] = session
        self._absent_bytes += session.weight
        self._expires[session.client] = expires
        moments = {expires}
        if session.will is not None:
            due = max(grace_us, ended_us + min(session.will.delay_s, session.expiry_s) * _SECOND_US)
            self._will_due[session.client] = due
            moments.add(due)
        for moment in moments:
            heapq.heappush(self._due, (moment, next(self._ties), session, session.round))
        while len(self._absent) > ABSENT_MAX or self._absent_bytes > ABSENT_BYTES_MAX:
            self.counts["evicted"] += 1
            self._forget(next(iter(self._absent.values())))

    def _back(self, session: Session) -> None:
        """It is absent no more; what was due of it is not."""
        if self._absent.pop(session.client, None) is not None:
            self._absent_bytes -= session.weight
        self._expires.pop(session.client, None)
        self._will_due.pop(session.client, None)

    def _forget(self, session: Session) -> None:
        self._back(session)
        # Nothing of it outlives the commit of its will.
        session.expiry_s = 0
        if session.will is not None:
            self._take_will(session)
        session.is_over = True
        del self._sessions[session.client]
        self.source.forgotten(session)
        if session.is_kept:
            session.is_kept = False
            self._keep((Mark(MarkKind.DROP_SESSION, session.client),))

    def _take_will(self, session: Session) -> None:
        will, session.will = session.will, None
        assert will is not None, "only a session with a will is asked for it"
        self.counts["wills"] += 1
        was_heavy = session.weight
        mark = session.mark(ended_us=self._clock.wall_us())
        if session.client in self._absent:
            self._absent_bytes += session.weight - was_heavy
        self._on_will(session, will, () if mark is None else (mark,))
