"""Bounds of the wire that `sync.model.Limits` does not carry, and the small checks every message shares.

Owns: what a number, a digest or a text may be on the wire. Refuses with WireError, naming field and value. Called by the codec files only.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TypeVar

from sync.model import WireError

WIRE_FORMAT = 1
"""Version of the envelope this program writes."""
DIGEST_BYTES = 32
"""A SHA-256."""
SIGNATURE_BYTES = 64
"""An Ed25519 signature."""
NUMBER_MAX = (1 << 63) - 1
"""Numbers are stored in SQLite's signed 64-bit integers."""
SEQUENCE_MAX = (1 << 53) - 1
"""The highest sequence number a peer may name: a million records a second for 285 years, and sums over numbers stay far from 63 bits."""
HEADER_BYTES_MAX = 6 << 20
"""Encoded bytes of one batch header; the run table of a full frame with the longest names fits."""
SMALL_BYTES_MAX = 64 << 10
"""Encoded bytes of a message that holds no data: Hello, Ack, Refused, InForce, Stop."""
HEARTBEAT_BYTES_MAX = 8 << 20
"""Encoded bytes of a heartbeat; 4,096 statuses fit."""
REASON_CHARS_MAX = 4_096
"""A reason meant for a person; longer ones are cut by the encoder."""
REASON_CLASS_CHARS_MAX = 64
"""The class of a run's reason."""
SOFTWARE_CHARS_MAX = 64
ORDER_BYTES_MAX = 48 << 10
"""An attachment order that goes with a Stop: ten times what one with a chain of seven certificates has."""
ORDERS_MAX = 64
"""Attachment orders in one message."""
BUNDLES_MAX = 256
"""Policy bundles in one message."""
WANTED_MAX = 2_000
"""Resources of which a node wants slices; one that works with more takes whole bundles."""
HAVE_BYTES_MAX = 32 << 10
"""What a node says of the texts of slices that it has."""
POSITIONS_MAX = 64
"""Positions in one Hello; a newer program may have lanes that this one does not know."""
OVER_MAX = 8
"""Words of reasons that one InForce names as over."""
ISSUERS_MAX = 256
"""Issuers in a policy version."""
PARTS_MAX = 65_536
"""Frames of one span."""
DISTANCE_MAX = 64
"""Hops from the origin; a tree of five levels with foster parents stays far below."""
GRADE_MAX = 4
VERB_CHARS_MAX = 64
TERRITORY_CHARS_MAX = 15

_Member = TypeVar("_Member", bound=IntEnum)


class NotKnownError(WireError):
    """A value that this program has no word for, and a newer one may have."""


def check_number(value: int, field: str, *, least: int = 0, most: int = NUMBER_MAX) -> int:
    """`value` if it lies in `least`..`most`; raises WireError naming `field`."""
    if not least <= value <= most:
        raise WireError(f"{field} {value} refused: expected {least} to {most}")
    return value


def check_digest(value: bytes, field: str, *, may_be_empty: bool = False) -> bytes:
    """`value` if it is 32 bytes (or none, where allowed); raises WireError naming `field`."""
    if len(value) != DIGEST_BYTES and not (may_be_empty and not value):
        raise WireError(f"{field} of {len(value)} bytes refused: expected {DIGEST_BYTES}")
    return value


def check_text(value: str, field: str, *, chars_max: int) -> str:
    """`value` if it is short and free of control characters; raises WireError naming `field`."""
    if len(value) > chars_max:
        raise WireError(f"{field} of {len(value)} characters refused: at most {chars_max}")
    if not value.isprintable():
        raise WireError(f"{field} {value[:40]!r} refused: control characters are not allowed")
    return value


def check_count(count: int, field: str, *, most: int) -> None:
    """Raise WireError when there are more than `most` of `field`."""
    if count > most:
        raise WireError(f"{count} {field} refused: at most {most}")


def member(kind: type[_Member], number: int, field: str) -> _Member:
    """The member of a closed set with this number; raises NotKnownError naming `field` and the numbers there are."""
    try:
        return kind(number)
    except ValueError:
        known = ", ".join(str(entry.value) for entry in kind)
        raise NotKnownError(f"{field} {number} refused: expected one of {known}") from None


def cut(reason: str) -> str:
    """A reason for a person as it may travel: valid Unicode of at most REASON_CHARS_MAX characters."""
    return reason[:REASON_CHARS_MAX].encode("utf-8", "replace").decode("utf-8")
