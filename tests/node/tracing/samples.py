"""One input of every kind, full of things that must not enter a recording."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from node.tracing.inputs import (
    ClockSet,
    Damaged,
    DatesMoved,
    DayBegan,
    Detached,
    Freed,
    Gated,
    Input,
    LinkDown,
    LinkUp,
    Mended,
    Offered,
    Opened,
    PolicyChanged,
    Recalled,
    Received,
    SentAgain,
    Stood,
    Timeout,
    Written,
)
from sync.core.bearers import Standing
from sync.core.messages import Ack, Data, Hello, Position, Refused, Stop
from sync.core.outbox import ByFile, UnderWay
from sync.core.ready import (
    InboundJob,
    InboundResult,
    LocalBatch,
    OutboundPart,
    OutboundResult,
    PeerFacts,
    Ready,
    RequeueResult,
    Send,
)
from sync.model import (
    DEFAULT_LIMITS,
    ClockQuality,
    Direction,
    Frame,
    HybridTime,
    Lane,
    LedgerEntry,
    Level,
    Manifest,
    PolicyVersion,
    Span,
    State,
)
from sync.model.writes import AppendLedger, AppendRefusal, GiveUp, InPosition, PutBack, Recall, SetInPosition, StoreBatch
from tests.contracts.batches import run, stored

SECRET = b"the value of a resident"
"""In every payload."""
HASHES = [hashlib.sha256(SECRET + bytes((index,))).digest() for index in range(8)]
"""Everything that could confirm a guess at a value."""
MANIFEST = Manifest("grid", HASHES[0], (HASHES[1],), HASHES[2] + HASHES[3])
BATCH = stored(3, [run(1, 3)], payload=SECRET)
BATCH = replace(BATCH, batch=replace(BATCH.batch, manifest=MANIFEST, origin_manifest=MANIFEST))
FRAME = Frame(Lane.BULK, Direction.UP, Span(0, 3), 0, 1, BATCH.batch)
PEER = PeerFacts("city", 5, Level.MUNICIPAL, "3702", is_parent=True, subtree=frozenset({"b", "a"}))
VERSION = PolicyVersion.of({"city": 1})
HELLO = Hello("city", 5, Level.MUNICIPAL, "3702", VERSION, (Position(Direction.UP, Lane.BULK, 3, HASHES[4]),), 7, fork_proof=MANIFEST)
UNDER_WAY = ByFile(DEFAULT_LIMITS, {Lane.BULK: UnderWay(1, 2, HASHES[4])})
LOCAL = LocalBatch("air-quality", Lane.BULK, 1, 1, SECRET, HASHES[5], 90, 1, 2, 1, ("3702",), HybridTime(5), 1)
PART = OutboundPart(BATCH.batch, closed=False, row_sums=HASHES[6])
ENTRY = LedgerEntry(
    "city", Direction.UP, Lane.BULK, Span(0, 3), 0, 1, "air-quality", BATCH.batch.header.runs, b"p" * 32, b"v" * 32, HASHES[5],
    HASHES[0], HASHES[7], row_sums=HASHES[6],
)  # fmt: skip
REFUSAL = AppendRefusal("city", Direction.UP, Lane.BULK, Span(0, 3), 0, "air-quality", (), HASHES[5], "looser", b"v" * 32, by_peer=True)
RECALL = Recall(BATCH, HASHES[0], "NL-1@x", (run(1, 2),), (run(3, 3),), 5)
WRITES = (
    StoreBatch(BATCH),
    RECALL,
    PutBack(BATCH),
    AppendLedger(ENTRY),
    REFUSAL,
    SetInPosition("city", 5, Direction.RETURN, Lane.BULK, InPosition(3, HASHES[7])),
)
READY = Ready(WRITES, (InboundJob(1, PEER, FRAME, VERSION),), (Send("city", Data(FRAME), urgent=False),))
INPUTS: tuple[Input, ...] = (
    Offered(1, LOCAL),
    LinkUp(2, PEER, HELLO, [(Direction.UP, Lane.BULK, HASHES[4]), (Direction.UP, Lane.BLOB, None)], UNDER_WAY),
    LinkDown(3, "city"),
    Received(4, "city", data=Data(FRAME)),
    Received(4, "city", ack=Ack(Direction.UP, Lane.BULK, 3, 3)),
    Received(4, "city", refused=Refused(Direction.UP, Lane.BULK, Span(0, 3), 0, "looser", VERSION)),
    Received(4, "city", stop=Stop("moved")),
    Gated(5, outbound=OutboundResult(1, VERSION, Span(0, 3), (PART,))),
    Gated(5, inbound=InboundResult(2, VERSION, "looser")),
    Gated(5, requeue=RequeueResult(3, VERSION, (BATCH,))),
    Damaged(0, BATCH),
    Mended(6, BATCH, was_told=True),
    Recalled(0, RECALL),
    Freed(7, (1, 2), State.SHED),
    Stood(0, Standing({"grid": frozenset({"grid"})}, frozenset({"province"}))),
    Detached(8, "grid"),
    SentAgain(9, (BATCH,)),
    Opened(9, BATCH.batch, "province"),
    Written(0, "GiveUp", GiveUp(3, is_replaced=False)),
    Written(0, "StoreBatch", StoreBatch(BATCH)),
    Written(0, "Recall", RECALL),
    PolicyChanged(10, VERSION),
    DatesMoved(10, ("stale-policy",)),
    Timeout(11),
    ClockSet(0, ClockQuality(5, 6)),
    DayBegan(12, -5),
)
