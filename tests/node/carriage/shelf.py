"""Two certified nodes and the parcels between them, without a network or a running node."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec

from node.carriage.parcel import Header, LanePoint, Opened, open_parcel
from node.carriage.writer import ParcelWriter, Sealing
from node.identity.files import IdentityFiles
from node.identity.keys import read_manifest_key, read_tls_key
from node.identity.verify import load_chain, verify_chain
from sync.model import EMPTY_CHAIN, Batch, BatchHeader, Direction, Frame, Lane, Manifest, Run, Span, next_chain
from tests.node.identity.family import CITY, PROVINCE, make_node

START = [LanePoint(int(lane), 0, EMPTY_CHAIN) for lane in Lane]


@dataclass(slots=True)
class Desk:
    """The province and its city."""

    top: IdentityFiles
    low: IdentityFiles

    def header(self, **changes: object) -> Header:
        """The header of the city's first part for the province."""
        fields: dict[str, object] = {
            "kind": "data", "sender": "qingdao", "target": "shandong", "sender_incarnation": 7, "target_incarnation": 9, "number": 1,
            "serial": 1, "part": 1, "policy": [("shandong", 1)], "direction": int(Direction.UP), "start": START, "created_wall_us": 5,
            "created_counter": 0, "ephemeral": b"", "chain_pem": self.low.tls().chain_pem.decode(),
        }  # fmt: skip
        return Header(**{**fields, **changes})  # type: ignore[arg-type]

    def sealing(self) -> Sealing:
        """How the city closes a file for the province."""
        key = load_chain(self.top.tls().chain_pem)[0].public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        return Sealing(key, read_manifest_key(self.low.key("manifest")).sign)

    def write(self, path: Path, messages: Sequence[bytes] = (b"one", b"two"), **changes: object) -> Path:
        """A finished parcel of the city for the province."""
        writer = ParcelWriter(path, self.header(**changes), self.sealing())
        for message in messages:
            writer.add(message)
        writer.finish(end=START, parts=1)
        return path

    def open(self, path: Path) -> Opened:
        """As the province opens it."""
        return open_parcel(path, own="shandong", key=read_tls_key(self.top.key("tls")), authorise=self.authorise)

    def authorise(self, header: Header) -> bytes:
        """The sender's manifest key, if its chain holds."""
        return verify_chain(header.chain_pem.encode(), root_pem=self.top.root_pem(), now_us=None).manifest_key


def make_desk(folder: Path) -> Desk:
    """Keys and certificates of both."""
    top = make_node(folder, PROVINCE)
    return Desk(top, make_node(folder, CITY, parent=top))


def frame(after: int, upto: int, *, part: int = 0, parts: int = 1, lane: Lane = Lane.BULK, payload: bytes = b"") -> Frame:
    """A frame of the city that the codec takes."""
    digest = hashlib.sha256(payload).digest()
    run = Run("qingdao", 7, upto, upto, 0)
    header = BatchHeader("air-quality", lane, 1, 1, (run,), digest, len(payload), 8, 1, 1, 1, ("3702",), origin_distance=1)
    mark = hashlib.sha256(b"%d %d %d" % (after, upto, part)).digest()
    return Frame(lane, Direction.UP, Span(after, upto), part, parts, Batch(header, payload, Manifest("qingdao", mark, (), bytes(64))))


def chain_after(chain: bytes, *frames: Frame) -> bytes:
    """The manifest chain once `frames` followed."""
    for entry in frames:
        assert entry.batch.manifest is not None
        chain = next_chain(chain, entry.batch.manifest.digest)
    return chain
