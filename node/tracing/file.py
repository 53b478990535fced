"""The file of a recording: a header, then records, each with its length before it, in MessagePack.

Layout, version 1: `YNTR`, version (2 bytes), then for each record its length (4 bytes, big-endian) and its bytes. The first record is a
Snapshot, the last an End; between them inputs and, after those of one turn, a Turn. Bytes are hostile until read here: every bound is
checked before memory is spent, and what does not fit is a TraceError that says whether the file is foreign, newer, cut off, damaged or
too large. Called by desk.py and simulations/replay.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, TypeVar

import msgspec

from node.tracing.errors import TraceError
from node.tracing.inputs import AnyInput, Input
from node.tracing.outlines import Outline
from node.untrusted import UNREADABLE
from sync.core.bearers import Standing
from sync.core.pacing import Cap
from sync.model import ClockQuality, Direction, Lane, Limits, ModelError, PolicyVersion, RunMap, Stream
from sync.model.writes import AppendRefusal, InPosition, OutMark, Recovered

MAGIC = b"YNTR"
FORMAT = 1
_FORMAT_BYTES, _LENGTH_BYTES = 2, 4
HEADER = MAGIC + FORMAT.to_bytes(_FORMAT_BYTES, "big")
RECORD_BYTES_MAX = 64 << 20
"""The largest record is the snapshot of a relay with ten thousand origins: a few megabytes."""
FILE_BYTES_MAX = 1 << 30
"""A recording that claims more is not read."""
NAME_SHOWN_MAX = 80


class Snapshot(msgspec.Struct, frozen=True, tag_field="input", tag="snapshot"):
    """What the engine was made of when the recording began."""

    software: str
    node: str
    incarnation: int
    has_parent: bool
    version: PolicyVersion
    limits: Limits
    clock: ClockQuality
    fresh_first: tuple[Lane, ...]
    caps: tuple[Cap, ...]
    standing: Standing
    us: int
    """The node's monotonic clock."""
    last_lsn: int
    lane_tops: tuple[tuple[Lane, int], ...]
    streams: tuple[tuple[Stream, bytes], ...]
    """Run maps as RunMap.encode."""
    out_marks: tuple[tuple[str, Direction, Lane, OutMark], ...]
    in_positions: tuple[tuple[str, int, Direction, Lane, InPosition], ...]
    bearers: tuple[tuple[str, int, str], ...]
    refusals: tuple[AppendRefusal, ...]

    def recovered(self) -> Recovered:
        """What the engine begins with; raises TraceError when a run map is none."""
        try:
            streams = {stream: RunMap.decode(blob) for stream, blob in self.streams}
        except ModelError as error:
            raise TraceError(f"the snapshot of {self.node[:NAME_SHOWN_MAX]} is damaged ({error}): make another recording") from None
        return Recovered(
            last_lsn=self.last_lsn,
            lane_tops=dict(self.lane_tops),
            streams=streams,
            out_marks={(peer, way, lane): mark for peer, way, lane, mark in self.out_marks},
            in_positions={(peer, life, way, lane): position for peer, life, way, lane, position in self.in_positions},
            bearers=self.bearers,
            refusals=self.refusals,
        )


class Turn(msgspec.Struct, frozen=True, tag_field="input", tag="turn", array_like=True):
    """The inputs before this were one turn: what it led to."""

    us: int
    outline: Outline


class End(msgspec.Struct, frozen=True, tag_field="input", tag="end", array_like=True):
    """The recording ended by itself; without this record its file is cut off."""

    us: int
    inputs: int
    turns: int
    reason: str


Record = Snapshot | AnyInput | Turn | End
Read = TypeVar("Read")
_encoder = msgspec.msgpack.Encoder()
_first = msgspec.msgpack.Decoder(Snapshot)
_others = msgspec.msgpack.Decoder(AnyInput | Turn | End)


def encoded(record: Snapshot | Input | Turn | End) -> bytes:
    """A record as it stands in the file; raises TraceError for one above the bound."""
    body = _encoder.encode(record)
    if len(body) > RECORD_BYTES_MAX:
        raise TraceError(f"a record of {len(body)} bytes refused: a recording takes {RECORD_BYTES_MAX} at most for one")
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def read_trace(file: IO[bytes], name: str) -> Iterator[Record]:
    """The records of an open file, its Snapshot first and its End last; `name` is for errors. Raises TraceError."""
    _check_size(file, name)
    _check_header(file.read(len(HEADER)), name)
    yield _decode(_first, _body(file, name, 0), name, 0)
    number = inputs = turns = 0
    while True:
        number += 1
        record = _decode(_others, _body(file, name, number), name, number)
        inputs, turns = inputs + isinstance(record, Input), turns + isinstance(record, Turn)
        if isinstance(record, End):
            if (record.inputs, record.turns) != (inputs, turns) or file.read(1):
                raise TraceError(f"{name} is damaged: its end record says {record.inputs} inputs in {record.turns} turns, it holds others")
            yield record
            return
        yield record


def _check_size(file: IO[bytes], name: str) -> None:
    size = file.seek(0, 2)
    file.seek(0)
    if size > FILE_BYTES_MAX:
        raise TraceError(f"{name} has {size} bytes: a recording has {FILE_BYTES_MAX} at most; record for fewer seconds")


def _check_header(header: bytes, name: str) -> None:
    if header[: len(MAGIC)] != MAGIC:
        raise TraceError(f"{name} is no recording: give a file that `yunnao trace record` made")
    version = int.from_bytes(header[len(MAGIC) :], "big")
    if len(header) < len(HEADER):
        raise TraceError(f"{name} is cut off in its header: record again")
    if version != FORMAT:
        raise TraceError(f"{name} has format {version}, this program reads {FORMAT}: install the program that recorded it")


def _body(file: IO[bytes], name: str, number: int) -> bytes:
    prefix = file.read(_LENGTH_BYTES)
    size = int.from_bytes(prefix, "big")
    if len(prefix) == _LENGTH_BYTES and size > RECORD_BYTES_MAX:
        raise TraceError(f"record {number} of {name} claims {size} bytes, {RECORD_BYTES_MAX} are the most: the file is damaged")
    body = file.read(size) if len(prefix) == _LENGTH_BYTES else b""
    if len(prefix) < _LENGTH_BYTES or len(body) < size:
        raise TraceError(f"{name} is cut off after {number} records: the node stopped meanwhile, or the file was not copied whole")
    return body


def _decode(decoder: msgspec.msgpack.Decoder[Read], body: bytes, name: str, number: int) -> Read:
    try:
        return decoder.decode(body)
    except (*UNREADABLE, ModelError) as error:
        raise TraceError(f"record {number} of {name} is damaged ({error}): copy the file again, or record again") from None
