"""The parcel: one file that carries messages of a link from one node to one other.

    magic, format, header length | header (JSON) | body (encrypted, stream.py) | seal (JSON) | signature, seal length, length, end magic

The header says who, for whom and from which positions; the seal, known when the body is complete, to which. The signature is the sender's
Ed25519 node key's, over the hash of all that lies before it. The body is messages of the link (sync/wire), each behind its length.
Owns: the layout and its bounds. Refuses, before memory is spent, whatever is too long, unfinished, changed, of another format or for
another node. Who may send is the caller's question (`authorise`).
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from node.carriage.errors import ParcelRefused, ParcelUnfinished
from node.carriage.stream import POINT_BYTES, TAG_BYTES, BodyDamaged, opening_key, read_chunks
from node.untrusted import UNREADABLE
from sync.model import Direction, Lane, ModelError, check_node_id
from sync.transport.session import MESSAGE_BYTES_MAX
from sync.wire.bounds import DIGEST_BYTES, ISSUERS_MAX, NUMBER_MAX

PARCEL_FORMAT = 1
SUFFIX = ".parcel"
MAGIC, END_MAGIC = b"YNPARCEL", b"YNPAREND"
HEADER_BYTES_MAX = 256 << 10
SEAL_BYTES_MAX = 64 << 10
PARCEL_BYTES_MAX = 8 << 30
"""Bytes of one file; a part is closed long before."""
MESSAGES_MAX = 1 << 22
_FRONT = struct.Struct(">8sHI")
_BACK = struct.Struct(">64sIQ8s")
_LENGTH = struct.Struct(">I")
_READ_BYTES = 1 << 20


class LanePoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A position of one lane in the sender's journal, with the manifest chain there."""

    lane: int
    upto: int
    chain: bytes


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a parcel before its body is written."""

    kind: Literal["data", "receipt"]
    sender: str
    target: str
    sender_incarnation: int
    target_incarnation: int
    """0 while the sender has never heard of the target."""
    number: int
    """Ascending with every file of this life of the sender for the target: tells an older file from a newer one."""
    serial: int
    """Ascending per sender and target, without gaps among data parcels; 0 for a receipt."""
    part: int
    """Number of the file in its export, from 1."""
    policy: list[tuple[str, int]]
    """The sender's policy version, (issuer, epoch) ascending."""
    direction: int
    start: list[LanePoint]
    created_wall_us: int
    created_counter: int
    ephemeral: bytes
    chain_pem: str


class Seal(msgspec.Struct, frozen=True, kw_only=True):
    """What is known when the body is complete."""

    end: list[LanePoint]
    parts: int
    """Files of the export, known in its last one; 0 in the others."""
    messages: int
    body_bytes: int


@dataclass(frozen=True, slots=True)
class Opened:
    """A parcel whose layout, target and signature hold."""

    path: Path
    header: Header
    seal: Seal
    header_sha256: bytes
    body_at: int
    key: bytes
    """Content key: only who signed the header, and this node, can have it."""

    def messages(self) -> Iterator[bytes]:
        """The messages of the body in order; raises ParcelRefused when the file was changed after it was opened."""
        try:
            with self.path.open("rb") as file:
                file.seek(self.body_at)
                yield from _messages(read_chunks(file, self.key, self.seal.body_bytes), self.path)
        except BodyDamaged as error:
            raise ParcelRefused(self.path, f"{error}: copy the file again") from None
        except OSError as error:
            raise ParcelRefused(self.path, f"it cannot be read ({error.strerror}): is the stick still there?") from None


def front_of(header: Header) -> bytes:
    """The bytes of a parcel before its body."""
    encoded = msgspec.json.encode(header)
    assert len(encoded) <= HEADER_BYTES_MAX, "a header beyond its own bound"
    return _FRONT.pack(MAGIC, PARCEL_FORMAT, len(encoded)) + encoded


