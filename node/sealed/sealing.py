"""The sealing side: what a child may not hold and a node below it may, out of the journal into envelopes.

Reads forward, resource by resource and target by target, from where the last look ended, and again from the beginning where the plans by
which that goes are others. An envelope is handed in like any record of this node, and only when it is durable its records are entered as
sealed; a crash between seals them once more, and each counts once at the target. Seals nothing for a node whose key nobody knows: its
records stay withheld and its reading waits. Called by the desk.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from node.engine.freed import account_of_freed
from node.engine.pieces import Piece, header_of
from node.engine.rowfacts import sealed_header
from node.ingest.sink import Row
from node.requests.envelope import Seal, Signer
from node.sealed.book import Reading, SealedBook
from node.sealed.keys import Keys
from node.sealed.letter import ENVELOPE_BYTES_AIM, PARTS_MAX, part_of, sealed_letter
from node.sealed.places import Place
from node.store.journal import SqliteJournal
from policies.catalogue import ENVELOPES, Resource
from policies.gate import CompiledGate
from sync.core.inbox import empty_header
from sync.core.recalling import as_told
from sync.model import Batch, Lane, Run, Span, StoredBatch, Stream
from sync.ports import Outcome, Released
from sync.wire.payload import encode_payload, unfold_payload

BATCHES_PER_STEP_MAX = 64
STEP_BYTES_MAX = 8 << 20
"""Batches of one resource that a step reads, and bytes of their payloads."""

log = logging.getLogger("yunnao.sealed")

Streams = list[tuple[Stream, Run]]


class Storing(Protocol):
    """Where rows are handed in (`node.ingest.handing_in.HandingIn`)."""

    async def store(self, resource: Resource, rows: Sequence[Row]) -> None:
        """Return once `rows` are durable; raises NoRoom."""


@dataclass(slots=True)
class _Letters:
    """Envelopes for one target that are being filled."""

    finished: list[list[bytes]] = field(default_factory=list)
    streams: Streams = field(default_factory=list)
    _open: list[bytes] = field(default_factory=list)
    _bytes: int = 0

    def add(self, part: bytes, streams: Streams) -> None:
        if self._open and (self._bytes + len(part) > ENVELOPE_BYTES_AIM or len(self._open) >= PARTS_MAX):
            self.close()
        self._open.append(part)
        self._bytes += len(part)
        self.streams += streams

    def close(self) -> None:
        if self._open:
            self.finished.append(self._open)
        self._open, self._bytes = [], 0


@dataclass(slots=True)
class Sealing:
    """One node's sealing side."""

    me: str
    journal: SqliteJournal
    gate: Callable[[], CompiledGate]
    places: Callable[[], Sequence[Place]]
    """Those for whom something may be sealed now."""
    book: SealedBook
    keys: Keys
    seal: Seal
    storing: Storing
    nonce: Callable[[], bytes]
    unknown: frozenset[str] = frozenset()
    """Targets for whom something waits and whose key nobody knows."""
    _worth: dict[tuple[object, ...], dict[str, bytes]] = field(default_factory=dict)
    """By what decides it of a way: the resources of which anything may be for an envelope, with the hash of their plans."""
    _worth_of: CompiledGate | None = None

    async def look(self) -> bool:
        """One step for every resource; True when more is to be read. Raises SealedBookError, NoRoom, JournalError."""
        gate = self.gate()
        resource = gate.book.ruleset.resources.get(ENVELOPES)
        places = self.places()
        if resource is None or not resource.is_of_envelopes or not places:
            return False
        due = await asyncio.to_thread(self._due, gate, places)
        unknown: set[str] = set()
        is_more = False
        lanes = {code: known.lane for code, known in gate.book.ruleset.resources.items()}
        for code, waiting in sorted(due.items(), key=lambda item: (lanes.get(item[0], Lane.BLOB), item[0])):
            is_more |= await self._step(gate, resource, code, waiting, unknown)
        self.unknown = frozenset(unknown)
        return is_more

    def _due(self, gate: CompiledGate, places: Sequence[Place]) -> dict[str, list[tuple[Place, Reading]]]:
        """By resource, the places for which something may be left to read, with how far it was. Blocking."""
        readings, top = self.book.readings(), self.journal.last_lsn
        due: dict[str, list[tuple[Place, Reading]]] = {}
        for place in places:
            for code, plans in self._worth_sealing(gate, place).items():
                reading = readings.get((place.flow.peer, code), Reading())
                put_back = self.journal.repaired(code).put_back
                # A journal that was built again counts its batches from one.
                is_same = reading.plans == plans and reading.put_back == put_back and reading.upto <= top
                upto = reading.upto if is_same else 0
                if upto < top:
                    due.setdefault(code, []).append((place, Reading(upto, plans, put_back)))
        return due

    def _worth_sealing(self, gate: CompiledGate, place: Place) -> Mapping[str, bytes]:
        if gate is not self._worth_of:
            self._worth, self._worth_of = {}, gate
        if place.way not in self._worth:
            codes = gate.book.ruleset.resources
            self._worth[place.way] = {code: plans for code in codes if (plans := place.plans(gate, code))}
        return self._worth[place.way]

    async def _step(
        self, gate: CompiledGate, envelopes: Resource, code: str, waiting: Sequence[tuple[Place, Reading]], unknown: set[str]
    ) -> bool:
        """Read on in one resource, for every place that is due; True when there is more."""
        known: list[tuple[Place, Reading, Signer]] = []
        for place, reading in waiting:
            signer = await self.keys.signer(place.flow.peer)
            if signer is None:
                unknown.add(place.flow.peer)
            else:
                known.append((place.certified(signer), reading, signer))
        if not known:
            return False
        top, lowest = self.journal.last_lsn, min(reading.upto for _, reading, _ in known)
        span = Span(lowest, top)
        found = await asyncio.to_thread(
            self.journal.find, code, span, batches_max=BATCHES_PER_STEP_MAX, bytes_max=STEP_BYTES_MAX
        )  # fmt: skip
        upto = found[-1].lsn if found else top
        for place, reading, signer in known:
            letters = await asyncio.to_thread(self._letters, gate, place, [one for one in found if one.lsn > reading.upto])
            await self._hand_in(envelopes, place, signer, letters)
        moved = {place.flow.peer: replace(reading, upto=max(upto, reading.upto)) for place, reading, _ in known}
        await asyncio.to_thread(self.book.read, code, moved)
        return upto < top

    def _letters(self, gate: CompiledGate, place: Place, found: Iterable[StoredBatch]) -> _Letters:
        """What of these batches is for the place and was not sealed for it yet. Blocking."""
        letters = _Letters()
        for stored in found:
            batch = sealed_batch(gate, place, stored, me=self.me)
            if batch is None:
                continue
            streams = [(run.stream(batch.header.lane, batch.header.resource), run) for run in batch.header.runs]
            if not self.book.lacks(place.flow.peer, streams):
                continue
            if part := part_of(batch):
                letters.add(part, streams)
            else:
                code = batch.header.resource
                log.warning("batch %d of %s stays withheld from %s: too large for an envelope", stored.lsn, code, place.flow.peer)
        letters.close()
        return letters

    async def _hand_in(self, envelopes: Resource, place: Place, signer: Signer, letters: _Letters) -> None:
        """Make envelopes durable, then enter what is in them."""
        if not letters.finished:
            return
        now_us, territory = self.seal.now_us(), signer.who.territory.code
        rows: list[Row] = []
        for parts in letters.finished:
            letter = await asyncio.to_thread(sealed_letter, parts, signer, me=self.me, number=self.nonce(), seal=self.seal)
            rows.append((now_us, territory, envelopes.grade, place.flow.peer, letter))
        await self.storing.store(envelopes, rows)
        await asyncio.to_thread(self.book.sealed, place.flow.peer, letters.streams, envelopes=len(rows), now_us=now_us)


