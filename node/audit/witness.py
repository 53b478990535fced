"""Witnesses: a node tells the end of its audit log to its parent, which enters it in its own log and says on request what it has entered.

Owns the question and both sides of it. The top of the tree, which has no parent, tells some of its children. What is told is signed by who
tells it, so that a witness can show what it was told and cannot make it up. At most one entry a minute is made for a neighbour. A
neighbour of an older version knows no such question: then nobody has witnessed. Called by wiring.py and api.py.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Meta

from node.audit.book import Head
from node.audit.desk import AuditDesk
from node.audit.entry import Entry, Scalar, decode
from node.audit.errors import AuditRefused
from node.audit.words import AuditKind
from node.clock import Clock
from node.tree.queries import QueryDesk, QueryError
from node.untrusted import UNREADABLE
from sync.model import MICROSECONDS

WITNESS = "audit-witness"
"""Verb of the question."""
LOOK_EVERY_S = 5.0
TELL_EVERY_S = 3_600.0
"""How often the end is told while it moves."""
TELL_ENTRIES_MAX = 512
"""Entries after which it is told sooner."""
NOTE_EVERY_US = 60 * MICROSECONDS
"""At most one entry in so long is made for one neighbour."""
WITNESSED_TOLD_MAX = 64
"""Newest entries about a neighbour that one answer names."""
CHILDREN_TOLD_MAX = 3
"""Children that witness a node without a parent."""
ASK_TIMEOUT_S = 20.0
CONTRADICTED = "audit_contradicted"
"""Word of the status: a neighbour's log is not the one that it told before."""
_PURPOSE = b"yunnao-audit-head-1"
_ABOUT = (
    "SELECT CAST(entry AS BLOB) FROM audit_entry WHERE kind = 'witness' AND kind <> 'decisions' AND subject = ? ORDER BY seq DESC LIMIT ?"
)

Hex16 = Annotated[str, Meta(pattern="^[0-9a-f]{16}$")]
Hex64 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex128 = Annotated[str, Meta(pattern="^[0-9a-f]{128}$")]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
log = logging.getLogger("yunnao.audit")


class Told(msgspec.Struct, frozen=True):
    """The end of a log as its node told it."""

    incarnation: Hex16
    seq: Count
    hash: Hex64
    key: Hex64
    signature: Hex128
    at_us: Count = 0
    """When the witness entered it, by its own clock; 0 in a question."""

    def is_of(self, node: str) -> bool:
        """True when `node`, or whoever has its key, signed it."""
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.key)).verify(
                bytes.fromhex(self.signature), _signed(node, self.incarnation, self.seq, self.hash)
            )
        except (InvalidSignature, ValueError):
            return False
        return True

    def detail(self) -> dict[str, Scalar]:
        """As an entry holds it."""
        return {"incarnation": self.incarnation, "seq": self.seq, "hash": self.hash, "key": self.key, "signature": self.signature}


class Witnessed(msgspec.Struct, frozen=True):
    """An answer: whether the end that came along was entered, and what was entered before, newest first."""

    noted: bool
    witnessed: Annotated[list[Told], Meta(max_length=WITNESSED_TOLD_MAX)]


def told(node: str, incarnation: int, head: Head, key: Ed25519PrivateKey) -> Told:
    """The end of a log, signed."""
    name, digest = f"{incarnation:016x}", head.hash.hex()
    signature = key.sign(_signed(node, name, head.seq, digest))
    return Told(name, head.seq, digest, key.public_key().public_bytes_raw().hex(), signature.hex())


