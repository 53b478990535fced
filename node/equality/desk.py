"""The proof of equality between this node and its neighbours: the sender asks, the receiver answers, only differences travel.

A proof goes resource by resource: what was sent is summed here, a digest of each bucket is put to the peer, and where one differs the peer
says what it has. Numbers above what the peer acknowledged are left out. What differs is looked at twice, because data flows meanwhile.
Refuses to take more than one question at a time from all peers together. Used by `audit flow` (states only) and `audit equal`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import msgspec
import numpy as np

from node.equality.proof import Difference, Proof, compare, questions
from node.equality.rowhash import Hashes
from node.equality.views import (
    NUMBERS_MAX,
    SentView,
    add_journal_rows,
    nothing_of,
    resources_sent,
    sent_view,
    stored_view,
    streams_from,
)
from node.equality.whereabouts import held_at, sent_at
from node.equality.wire import (
    DETAILS_PER_ANSWER,
    EQUALITY,
    WHEREABOUTS,
    Detail,
    EqualityError,
    Question,
    Verdict,
    Where,
    Whereabouts,
    read,
    stream_of,
)
from node.store.flows import Scope
from node.store.journal import SqliteJournal
from node.tree.queries import QueryDesk
from sync.core.equality import BUCKET_NUMBERS
from sync.model import Direction, Stream

ANSWER_TIMEOUT_S = 120.0
"""Time a peer gets for one resource."""
LOOKS = 2
"""A bucket that differs is compared again with fresh books before it counts: an acknowledgement may be under way."""
DIFFERENCES_MAX = 16
"""Differences of one proof that are looked up and named."""

Pause = Callable[[float], Awaitable[None]]
"""Called with the seconds a step has taken."""


async def no_pause(worked_s: float) -> None:
    """Work without a rest: somebody is waiting."""


@dataclass(slots=True)
class EqualityDesk:
    """Asks and answers for one node."""

    node: str
    journal: SqliteJournal
    queries: QueryDesk
    now_s: Callable[[], float]
    """Monotonic seconds."""
    speaks_for: Callable[[str, str], bool] = lambda peer, origin: False
    """True when records of `origin` come to this node through `peer`, whatever is stored of them."""
    _answering: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.queries.neighbours[EQUALITY] = self.answer
        self.queries.neighbours[WHEREABOUTS] = self.answer_where

    # ---- asking

    async def prove(
        self, peer: str, direction: Direction, scope: Scope, *, has_rows: bool, pause: Pause = no_pause
    ) -> Proof:
        """Compare what was sent to `peer` with what it stored. Raises QueryError or EqualityError when the peer does not answer."""
        if scope.resource is not None:
            resources = [scope.resource]
        else:
            resources = await asyncio.to_thread(self.journal.look, "list of resources", lambda db: resources_sent(db, peer, direction))
        proof = Proof()
        for resource in resources:
            begun = self.now_s()
            one = Scope(resource, scope.origin, scope.first, scope.last, scope.ranges)
            await self._prove_resource(peer, direction, one, proof, has_rows=has_rows)
            await pause(self.now_s() - begun)
        return proof

    async def _prove_resource(self, peer: str, direction: Direction, scope: Scope, proof: Proof, *, has_rows: bool) -> None:
        found: list[Difference] = []
        differing = 0
        for look in range(LOOKS):
            view = await asyncio.to_thread(sent_view, self.journal, peer, direction, scope, has_rows=has_rows)
            differing, found = await self._compare(peer, direction, scope, view, has_rows=has_rows)
            if look == 0:
                proof.streams += len(view.fates)
                proof.buckets += sum(len(fates.buckets()) for fates in view.fates)
                proof.unproven += view.unprovable
            if not found:
                break
        proof.differing += differing
        proof.states_only += view.states_only
        proof.differences += found[: DIFFERENCES_MAX - len(proof.differences)]

    async def _compare(
        self, peer: str, direction: Direction, scope: Scope, view: SentView, *, has_rows: bool
    ) -> tuple[int, list[Difference]]:
        assert scope.resource is not None, "buckets are compared resource by resource"
        differing, found = 0, []
        for places, asked in questions(view, has_rows=has_rows):
            question = Question(int(direction), scope.resource, has_rows, asked)
            body = await self.queries.ask(peer, EQUALITY, msgspec.msgpack.encode(question), timeout_s=ANSWER_TIMEOUT_S)
            verdict = read(body, Verdict)
            differing += verdict.differing
            view.states_only += verdict.states_only
            for detail in verdict.details:
                if detail.place >= len(places):
                    raise EqualityError(f"{peer} speaks of stream {detail.place} of {len(places)}")
                difference = await self._explain(scope.resource, view, places[detail.place], detail)
                found += [difference] if difference else []
        return differing, sorted(found, key=lambda entry: (entry.stream, entry.number))

    async def _explain(self, resource: str, view: SentView, place: int, detail: Detail) -> Difference | None:
        own: Hashes | None = None
        if detail.hashes:
            own = await asyncio.to_thread(self._own_hashes, resource, view, place, detail.bucket)
        return compare(view, place, detail, own)

    def _own_hashes(self, resource: str, view: SentView, place: int, bucket: int) -> Hashes:
        view.rows.sums, view.rows.counts = {}, {}
        view.rows.keep_hashes(place, bucket)
        add_journal_rows(self.journal, resource, view.rows)
        return view.rows.hashes

    async def where_here(self, difference: Difference, peer: str, direction: Direction) -> Whereabouts:
        """What this node told `peer` of a number."""
        stream, number = difference.stream, difference.number
        return await asyncio.to_thread(
            self.journal.look, "search for a number", lambda db: sent_at(db, stream, number, peer, direction)
        )

    async def where_there(self, peer: str, stream: Stream, number: int) -> Whereabouts:
        """What `peer` holds of a number; raises QueryError or EqualityError."""
        where = Where(stream.origin, stream.incarnation, int(stream.lane), stream.resource, number)
        return read(await self.queries.ask(peer, WHEREABOUTS, msgspec.msgpack.encode(where), timeout_s=ANSWER_TIMEOUT_S), Whereabouts)

    # ---- answering

    async def answer(self, peer: str, body: bytes) -> bytes:
        """What differs of what `peer` says it sent; raises EqualityError."""
        question = read(body, Question)
        async with self._answering:
            return msgspec.msgpack.encode(await asyncio.to_thread(self._judge, peer, question))

    async def answer_where(self, peer: str, body: bytes) -> bytes:
        """Where a number is here: told to whoever may have sent it; raises EqualityError."""
        where = read(body, Where)
        stream = stream_of(where, where.resource)
        async with self._answering:
            found = await asyncio.to_thread(self.journal.look, "search for a number", lambda db: held_at(db, stream, where.number))
        # Of what came from elsewhere a neighbour learns nothing but that it is here.
        return msgspec.msgpack.encode(found if found.source == peer else Whereabouts(found.state))

    def _judge(self, peer: str, question: Question) -> Verdict:
        streams = [stream_of(asked, question.resource) for asked in question.streams]
        uptos = [min(asked.upto, NUMBERS_MAX) for asked in question.streams]
        view = stored_view(
            self.journal, streams, uptos, source=peer, resource=question.resource, has_rows=question.has_rows
        )
        came = self.journal.look("look at who sent what", lambda db: streams_from(db, peer, question.resource))
        for place, stream in enumerate(streams):
            # What came from elsewhere is none of the peer's business, not even that it is here.
            if stream not in came and not self.speaks_for(peer, stream.origin):
                view.fates[place] = nothing_of(stream)
        details: list[Detail] = []
        differing = states_only = 0
        for place, asked in enumerate(question.streams):
            for entry in asked.buckets:
                is_other = view.fates[place].digest(entry.bucket) != entry.states
                held = (view.rows.sums.get((place, entry.bucket), 0), view.rows.counts.get((place, entry.bucket), 0))
                rows_differ = question.has_rows and entry.rows >= 0 and held != (entry.sum, entry.rows)
                if rows_differ and not is_other and held[1] < entry.rows:
                    states_only += 1
                    continue
                if not (is_other or rows_differ):
                    continue
                differing += 1
                if len(details) < DETAILS_PER_ANSWER:
                    hashes = self._hashes(peer, question, streams, uptos, place, entry.bucket) if rows_differ and held[1] else b""
                    details.append(Detail(place, entry.bucket, view.fates[place].packed(entry.bucket), hashes))
        return Verdict(details, differing, states_only)

    def _hashes(self, peer: str, question: Question, streams: list[Stream], uptos: list[int], place: int, bucket: int) -> bytes:
        view = stored_view(
            self.journal, [streams[place]], [uptos[place]], source=peer, resource=question.resource, has_rows=True, detail=(0, bucket)
        )
        assert len(view.rows.hashes) == BUCKET_NUMBERS, "a bucket's worth of hashes"
        return np.ascontiguousarray(view.rows.hashes, "<u8").tobytes()
