"""Questions and answers of a proof as they cross a link, inside Query and Answer; everything from a peer is checked here.

A question carries a digest for each bucket; the answer speaks only of buckets that differ. Refuses what does not decode or passes a bound
(EqualityError).
"""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from node.untrusted import UNREADABLE
from sync.core.equality import BUCKET_NUMBERS
from sync.model import Direction, Lane, ModelError, Stream, SyncError, check_node_id

STREAMS_PER_QUESTION = 2_000
BUCKETS_PER_QUESTION = 20_000
"""A question ends at whichever comes first, so it stays below half a megabyte."""
DETAILS_PER_ANSWER = 8
"""Buckets that one answer speaks of; each takes up to 64 Ki hashes of 8 bytes."""
RANGES_BYTES_MAX = BUCKET_NUMBERS * 17

EQUALITY = "equality"
WHEREABOUTS = "whereabouts"
"""Verbs of Query that either neighbour may ask."""

Code = Annotated[str, Meta(min_length=1, max_length=128)]
Number = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Word = Annotated[int, Meta(ge=0)]
Read = TypeVar("Read", bound=msgspec.Struct)


class EqualityError(SyncError):
    """A proof could not be made; the text says what is missing."""


class AskedBucket(msgspec.Struct, frozen=True, array_like=True):
    """What the sender says of one bucket."""

    bucket: Annotated[int, Meta(ge=0, le=(1 << 47) - 1)]
    states: Word
    sum: Word
    rows: Annotated[int, Meta(ge=-1, le=BUCKET_NUMBERS)]
    """Rows in `sum`; -1 when they cannot be summed and only states are compared."""


class AskedStream(msgspec.Struct, frozen=True, array_like=True):
    """The buckets of one stream that were sent, up to a number."""

    origin: Code
    incarnation: Number
    lane: Annotated[int, Meta(ge=0, le=len(Lane) - 1)]
    upto: Number
    buckets: Annotated[list[AskedBucket], Meta(max_length=BUCKETS_PER_QUESTION)]


class Question(msgspec.Struct, frozen=True):
    """Do you have what I sent you?"""

    direction: Annotated[int, Meta(ge=0, le=len(Direction) - 1)]
    resource: Code
    has_rows: bool
    streams: Annotated[list[AskedStream], Meta(max_length=STREAMS_PER_QUESTION)]


class Detail(msgspec.Struct, frozen=True, array_like=True):
    """A bucket that differs: what it holds."""

    place: Annotated[int, Meta(ge=0, lt=STREAMS_PER_QUESTION)]
    """Place of the stream in the question."""
    bucket: Annotated[int, Meta(ge=0, le=(1 << 47) - 1)]
    ranges: Annotated[bytes, Meta(max_length=RANGES_BYTES_MAX)]
    """States as sync.core.equality.pack_range."""
    hashes: Annotated[bytes, Meta(max_length=BUCKET_NUMBERS * 8)]
    """Hash of the row of each number, 8 bytes little-endian, 0 where there is none; empty when the sums agree."""


class Verdict(msgspec.Struct, frozen=True):
    """The answer: nothing when all is equal."""

    details: Annotated[list[Detail], Meta(max_length=DETAILS_PER_ANSWER)] = []
    differing: Number = 0
    """Buckets that differ in all."""
    states_only: Number = 0
    """Buckets whose states agree and of which rows were let go here, or came another way: their sums say nothing."""


class Where(msgspec.Struct, frozen=True):
    """Where is this number at your place?"""

    origin: Code
    incarnation: Number
    lane: Annotated[int, Meta(ge=0, le=len(Lane) - 1)]
    resource: Code
    number: Number


class Whereabouts(msgspec.Struct, frozen=True):
    """What a node knows of one number."""

    state: Annotated[str, Meta(max_length=32)] = "pending"
    reason: Annotated[str, Meta(max_length=256)] = ""
    decider: Annotated[str, Meta(max_length=128)] = ""
    lsn: Number = 0
    """Position of the batch that holds or accounts for it; 0 for none."""
    source: Annotated[str, Meta(max_length=128)] = ""
    """Node that batch came from."""


def read(body: bytes, kind: type[Read]) -> Read:
    """A message of a peer; raises EqualityError."""
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except UNREADABLE as error:
        raise EqualityError(f"{kind.__name__.lower()} of {len(body)} bytes refused: {error}") from None


def stream_of(asked: AskedStream | Where, resource: str) -> Stream:
    """The stream a peer names; raises EqualityError for a name that can be none."""
    try:
        return Stream(check_node_id(asked.origin), asked.incarnation, Lane(asked.lane), resource)
    except ModelError as error:
        raise EqualityError(f"stream of {asked.origin[:64]!r} refused: {error}") from None
