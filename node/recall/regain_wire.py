"""The question for records whose recall is over and its answer, inside Query and Answer; everything from a peer is checked here."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from node.recall.errors import RecallError
from node.repair.wire import AskedRun
from node.untrusted import UNREADABLE
from sync.model import Lane

REGAIN = "regain"
"""Verb of Query that either neighbour may ask."""
RUNS_MAX = 4_096
"""Stretches of numbers of one question."""

Read = TypeVar("Read", bound=msgspec.Struct)


class RegainQuestion(msgspec.Struct, frozen=True):
    """Send these records again: they were recalled at whoever asks, and the order is over there."""

    resource: Annotated[str, Meta(min_length=1, max_length=128)]
    lane: Annotated[int, Meta(ge=0, le=len(Lane) - 1)]
    runs: Annotated[list[AskedRun], Meta(min_length=1, max_length=RUNS_MAX)]


class RegainReply(msgspec.Struct, frozen=True):
    """What becomes of it."""

    records: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)] = 0
    """Records that are sent again, as backfill."""
    later: bool = False
    """True when earlier ones are still on their way, or there is more: ask again."""


def read(body: bytes, kind: type[Read]) -> Read:
    """A message of a peer; raises RecallError."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except UNREADABLE as error:
        raise RecallError(f"{kind.__name__.lower()} of {len(body)} bytes refused: {error}") from None
