"""What the operator asks: does it add up on every hop, and does each peer have what it was sent?

The own half (batches, share ledger, marks) is proven without the peer; with the peer away the answer says so. Called by the node's API and,
for the daily proof, by node/equality/keeper.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.equality.desk import EqualityDesk, Pause, no_pause
from node.equality.memory import ProofMemory
from node.equality.proof import Difference, Proof
from node.equality.whereabouts import sent_at
from node.equality.wire import EqualityError, Whereabouts
from node.store.flows import Scope, StreamFlow, accounts, equation, period
from node.store.journal import SqliteJournal
from node.tree.queries import QueryError
from sync.model import Direction, Stream

Plain = dict[str, Any]
Hop = tuple[str, Direction]

PROVEN, DIFFERENCE, UNKNOWN = "proven", "difference", "cannot-tell"


@dataclass(frozen=True, slots=True)
class Asked:
    """Which part of the books is to be proven."""

    resource: str | None = None
    origin: str | None = None
    first: int | None = None
    last: int | None = None
    since_us: int | None = None
    until_us: int | None = None

    def scope(self, journal: SqliteJournal) -> Scope:
        """The numbers this means; a period is looked up in the journal's time marks. Blocking."""
        scope = Scope(self.resource, self.origin)
        ranges = None
        if self.since_us is not None or self.until_us is not None:
            since, until = self.since_us or 0, (1 << 62) if self.until_us is None else self.until_us
            ranges = journal.look("read of time marks", lambda db: period(db, since, until))
        return Scope(scope.resource, scope.origin, self.first or scope.first, self.last or scope.last, ranges)


@dataclass(slots=True)
class Auditor:
    """Answers for one node; `hops` names the peers it sends to."""

    journal: SqliteJournal
    desk: EqualityDesk
    hops: Callable[[], Sequence[Hop]]
    memory: ProofMemory
    wall_us: Callable[[], int]

    def own_half(self, asked: Asked) -> Plain:
        """The equation of every stream on every hop from the own books, and the first difference. Blocking."""
        scope = asked.scope(self.journal)
        hops = [self._own_hop(peer, direction, scope) for peer, direction in self.hops()]
        first = next((hop["difference"] for hop in hops if hop["difference"]), None)
        return {"hops": hops, "first_difference": first and first["text"]}

    async def with_peers(self, answer: Plain, scope: Scope) -> Plain:
        """Put each hop of `own_half` to its peer: states only, which is quick."""
        for hop in answer["hops"]:
            if hop["difference"] is not None:
                continue
            direction = Direction.UP if hop["direction"] == Direction.UP.word else Direction.RETURN
            found = await self._compare((hop["peer"], direction), scope, has_rows=False)
            hop |= {"proof": found["proof"], "why": found["why"], "difference": found["difference"]}
        first = next((hop["difference"] for hop in answer["hops"] if hop["difference"]), None)
        return {**answer, "first_difference": first and first["text"]}

    async def equal(self, peer: str | None, *, pause: Pause = no_pause) -> Plain:
        """Prove rows and states on every hop, or on those to one peer, and remember when. Raises EqualityError for an unknown peer."""
        hops = [hop for hop in self.hops() if peer is None or hop[0] == peer]
        if peer is not None and not hops:
            known = ", ".join(hop[0] for hop in self.hops()) or "none"
            raise EqualityError(f"{peer} is no peer that this node sends to: known are {known}")
        return {"hops": [await self.equal_hop(hop, pause=pause) for hop in hops]}

    async def equal_hop(self, hop: Hop, *, pause: Pause = no_pause) -> Plain:
        """Prove rows and states on one hop, and remember when."""
        found = await self._compare(hop, Scope(), has_rows=True, pause=pause)
        if found["proof"] != UNKNOWN:
            self.memory.note(hop[0], hop[1].word, at_us=self.wall_us(), is_equal=found["proof"] == PROVEN)
        return {"peer": hop[0], "direction": hop[1].word, **found}

    async def _compare(self, hop: Hop, scope: Scope, *, has_rows: bool, pause: Pause = no_pause) -> Plain:
        peer, direction = hop
        try:
            proof = await self.desk.prove(peer, direction, scope, has_rows=has_rows, pause=pause)
            differences = [await self._named(peer, direction, entry) for entry in proof.differences]
        except (QueryError, EqualityError) as error:
            return {"proof": UNKNOWN, "why": str(error), "difference": None, "differences": []}
        return {"proof": _verdict(proof), "why": "; ".join(proof.unproven), "difference": differences[0] if differences else None,
                "differences": differences, "streams": proof.streams, "buckets": proof.buckets,
                "states_only": proof.states_only}  # fmt: skip

    async def _named(self, peer: str, direction: Direction, difference: Difference) -> Plain:
        here = await self.desk.where_here(difference, peer, direction)
        there = await self.desk.where_there(peer, difference.stream, difference.number)
        return _difference(peer, difference.stream, difference.number, here, there, is_content=difference.is_content)

    def _own_hop(self, peer: str, direction: Direction, scope: Scope) -> Plain:
        flows: list[Plain] = []
        gap: tuple[Stream, int] | None = None
        for account in self.journal.look("read of the flow", lambda db: list(accounts(db, peer, direction, scope))):
            number = account.first_gap()
            flows.append(_flow(equation(account), is_whole=number is None))
            if gap is None and number is not None:
                gap = account.stream, number
        difference = None
        if gap is not None:
            stream, number = gap
            here = self.journal.look("search for a number", lambda db: sent_at(db, stream, number, peer, direction))
            difference = _difference(peer, stream, number, here, None, is_content=False)
        state = DIFFERENCE if difference else "own-half"
        return {"peer": peer, "direction": direction.word, "streams": flows, "proof": state, "why": "", "difference": difference}


def _verdict(proof: Proof) -> str:
    if proof.differences:
        return DIFFERENCE
    return UNKNOWN if proof.unproven else PROVEN


def _flow(flow: StreamFlow, *, is_whole: bool) -> Plain:
    return {
        "origin": flow.stream.origin,
        "incarnation": f"{flow.stream.incarnation:016x}",
        "lane": flow.stream.lane.word,
        "resource": flow.stream.resource,
        "produced": flow.produced,
        "delivered": flow.delivered,
        "withheld": flow.withheld,
        "expired": flow.expired,
        "lost": flow.lost,
        "pending": flow.pending,
        "holds": flow.holds and is_whole,
        "reasons": dict(flow.reasons),
    }


def _difference(peer: str, stream: Stream, number: int, here: Whereabouts, there: Whereabouts | None, *, is_content: bool) -> Plain:
    told = there or Whereabouts("not asked")
    what = "with other values" if is_content else f"{told.state} there"
    by = f" by {told.decider or here.decider} ({told.reason or here.reason})" if told.decider or here.decider else ""
    sides = f"{here.state} here (batch {here.lsn}), {what} (batch {told.lsn})"
    text = f"record {number} of {stream.origin}/{stream.resource} toward {peer}: {sides}{by}"
    return {
        "text": text,
        "origin": stream.origin,
        "incarnation": f"{stream.incarnation:016x}",
        "lane": stream.lane.word,
        "resource": stream.resource,
        "number": number,
        "is_content": is_content,
        "here": _place(here),
        "there": None if there is None else _place(there),
    }


def _place(where: Whereabouts) -> Plain:
    return {"state": where.state, "reason": where.reason, "decider": where.decider, "batch": where.lsn, "source": where.source}
