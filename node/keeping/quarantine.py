"""The operator's desk for refused records: see them, send them again, or let them stay quarantined.

Owns: the decisions, each one turn of the engine and one line of the log. The sender of the records decides, because it has them; at the
receiver a decision about a child's records is passed down the link first. Refuses what was decided before, and what this node cannot
decide, saying where it can be. Called by the local API (QuarantineVerbs) and, on the sender, by its parent's question.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from node.clock import Clock
from node.errors import NodeError
from node.runtime import Runtime
from node.store.journal import SqliteJournal
from node.store.refused import Refusal, newest_refusals, refusal_at, refusal_of, refused_batches, shown_runs
from node.tree.queries import QueryDesk, QueryError
from node.untrusted import UNREADABLE
from sync.core.engine import Engine
from sync.model import MICROSECONDS, Direction, Instant, Lane, LinkError, Span, StoredBatch
from sync.model.writes import DecideRefusal, Decision, SettleHeld

log = logging.getLogger("yunnao.quarantine")

QUESTION = "quarantine"
"""Verb of the question by which a parent hands a decision down to the child whose records it refused."""
ASK_TIMEOUT_S = 10.0
COUNT_EVERY_S = 10.0
"""How often it is looked whether refused records came another way."""
LISTED_MAX = 500
WHY_CHARS_MAX = 400
TROUBLE = "quarantine"

Plain = dict[str, Any]
Word = Literal["requeue", "dismiss"]
_DONE = {"requeue": Decision.REQUEUED, "dismiss": Decision.DISMISSED}


class QuarantineError(NodeError):
    """A decision that cannot be taken here or now; the text says where or when."""


class Listing(msgspec.Struct, forbid_unknown_fields=True):
    """Open refusals, newest first; `decided` shows those that were decided or came another way as well."""

    limit: Annotated[int, Meta(ge=1, le=LISTED_MAX)] = 100
    decided: bool = False


class Decide(msgspec.Struct, forbid_unknown_fields=True):
    """An operator's decision about one refusal."""

    id: Annotated[int, Meta(ge=1)]
    decision: Word
    reason: Annotated[str, Meta(max_length=WHY_CHARS_MAX)] = ""


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The question to the child: which of its frames, and what about it."""

    direction: int
    lane: int
    after: Annotated[int, Meta(ge=0)]
    upto: Annotated[int, Meta(ge=0)]
    part: Annotated[int, Meta(ge=0)]
    decision: Word
    reason: Annotated[str, Meta(max_length=WHY_CHARS_MAX)] = ""


@dataclass(slots=True)
class QuarantineDesk:
    """Open refusals of one node."""

    node: str
    parent: str
    """Empty at the top."""
    journal: SqliteJournal
    runtime: Runtime
    queries: QueryDesk
    clock: Clock
    waiting: int = 0
    """Quarantined frames nobody decided about, as last counted."""
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def start(self) -> None:
        """Answer the parent's question from now on."""
        self.queries.handlers[QUESTION] = self._answer

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [TROUBLE] if self.waiting else []

    async def keep_counting(self) -> None:
        """Keep `waiting` true, until cancelled."""
        while True:
            await self._count()
            await asyncio.sleep(COUNT_EVERY_S)

    async def listing(self, asked: Listing) -> Plain:
        """The refusals as the API and --json show them."""
        await self._count()
        found = await self._look(lambda connection: newest_refusals(connection, limit=asked.limit, decided=asked.decided))
        now_us = self.clock.wall_us()
        return {"waiting": self.waiting, "refusals": [_plain(refusal, now_us) for refusal in found]}

    async def decide(self, asked: Decide) -> Plain:
        """Decide about the refusal of this id; raises QuarantineError with the way out."""
        async with self._lock:
            refusal = await self._look(lambda connection: refusal_at(connection, asked.id))
            if refusal is None:
                raise QuarantineError(f"refusal {asked.id} is not known here: `yunnao quarantine` lists those that are")
            settle = self._settle if refusal.by_peer else self._hand_over
            answer = await settle(refusal, asked.decision, asked.reason, by="an operator here")
        await self._count()
        return answer

    async def _answer(self, body: bytes) -> bytes:
        """The parent refused a frame of ours, and its operator decided."""
        try:
            asked = msgspec.json.decode(body, type=_Asked)
            place = Direction(asked.direction), Lane(asked.lane), Span(asked.after, asked.upto), asked.part
        except (*UNREADABLE, ValueError) as error:
            raise QueryError(f"question {QUESTION} refused: {error}") from None
        async with self._lock:
            refusal = await self._look(lambda connection: refusal_of(connection, self.parent, *place))
            if refusal is None:
                raise QueryError(f"{self.node} has not heard that its frame {asked.after}..{asked.upto} was refused: ask again in a moment")
            try:
                answer = await self._settle(refusal, asked.decision, asked.reason, by=f"an operator of {self.parent}")
            except QuarantineError as error:
                raise QueryError(str(error)) from None
        await self._count()
        return msgspec.json.encode(answer)

    async def _settle(self, refusal: Refusal, word: Word, why: str, *, by: str) -> Plain:
        """At the sender: one turn, durable when this returns."""
        if refusal.decision is not Decision.OPEN:
            raise QuarantineError(f"refusal {refusal.id} was {refusal.decision.name.lower()} already: nothing changed")
        batches = await self._look(lambda connection: refused_batches(connection, refusal)) if word == "requeue" else []
        if word == "requeue" and not batches:
            raise QuarantineError(f"refusal {refusal.id} has nothing to send: its records were let go or went again; dismiss it")
        decision = DecideRefusal(refusal.id, _DONE[word], self.clock.wall_us(), why)
        await self.runtime.ask(lambda engine, now: _apply(engine, now, refusal, decision, batches))
        log.warning("refusal %d of %s by %s: %s by %s (%d batches)%s", refusal.id, refusal.resource, refusal.peer,
                    decision.decision.name.lower(), by, len(batches), f": {why}" if why else "")  # fmt: skip
        return {"id": refusal.id, "decision": decision.decision.name.lower(), "batches": len(batches), "at": self.node}

    async def _hand_over(self, refusal: Refusal, word: Word, why: str, *, by: str) -> Plain:
        """At the receiver: the child that has the records decides, and then it is settled here too."""
        where = f"`yunnao quarantine` on {refusal.peer}, which has them"
        if refusal.decision is not Decision.OPEN:
            raise QuarantineError(f"refusal {refusal.id} was {refusal.decision.name.lower()} already: nothing changed")
        if refusal.peer == self.parent:
            raise QuarantineError(f"refusal {refusal.id} is of records of the parent: decide with {where}")
        place = (int(refusal.direction), int(refusal.lane), refusal.span.after, refusal.span.upto, refusal.part)
        try:
            said = await self.queries.ask(
                refusal.peer, QUESTION, msgspec.json.encode(_Asked(*place, word, why)), timeout_s=ASK_TIMEOUT_S
            )
            told = msgspec.json.decode(said, type=dict[str, Any])
        except (LinkError, *UNREADABLE) as error:
            why_not = f"refusal {refusal.id} not settled ({error}): decide with {where}, or here when its link is up"
            raise QuarantineError(why_not) from None
        decision = DecideRefusal(refusal.id, _DONE[word], self.clock.wall_us(), why)
        await self.runtime.ask(lambda engine, now: engine.write(decision))
        log.warning("refusal %d of records of %s: %s by %s", refusal.id, refusal.peer, decision.decision.name.lower(), by)
        return {"id": refusal.id, "decision": decision.decision.name.lower(), "batches": told.get("batches"), "at": refusal.peer}

    async def _count(self) -> None:
        found = await self._look(lambda connection: newest_refusals(connection, limit=LISTED_MAX, decided=False, only_quarantine=True))
        self.waiting = len(found)

    async def _look(self, question: Callable[[Any], Any]) -> Any:
        return await asyncio.to_thread(self.journal.look, "read of refusals", question)


