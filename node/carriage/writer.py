"""Writes parcels: under a hidden name until whole and on disk, so that a stick pulled out leaves no half file under the final name.

Owns: the temporary file, the running hash, the ephemeral key. Called by packing.py and receipts.py.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from node.carriage.errors import CarriageError
from node.carriage.parcel import END_MAGIC, Header, LanePoint, Seal, back_of, framed, front_of
from node.carriage.stream import ChunkWriter, point_of, sealing_key
from node.files import sync_folder
from node.identity.keys import new_tls_key

TAIL_BYTES = 64
"""Bytes at the end of two files that are compared before a copy is skipped; they hold the signature's end and the length."""
_TEMPORARY = ".new"


@dataclass(frozen=True, slots=True)
class Sealing:
    """What a parcel is closed with: the target's certified key, and the sender's signature."""

    target_key: ec.EllipticCurvePublicKey
    sign: Callable[[bytes], bytes]


class ParcelWriter:
    """One parcel being written. Call `finish`, or `abandon` when it is not to be."""

    def __init__(self, path: Path, header: Header, sealing: Sealing) -> None:
        """`header` without its ephemeral key, which is drawn here."""
        ephemeral = new_tls_key()
        self.path = path
        self.header = msgspec.structs.replace(header, ephemeral=point_of(ephemeral.public_key()))
        self._sealing = sealing
        front = front_of(self.header)
        self._temporary = hidden(path)
        self._file = self._temporary.open("wb")
        self._digest = hashlib.sha256()
        self._size = 0
        self.write(front)
        key = sealing_key(ephemeral, sealing.target_key, hashlib.sha256(front).digest())
        self._chunks = ChunkWriter(self, key)  # type: ignore[arg-type]
        self._messages = 0
        self._plain_bytes = 0

    @property
    def size(self) -> int:
        """Bytes the file will have, roughly."""
        return self._size - self._chunks.size + self._plain_bytes

    def add(self, message: bytes) -> None:
        """Add one encoded message of the link."""
        data = framed(message)
        self._chunks.write(data)
        self._messages += 1
        self._plain_bytes += len(data)

    def finish(self, *, end: Sequence[LanePoint], parts: int) -> None:
        """Close and sign the parcel and give it its name."""
        self._chunks.close()
        seal = Seal(end=list(end), parts=parts, messages=self._messages, body_bytes=self._chunks.size)
        self._file.write(back_of(seal, sign=self._sealing.sign, digest=self._digest, size=self._size))
        settle(self._file.fileno(), self._file.flush)
        self._file.close()
        self._temporary.replace(self.path)
        sync_folder(self.path.parent)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self._temporary.unlink(missing_ok=True)

    def write(self, data: bytes) -> int:
        """Raw bytes of the file, hashed on their way; for the chunks only."""
        self._digest.update(data)
        self._size += len(data)
        return self._file.write(data)


def hidden(path: Path) -> Path:
    """The name a file has while it is written."""
    return path.with_name(f".{path.name}{_TEMPORARY}")


def settle(descriptor: int, flush: Callable[[], None]) -> None:
    """Bring what was written to the disk."""
    flush()
    os.fsync(descriptor)


def remove_temporaries(folder: Path) -> None:
    """Remove what a crash or a pulled stick left half written."""
    for path in folder.glob(f".*.parcel{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def lay(source: Path, folder: Path) -> Path:
    """Copy a finished parcel into `folder`, whole or not at all; a copy that is there already is left. Raises CarriageError."""
    target = folder / source.name
    try:
        if _is_same(source, target):
            return target
        temporary = hidden(target)
        try:
            with source.open("rb") as reading, temporary.open("wb") as writing:
                shutil.copyfileobj(reading, writing, 1 << 20)
                settle(writing.fileno(), writing.flush)
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(folder)
    except OSError as error:
        raise CarriageError(f"{target} cannot be written ({error.strerror}): free space there, or name another folder") from error
    return target


def _is_same(source: Path, target: Path) -> bool:
    return target.exists() and target.stat().st_size == source.stat().st_size and _tail(target) == _tail(source)


def _tail(path: Path) -> bytes:
    with path.open("rb") as file:
        file.seek(-min(TAIL_BYTES + len(END_MAGIC), path.stat().st_size), os.SEEK_END)
        return file.read()
