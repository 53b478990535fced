"""The question for a damaged batch and its answer, inside Query and Answer; everything from a peer is checked here."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from node.untrusted import UNREADABLE
from sync.model import Lane, SyncError

REPAIR = "repair"
"""Verb of Query that either neighbour may ask."""
RUNS_MAX = 65_536
PAYLOAD_BYTES_MAX = 15 << 20

Read = TypeVar("Read", bound=msgspec.Struct)


class RepairError(SyncError):
    """A question or answer about a damaged batch that makes no sense."""


class AskedRun(msgspec.Struct, frozen=True, array_like=True):
    """Records whose bytes are damaged."""

    origin: Annotated[str, Meta(min_length=1, max_length=128)]
    incarnation: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
    first: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
    last: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]


class Question(msgspec.Struct, frozen=True):
    """Have you the bytes of this batch?"""

    payload_sha256: Annotated[bytes, Meta(min_length=32, max_length=32)]
    resource: Annotated[str, Meta(min_length=1, max_length=128)]
    lane: Annotated[int, Meta(ge=0, le=len(Lane) - 1)]
    runs: Annotated[list[AskedRun], Meta(min_length=1, max_length=RUNS_MAX)]


class Reply(msgspec.Struct, frozen=True):
    """What a neighbour can do."""

    payload: Annotated[bytes, Meta(max_length=PAYLOAD_BYTES_MAX)] = b""
    """The bytes asked for; empty when there are none."""
    resent: Annotated[int, Meta(ge=0, le=1 << 20)] = 0
    """Batches that hold such records, which the neighbour sends again in the form that its policy gives now."""
    later: bool = False
    """True when the neighbour had it, and its own copy is damaged or out of reach at the moment: ask again. Older programs never say so,
    and leave it out of account."""


def read(body: bytes, kind: type[Read]) -> Read:
    """A message of a peer; raises RepairError."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except UNREADABLE as error:
        raise RepairError(f"{kind.__name__.lower()} of {len(body)} bytes refused: {error}") from None