def back_of(seal: Seal, *, sign: Callable[[bytes], bytes], digest: hashlib._Hash, size: int) -> bytes:
    """The bytes of a parcel behind its body; `digest` and `size` cover everything before them."""
    encoded = msgspec.json.encode(seal)
    assert len(encoded) <= SEAL_BYTES_MAX, "a seal beyond its own bound"
    digest.update(encoded)
    total = size + len(encoded) + _BACK.size
    return encoded + _BACK.pack(sign(digest.digest()), len(encoded), total, END_MAGIC)


def framed(message: bytes) -> bytes:
    """A message as it lies in the body."""
    return _LENGTH.pack(len(message)) + message


def peek_header(path: Path) -> Header:
    """The header of a file of our own; nothing is verified. Raises ParcelRefused."""
    with _opened(path) as file:
        return _read_front(file, path)[0]


def peek_seal(path: Path) -> Seal:
    """The seal of a file of our own; nothing is verified. Raises ParcelRefused."""
    with _opened(path) as file:
        return _read_back(file, path)[0]


def open_parcel(
    path: Path, *, own: str, key: ec.EllipticCurvePrivateKey, authorise: Callable[[Header], bytes]
) -> Opened:
    """The parcel at `path`, wholly verified but not yet decrypted.

    `authorise` gives the Ed25519 key of a sender that may send here, and raises otherwise. Raises ParcelRefused.
    """
    with _opened(path) as file:
        header, front = _read_front(file, path)
        refuse_foreign(path, header, own)
        seal, signature, sealed_at = _read_back(file, path)
        if len(front) + seal.body_bytes != sealed_at or seal.body_bytes < TAG_BYTES:
            raise ParcelRefused(path, f"its seal speaks of {seal.body_bytes} bytes where there are {sealed_at - len(front)}: copy it again")
        public = Ed25519PublicKey.from_public_bytes(authorise(header))
        try:
            public.verify(signature, _hash_of(file, sealed_at, path))
        except InvalidSignature:
            raise ParcelRefused(path, f"it is not as {header.sender} signed it: copy the file again") from None
    header_sha256 = hashlib.sha256(front).digest()
    try:
        content_key = opening_key(key, header.ephemeral, header_sha256)
    except ValueError:
        raise ParcelRefused(path, "its key is no point of the curve: make it again") from None
    return Opened(path, header, seal, header_sha256, len(front), content_key)


def refuse_foreign(path: Path, header: Header, own: str) -> None:
    """Raise ParcelRefused unless the parcel is for the node `own`."""
    if header.target != own:
        raise ParcelRefused(path, f"it is for {header.target}, this node is {own}: take it there")


