"""One entry of the audit log as bytes and as a value, and the hash that ties it to the one before.

Owns the layout, which never changes: a JSON array `[seq, time, kind, subject, by, detail]`, keys sorted, no spaces, UTF-8; the hash is
SHA-256 over the previous hash and these bytes. What looks like the number of a person is blotted out before it is hashed; anything but
short words, numbers and lists of them is refused. Pure. Called by book.py (to write), walk.py and reading.py (to read).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from node.audit.errors import AuditRefused
from node.audit.words import AuditKind
from node.untrusted import UNREADABLE

FIRST_PREVIOUS = bytes(32)
"""The previous hash of entry 1."""
TEXT_CHARS_MAX = 200
"""Characters of a subject, a name or one text of the detail."""
DETAIL_KEYS_MAX = 32
LIST_ITEMS_MAX = 64
DETAIL_BYTES_MAX = 4_096
BLOT = "[number withheld]"
"""Stands where the number of a person stood."""

Scalar = str | int | bool
Detail = Mapping[str, "Scalar | list[str] | list[int]"]

_PERSONAL = re.compile(r"(?<![0-9A-Za-z])(?:\d{17}[\dXx]|1[3-9]\d{9})(?![0-9A-Za-z])")
"""Resident ids and mobile numbers, as whole words: hashes, ids and territory codes keep their digits."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An entry that is to be written."""

    kind: AuditKind
    subject: str
    by: str
    detail: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry as it stands in the log."""

    seq: int
    at_us: int
    """Wall clock of the node when it was written, microseconds since 1970 UTC."""
    kind: str
    """A word of AuditKind, or one that only a newer program knows."""
    subject: str
    by: str
    detail: dict[str, object]


def wanted(kind: AuditKind, subject: str, by: str, detail: Detail) -> Wanted:
    """An entry without the numbers of persons; raises AuditRefused for what is too long or no plain value."""
    clean = {_text(key, "a key"): _value(key, value) for key, value in detail.items()}
    entry = Wanted(kind, _text(subject, "the subject"), _text(by, "the name"), clean)
    size = len(encode(1, 0, entry))
    if len(clean) > DETAIL_KEYS_MAX or size > DETAIL_BYTES_MAX:
        raise AuditRefused(
            f"audit entry {kind} of {subject[:40]!r} refused: {len(clean)} keys in {size} bytes, at most {DETAIL_KEYS_MAX} in "
            f"{DETAIL_BYTES_MAX}; put the rest where it belongs and name its hash"
        )
    return entry


def encode(seq: int, at_us: int, entry: Wanted) -> bytes:
    """The bytes that are hashed and stored."""
    return msgspec.json.encode([seq, at_us, entry.kind.value, entry.subject, entry.by, entry.detail], order="deterministic")


def decode(data: bytes | str) -> Entry:
    """The entry in these bytes; raises AuditRefused when they are none."""
    try:
        seq, at_us, kind, subject, by, detail = msgspec.json.decode(data, type=tuple[int, int, str, str, str, dict[str, object]])
    except UNREADABLE as error:
        raise AuditRefused(f"an entry of the audit log does not parse: {error}") from None
    return Entry(seq, at_us, kind, subject, by, detail)


def chained(previous: bytes, data: bytes) -> bytes:
    """The hash of an entry behind the one with hash `previous`."""
    return hashlib.sha256(previous + data).digest()


def _value(key: str, value: object) -> object:
    if isinstance(value, list | tuple):
        if len(value) > LIST_ITEMS_MAX:
            raise AuditRefused(f"audit detail {key!r} refused: {len(value)} items, at most {LIST_ITEMS_MAX}; give a count and a hash")
        return [_value(key, item) for item in value]
    if isinstance(value, str):
        return _text(value, f"detail {key!r}")
    if isinstance(value, bool | int):
        return value
    raise AuditRefused(f"audit detail {key!r} refused: {type(value).__name__}; give text, a number, or a list of them")


def _text(value: str, what: str) -> str:
    if len(value) > TEXT_CHARS_MAX:
        raise AuditRefused(f"audit entry refused: {what} has {len(value)} characters, at most {TEXT_CHARS_MAX}; name it by a hash")
    return _PERSONAL.sub(BLOT, value)
