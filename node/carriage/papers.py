"""What this node keeps about each peer it carries files to: its certificate, what it said last, and the parts it has not receipted.

    <data>/carriage/<peer>/state.json   Paper     <data>/carriage/<peer>/chain.pem   its chain, leaf first
    <data>/carriage/<peer>/out/         parts without a receipt, as they were signed

Owns: that folder. Called by the other modules of this package; nobody else reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from node.carriage.errors import CarriageError
from node.carriage.parcel import SUFFIX, Header, LanePoint, Seal, peek_header, peek_seal
from node.carriage.writer import remove_temporaries
from node.files import write_durably
from node.untrusted import UNREADABLE
from sync.core.messages import Hello, Position
from sync.core.outbox import UnderWay
from sync.model import EMPTY_CHAIN, Lane
from sync.wire.codec import decode, encode

INCARNATIONS_MAX = 64
"""Former lives of a peer that are remembered, so that a file of one is not taken for news."""


class Told(msgspec.Struct, frozen=True):
    """What a peer's newest file said of one lane, and the mark that was noted then."""

    upto: int
    chain: bytes
    mark_wire: int


class Paper(msgspec.Struct, kw_only=True):
    """The durable facts about one peer; times are microseconds since 1970 UTC, 0 for never."""

    format: int = 1
    hello: bytes = b""
    """The newest Hello heard, as on the wire."""
    heard_number: int = 0
    """Number of the file it came in; a clock may step back, a number does not."""
    incarnations: list[int] = []
    told: dict[int, Told] = {}
    cursors: dict[int, tuple[int, int]] = {}
    """Per lane: (wire, how far the journal was read for the frames up to it)."""
    number: int = 0
    """Files written for the peer so far."""
    serial: int = 0
    """Data parts written for the peer so far."""
    means: str = "stick"
    exported_us: int = 0
    imported_us: int = 0
    receipt_us: int = 0
    """When a receipt of the peer was taken last."""
    issued: str = ""
    """The CA certificate chain that was issued to a child that asked by file, until it shows that it has it."""

    def heard(self) -> Hello | None:
        """The newest Hello of the peer."""
        message = decode(self.hello) if self.hello else None
        return message if isinstance(message, Hello) else None

    def is_news(self, header: Header) -> bool:
        """True when the file of this header is younger than the newest one heard: only then may it move a mark."""
        life = header.sender_incarnation
        if life not in self.incarnations:
            return True
        return life == self.incarnations[-1] and header.number > self.heard_number

    def hear(self, header: Header, hello: Hello) -> None:
        """Remember the Hello of a newer file."""
        self.hello, self.heard_number = encode(hello), header.number
        lives = [life for life in self.incarnations if life != header.sender_incarnation]
        self.incarnations = [*lives, header.sender_incarnation][-INCARNATIONS_MAX:]


@dataclass(frozen=True, slots=True)
class Part:
    """A finished part that no receipt covers yet."""

    path: Path
    header: Header
    seal: Seal


class Papers:
    """The papers of all peers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def peers(self) -> list[str]:
        """Peers of whom there are papers, sorted."""
        return sorted(path.parent.name for path in self._folder.glob("*/state.json"))

    def read(self, peer: str) -> Paper:
        """The paper of a peer, an empty one when there is none; raises CarriageError for one that does not parse."""
        path = self._folder / peer / "state.json"
        if not path.exists():
            return Paper()
        try:
            return msgspec.json.decode(path.read_bytes(), type=Paper)
        except UNREADABLE as error:
            raise CarriageError(f"{path} does not parse ({error}): remove it, then import a new file of {peer}") from None

    def write(self, peer: str, paper: Paper) -> None:
        """Keep a paper, durably."""
        (self._folder / peer).mkdir(mode=0o700, parents=True, exist_ok=True)
        write_durably(self._folder / peer / "state.json", msgspec.json.encode(paper))

    def chain(self, peer: str) -> bytes:
        """The newest certificate chain the peer showed in a file; empty when it showed none."""
        path = self._folder / peer / "chain.pem"
        return path.read_bytes() if path.exists() else b""

    def keep_chain(self, peer: str, pem: bytes) -> None:
        """Keep the chain of a verified file."""
        if self.chain(peer) != pem:
            (self._folder / peer).mkdir(mode=0o700, parents=True, exist_ok=True)
            write_durably(self._folder / peer / "chain.pem", pem)

    def out(self, peer: str) -> Path:
        """The folder of parts without a receipt."""
        folder = self._folder / peer / "out"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def parts(self, peer: str) -> list[Part]:
        """The parts without a receipt, in order."""
        folder = self.out(peer)
        remove_temporaries(folder)
        found = [Part(path, peek_header(path), peek_seal(path)) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        return sorted(found, key=lambda part: part.header.serial)


def settled(parts: list[Part], known: Mapping[Lane, Position], *, incarnation: int, policy: list[tuple[str, int]]) -> list[Part]:
    """The parts that are still to arrive and may still be given away.

    A part that the peer has is done. One made under another policy, in a former life or on a history that the peer does not continue is
    void, and so are those behind it: their records are exported again.
    """
    waiting = [part for part in parts if any(point.upto > known[Lane(point.lane)].upto for point in part.seal.end)]
    kept: list[Part] = []
    at = {lane: LanePoint(int(lane), position.upto, position.chain) for lane, position in known.items()}
    for part in waiting:
        is_valid = part.header.sender_incarnation == incarnation and part.header.policy == policy
        if not is_valid or not all(_continues(point, at[Lane(point.lane)], part.seal) for point in part.header.start):
            break
        kept.append(part)
        at |= {Lane(point.lane): point for point in part.seal.end if point.upto >= at[Lane(point.lane)].upto}
    return kept


def _continues(start: LanePoint, at: LanePoint, seal: Seal) -> bool:
    if start.upto == at.upto:
        return start.chain == at.chain
    # Inside the part: an import was cut short, and the rest of the file continues it.
    end = next((point for point in seal.end if point.lane == start.lane), start)
    return start.upto < at.upto <= end.upto and (at.upto < end.upto or at.chain == end.chain)


def under_way_of(parts: list[Part], known: Mapping[Lane, Position], cursors: Mapping[int, tuple[int, int]]) -> dict[Lane, UnderWay]:
    """Where the last of `parts` leads, for every lane in which it leads beyond what the peer is known to have."""
    if not parts:
        return {}
    found: dict[Lane, UnderWay] = {}
    for point in parts[-1].seal.end:
        lane = Lane(point.lane)
        if point.upto > known[lane].upto:
            wire, cursor = cursors.get(point.lane, (0, 0))
            found[lane] = UnderWay(point.upto, cursor if wire == point.upto else point.upto, point.chain)
    return found


def points_of(known: Mapping[Lane, Position], under_way: Mapping[Lane, UnderWay]) -> list[LanePoint]:
    """Where a new part begins, lane by lane."""
    return [
        LanePoint(int(lane), ahead.wire, ahead.chain)
        if (ahead := under_way.get(lane)) is not None
        else LanePoint(int(lane), position.upto, position.chain if position.upto else EMPTY_CHAIN)
        for lane, position in sorted(known.items())
    ]