class QuarantineVerbs:
    """The verbs of the local API; `desk` is asked for when one is called."""

    def __init__(self, desk: Callable[[], QuarantineDesk]) -> None:
        self.table: dict[str, tuple[type[msgspec.Struct], Callable[[Any], Awaitable[Plain]]]] = {
            "quarantine": (Listing, lambda asked: desk().listing(asked)),
            "quarantine_decide": (Decide, lambda asked: desk().decide(asked)),
        }


def _apply(engine: Engine, now: Instant, refusal: Refusal, decision: DecideRefusal, batches: list[StoredBatch]) -> None:
    engine.send_again(batches, now)
    for stored in batches:
        engine.write(SettleHeld(refusal.peer, refusal.direction, stored.lsn))
    engine.write(decision)


def _plain(refusal: Refusal, now_us: int) -> Plain:
    return {
        "id": refusal.id,
        "peer": refusal.peer,
        "refused_by": "peer" if refusal.by_peer else "self",
        "kind": "quarantined" if refusal.quarantine else "held",
        "direction": refusal.direction.word,
        "lane": refusal.lane.word,
        "resource": refusal.resource,
        "records": refusal.records,
        "runs": shown_runs(refusal.runs),
        "span": [refusal.span.after, refusal.span.upto, refusal.part],
        "reason": refusal.reason,
        "sha256": refusal.payload_sha256.hex(),
        "age_s": max(0, now_us - refusal.at_us) / MICROSECONDS if refusal.at_us else None,
        "tries": refusal.tries,
        "open": refusal.is_open,
        "decision": refusal.decision.name.lower(),
        "decided_us": refusal.decided_us,
        "why": refusal.why,
    }