def _signed(node: str, incarnation: str, seq: int, digest: str) -> bytes:
    return b"\n".join((_PURPOSE, node.encode(), incarnation.encode(), str(seq).encode(), digest.encode()))


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Who stands where."""

    parent: str
    """Empty at the top."""
    is_linked: Callable[[str], bool]
    children: Callable[[], list[str]]
    """Children with an open link, sorted."""
    incarnation_of: Callable[[str], int | None]
    """Of a linked neighbour, as its handshake said; None without a link."""
    keys_of: Callable[[str], tuple[bytes, ...]]
    """Certified manifest keys of a node."""

    def witnesses(self) -> list[str]:
        """The linked neighbours that this node tells."""
        if self.parent:
            return [self.parent] if self.is_linked(self.parent) else []
        return self.children()[:CHILDREN_TOLD_MAX]


@dataclass(slots=True)
class _Session:
    """What a witness was told since its link came up."""

    seq: int
    at_s: float


@dataclass(slots=True)
class WitnessDesk:
    """Both sides, for one node."""

    desk: AuditDesk
    queries: QueryDesk
    neighbours: Neighbours
    key: Callable[[], Ed25519PrivateKey]
    clock: Clock
    newest: dict[str, Told] = field(default_factory=dict)
    """By witness: the newest end of this log that it says it has entered."""
    _told: dict[str, _Session] = field(default_factory=dict)
    _noted_us: dict[str, int] = field(default_factory=dict)
    _contradicted: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Answer from now on."""
        self.queries.neighbours[WITNESS] = self.heard

    def troubles(self) -> list[str]:
        """Words for the status."""
        return [CONTRADICTED] * bool(self._contradicted)

    def facts(self) -> list[dict[str, object]]:
        """What the witnesses have, for the status."""
        return [{"peer": peer, "seq": entry.seq, "at_us": entry.at_us} for peer, entry in sorted(self.newest.items())]

    def own_key(self) -> str:
        """What this node signs with, as peers know it."""
        return self.key().public_key().public_bytes_raw().hex()

    # ---- telling

    async def run(self) -> None:
        """Tell the end of the log when a link begins and while it moves, for as long as the node runs."""
        while True:
            for peer in set(self._told) - set(self.neighbours.witnesses()):
                del self._told[peer]
            for peer in self.neighbours.witnesses():
                if self._is_due(peer):
                    await self._tell(peer)
            await asyncio.sleep(LOOK_EVERY_S)

    def _is_due(self, peer: str) -> bool:
        head, last = self.desk.journal.audit.head, self._told.get(peer)
        if not head.seq or last is None:
            return bool(head.seq)
        has_aged = self._now_s() - last.at_s >= TELL_EVERY_S
        return head.seq - last.seq >= TELL_ENTRIES_MAX or (has_aged and head.seq > last.seq)

    async def _tell(self, peer: str) -> None:
        self._told[peer] = _Session(self.desk.journal.audit.head.seq, self._now_s())
        try:
            await self.ask(peer)
        except QueryError as error:
            # A neighbour that is busy or of an older version: it is told again with the next link or the next hour.
            log.info("the audit log is not witnessed by %s: %s", peer, error)

    async def ask(self, peer: str) -> list[Told]:
        """Tell a witness the end of this log as it is durable now; what it had entered before. Raises QueryError."""
        journal = self.desk.journal
        end = told(self.desk.node, journal.incarnation, journal.audit.head, self.key())
        try:
            answer = msgspec.json.decode(
                await self.queries.ask(peer, WITNESS, msgspec.json.encode(end), timeout_s=ASK_TIMEOUT_S), type=Witnessed
            )
        except UNREADABLE as error:
            raise QueryError(f"{peer} gave an answer that does not parse: {error}") from None
        known = [entry for entry in answer.witnessed if entry.is_of(self.desk.node)]
        if known:
            self.newest[peer] = known[0]
        return answer.witnessed

    # ---- witnessing

    async def heard(self, peer: str, body: bytes) -> bytes:
        """A neighbour tells its end. Raises QueryError for one that is not its own, or that cannot be entered now."""
        try:
            end = msgspec.json.decode(body, type=Told)
        except UNREADABLE as error:
            raise QueryError(f"the end of a log does not parse: {error}") from None
        self._check(peer, end)
        known = await asyncio.to_thread(self._known, peer)
        noted = self._may_note(peer, end, known)
        if noted:
            known = [await self._note(peer, end, known), *known][:WITNESSED_TOLD_MAX]
        return msgspec.json.encode(Witnessed(noted, known))

    def _check(self, peer: str, end: Told) -> None:
        if f"{self.neighbours.incarnation_of(peer) or 0:016x}" != end.incarnation:
            raise QueryError(f"{peer} told the end of incarnation {end.incarnation}, its link is of another one")
        if bytes.fromhex(end.key) not in self.neighbours.keys_of(peer) or not end.is_of(peer):
            raise QueryError(f"the end that {peer} told is not signed with a certified key of {peer}")

    def _known(self, peer: str) -> list[Told]:
        return self.desk.journal.look("read of witnessed logs", lambda connection: witnessed(connection, peer))

    def _may_note(self, peer: str, end: Told, known: Sequence[Told]) -> bool:
        now_us = self.clock.wall_us()
        if known and (known[0].incarnation, known[0].seq, known[0].hash) == (end.incarnation, end.seq, end.hash):
            return False
        return end.seq > 0 and abs(now_us - self._noted_us.get(peer, 0)) >= NOTE_EVERY_US

    async def _note(self, peer: str, end: Told, known: Sequence[Told]) -> Told:
        against = contradiction(end, known)
        detail = end.detail() | ({"contradicts": against.seq} if against else {})
        if against:
            self._contradicted.add(peer)
            log.warning("the audit log of %s is not the one that it told before: entry %d then, %d now", peer, against.seq, end.seq)
        now_us = self._noted_us[peer] = self.clock.wall_us()
        try:
            await self.desk.note(AuditKind.WITNESS, peer, by=peer, detail=detail)
        except AuditRefused as error:
            del self._noted_us[peer]
            raise QueryError(str(error)) from None
        return msgspec.structs.replace(end, at_us=now_us)

    def _now_s(self) -> float:
        return self.clock.now().us / MICROSECONDS


def contradiction(end: Told, known: Sequence[Told]) -> Told | None:
    """What was told before and cannot be of the same log: a later entry, or this one with another hash."""
    same = [entry for entry in known if entry.incarnation == end.incarnation]
    return next((entry for entry in same if entry.seq > end.seq or (entry.seq == end.seq and entry.hash != end.hash)), None)


def witnessed(connection: sqlite3.Connection, peer: str) -> list[Told]:
    """What this log holds of a neighbour's, newest first."""
    found = [_told_in(decode(data)) for (data,) in connection.execute(_ABOUT, (peer, WITNESSED_TOLD_MAX))]
    return [entry for entry in found if entry is not None]


def _told_in(entry: Entry) -> Told | None:
    try:
        return msgspec.convert(entry.detail | {"at_us": entry.at_us}, Told)
    except msgspec.ValidationError:
        return None