def sealed_batch(gate: CompiledGate, place: Place, stored: StoredBatch, *, me: str) -> Batch | None:
    """A stored batch as the place may have it, with its account; None when there is nothing of it for the place. Blocking."""
    if not place.concerns(gate, stored):
        return None
    seen = place.seen(as_told(stored))
    piece = _piece(gate, place, seen, me=me)
    if piece.released.outcome in (Outcome.ELSEWHERE, Outcome.CLOSED) or not piece.released.runs:
        return None
    header = replace(header_of(piece, place.flow, gate.version), backfill=True)
    if not piece.row_count:
        return Batch(empty_header(header, piece.released.runs), b"")
    if piece.released.rows is None:
        return Batch(header, seen.batch.payload)
    payload = encode_payload(piece.released.rows, compression="zstd")
    return Batch(sealed_header(header, piece.released.rows, payload), payload)


def _piece(gate: CompiledGate, place: Place, stored: StoredBatch, *, me: str) -> Piece:
    header = stored.batch.header
    if stored.freed:
        return Piece(stored, account_of_freed(stored, gate.plan_hash(place.flow, header), decider=me))
    if not header.row_count:
        return Piece(stored, Released(Outcome.REWRITTEN, header.runs, None, gate.plan_hash(place.flow, header)))
    rows = unfold_payload(stored.batch.payload)
    return Piece(stored, place.release(gate, stored, rows), rows)