def _opened(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
        size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise ParcelRefused(path, f"it cannot be read ({error.strerror}): check the path and the stick") from None
    if size > PARCEL_BYTES_MAX:
        file.close()
        raise ParcelRefused(path, f"{size} bytes are more than a parcel may have ({PARCEL_BYTES_MAX}): export with a smaller --part-mb")
    return file


def _read_front(file: BinaryIO, path: Path) -> tuple[Header, bytes]:
    file.seek(0)
    fixed = file.read(_FRONT.size)
    if len(fixed) < _FRONT.size:
        raise ParcelUnfinished(path, f"it has {len(fixed)} bytes only: wait for the copy, or copy it again")
    magic, version, length = _FRONT.unpack(fixed)
    if magic != MAGIC:
        raise ParcelRefused(path, f"it is no parcel: `yunnao bundle export` writes them, named *{SUFFIX}")
    if version != PARCEL_FORMAT:
        raise ParcelRefused(path, f"it has format {version}, this program reads {PARCEL_FORMAT}: update the older of the two nodes")
    if length > HEADER_BYTES_MAX:
        raise ParcelRefused(path, f"its header of {length} bytes is over {HEADER_BYTES_MAX}: copy it again")
    encoded = file.read(length)
    if len(encoded) < length:
        raise ParcelUnfinished(path, f"it ends inside its header, after {len(encoded)} bytes of it: wait for the copy, or copy it again")
    try:
        header = msgspec.json.decode(encoded, type=Header)
        _check_header(header)
    except (*UNREADABLE, ModelError, ValueError) as error:
        raise ParcelRefused(path, f"its header does not parse ({error}): copy it again") from None
    return header, fixed + encoded


def _check_header(header: Header) -> None:
    """Raise ValueError or ModelError for values that no node writes; whoever signed them."""
    check_node_id(header.sender)
    check_node_id(header.target)
    Direction(header.direction)
    _check_points(header.start)
    if len(header.ephemeral) != POINT_BYTES:
        raise ValueError(f"a key of {len(header.ephemeral)} bytes, not {POINT_BYTES}")
    if len(header.policy) > ISSUERS_MAX:
        raise ValueError(f"{len(header.policy)} policy issuers, at most {ISSUERS_MAX}")


def _check_points(points: list[LanePoint]) -> None:
    lanes = [Lane(point.lane) for point in points]
    if len(set(lanes)) != len(lanes):
        raise ValueError("a lane that is named twice")
    for point in points:
        if not 0 <= point.upto <= NUMBER_MAX or len(point.chain) != DIGEST_BYTES:
            raise ValueError(f"position {point.upto} of lane {point.lane} with a chain of {len(point.chain)} bytes")


def _read_back(file: BinaryIO, path: Path) -> tuple[Seal, bytes, int]:
    """The seal, the signature, and where the seal begins."""
    size = os.fstat(file.fileno()).st_size
    if size < _FRONT.size + _BACK.size:
        raise ParcelUnfinished(path, f"it has {size} bytes only: wait for the copy, or copy it again")
    file.seek(size - _BACK.size)
    signature, length, total, magic = _BACK.unpack(file.read(_BACK.size))
    if magic != END_MAGIC or total != size:
        raise ParcelUnfinished(path, f"its end is missing ({size} bytes are here): wait for the copy, or copy it again")
    sealed_at = size - _BACK.size - length
    if length > SEAL_BYTES_MAX or sealed_at < _FRONT.size:
        raise ParcelRefused(path, f"its seal of {length} bytes cannot be: copy it again")
    file.seek(sealed_at)
    try:
        seal = msgspec.json.decode(file.read(length), type=Seal)
        _check_points(seal.end)
    except (*UNREADABLE, ValueError) as error:
        raise ParcelRefused(path, f"its seal does not parse ({error}): copy it again") from None
    return seal, signature, sealed_at


def _hash_of(file: BinaryIO, sealed_at: int, path: Path) -> bytes:
    digest = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _BACK.size
    assert left >= sealed_at, "a seal behind the end"
    file.seek(0)
    while left:
        data = file.read(min(left, _READ_BYTES))
        if not data:
            raise ParcelUnfinished(path, "it became shorter while it was read: wait for the copy, or copy it again")
        digest.update(data)
        left -= len(data)
    return digest.digest()


def _messages(chunks: Iterator[bytes], path: Path) -> Iterator[bytes]:
    waiting, count = bytearray(), 0
    for chunk in chunks:
        waiting += chunk
        at = 0
        while len(waiting) >= at + _LENGTH.size:
            (size,) = _LENGTH.unpack_from(waiting, at)
            if size > MESSAGE_BYTES_MAX or count >= MESSAGES_MAX:
                raise ParcelRefused(path, f"message {count} of {size} bytes is over {MESSAGE_BYTES_MAX}: make the file again")
            end = at + _LENGTH.size + size
            if len(waiting) < end:
                break
            yield bytes(waiting[at + _LENGTH.size : end])
            at, count = end, count + 1
        del waiting[:at]
    if waiting:
        raise ParcelRefused(path, f"its last message breaks off after {len(waiting)} bytes: make the file again")
