"""Frames that no honest child sends, each as the bytes of its message, signed by the child's real key unless they say otherwise.

Each function gives the frames of one attack for hostile_child.py: what is false in them are lengths, payloads, numbers, origins, places.
They are written past the encoder's own checks, because an attacker has none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import pyarrow as pa

from benchmarks.workload import RESOURCE
from sync.model import Batch, BatchHeader, Direction, Frame, HybridTime, Lane, Manifest, Run, Span, WireError
from sync.ports import Vouch
from sync.wire.codec_batch import frame_message, header_digest
from sync.wire.payload import Compression, decoded_size, encode_payload
from sync.wire.peek import length_delimited

TOP = (1 << 63) - 1
LIE = "false-record"
"""Text in every row that must never be stored."""
SIBLING = "honest"
ELSEWHERE = "370203"
BOMB_ROWS, BOMB_CELL_BYTES = 60_000, 5_000
FORMAT_FIELD = b"\x08\x01"
DATA_NUMBER = 3
COLUMNS: list[tuple[str, pa.DataType]] = [
    ("event_time", pa.timestamp("us", "UTC")), ("territory", pa.string()), ("grade", pa.int8()), ("device", pa.string()),
    ("quantity", pa.string()), ("value", pa.float64()), ("text", pa.string()), ("unit", pa.string()),
]  # fmt: skip
SCHEMA = pa.schema(COLUMNS)

Recipe = Callable[[int], bytes]
"""The message, given the position that the parent says it holds."""


@dataclass(frozen=True)
class Forger:
    """Signs with nothing."""

    issuer: str

    def sign(self, header_sha256: bytes, inputs: tuple[bytes, ...]) -> Manifest:
        """A manifest whose signature is zeros."""
        return Manifest(self.issuer, header_sha256, inputs, bytes(64))

    def check(self, manifest: Manifest, *, issuer: str) -> bool:
        """A forger believes everybody."""
        return True


@dataclass(frozen=True)
class Maker:
    """Makes frames in the name of one child."""

    node: str
    incarnation: int
    place: str
    vouch: Vouch

    def rows(self, count: int, *, place: str = "", text: str = LIE) -> pa.RecordBatch:
        """Readings as the catalogue has them."""
        row = {"event_time": 0, "territory": place or self.place, "grade": 1, "device": "d", "quantity": "q", "value": 1.0}
        return pa.RecordBatch.from_pylist([row | {"text": text, "unit": "u"}] * count, SCHEMA)

    def payload(self, count: int = 3, *, place: str = "") -> bytes:
        """Encoded rows."""
        return encode_payload(self.rows(count, place=place), compression=None)

    def header(self, payload: bytes, rows: int) -> BatchHeader:
        """A header that tells the truth about `payload`, as far as it has one."""
        try:
            size = decoded_size(payload)
        except WireError:
            size = len(payload)
        return BatchHeader(
            RESOURCE, Lane.BULK, 1, rows, (self.run(1, rows),), hashlib.sha256(payload).digest(), len(payload), size, 0, 0, 1,
            (self.place,), Direction.UP, 1,
        )  # fmt: skip

    def run(self, first: int, last: int, *, origin: str = "", offset: int = 0) -> Run:
        """Numbers of one origin, the own one unless named."""
        return Run(origin or self.node, self.incarnation, first, last, offset, at=HybridTime(1))

    def data(self, header: BatchHeader, payload: bytes, span: Span, *, part: int = 0, parts: int = 1, vouch: Vouch | None = None) -> bytes:
        """The message of a frame; its manifest covers the header as it is."""
        batch = Batch(header, payload, (vouch or self.vouch).sign(header_digest(header), ()))
        body = frame_message(Frame(header.lane, header.direction, span, part, parts, batch)).SerializeToString(deterministic=True)
        return FORMAT_FIELD + length_delimited(DATA_NUMBER, body)

    def next(self, header: BatchHeader, payload: bytes, *, vouch: Vouch | None = None) -> Recipe:
        """The frame in the place where the parent expects the next one."""
        return lambda upto: self.data(header, payload, Span(upto, upto + 1), vouch=vouch)


def lengths(make: Maker, rng: Random) -> Sequence[Recipe]:
    """Sizes and counts that are not those of the payload, a payload cut anywhere, a message cut anywhere."""
    payload = make.payload()
    true = make.header(payload, 3)
    cut = payload[: rng.randrange(1, len(payload))]
    share = rng.random()

    def broken(upto: int) -> bytes:
        message = make.data(true, payload, Span(upto, upto + 1))
        return message[: 1 + int(share * (len(message) - 2))]

    return [
        make.next(replace(true, row_count=2, runs=(make.run(1, 2),)), payload),
        make.next(replace(make.header(cut, 3), decoded_bytes=100), cut),
        make.next(replace(true, payload_sha256=bytes(32)), payload),
        make.next(replace(true, payload_bytes=1 << 50), payload),
        broken,
    ]


def bombs(make: Maker, rng: Random) -> Sequence[Recipe]:
    """Payloads of a few kilobytes that unfold to 300 MB, with true and with false length prefixes; `rng` chooses the codec."""
    codecs: tuple[Compression, ...] = ("zstd", "lz4")
    codec = rng.choice(codecs)
    rows = make.rows(BOMB_ROWS)
    texts = pa.array(["0" * BOMB_CELL_BYTES] * BOMB_ROWS)
    columns = [texts if name == "text" else rows.column(name) for name in rows.schema.names]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, SCHEMA, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCHEMA))
    payload = sink.getvalue().to_pybytes()
    lying = payload.replace((BOMB_ROWS * BOMB_CELL_BYTES).to_bytes(8, "little"), BOMB_ROWS.to_bytes(8, "little"))
    assert lying != payload, "no length prefix to lie in"
    return [make.next(replace(make.header(entry, BOMB_ROWS), decoded_bytes=1_000), entry) for entry in (payload, lying)]


def sequence(make: Maker, rng: Random) -> Sequence[Recipe]:
    """Positions that jump, parts that are none, numbers twice in one frame, numbers at the end of their range."""
    payload = make.payload()
    header, jump = make.header(payload, 3), rng.randrange(2, 1 << 40)
    twice = replace(make.header(make.payload(6), 6), runs=(make.run(1, 3), make.run(2, 4, offset=3)))
    return [
        lambda upto: make.data(header, payload, Span(upto + jump, upto + jump + 1)),
        lambda upto: make.data(header, payload, Span(TOP - 1, TOP)),
        lambda upto: make.data(header, payload, Span(upto, upto)),
        lambda upto: make.data(header, payload, Span(upto, upto + 1), part=5, parts=9),
        make.next(twice, make.payload(6)),
        make.next(replace(header, runs=(make.run(TOP - 2, TOP),)), payload),
    ]


def forgery(make: Maker, rng: Random) -> Sequence[Recipe]:
    """Records in the name of a sibling, a signature of nobody, data against the stream; `rng` chooses the sibling's numbers."""
    payload, first = make.payload(), rng.randrange(1, 1_000)
    header = make.header(payload, 3)
    return [
        make.next(replace(header, runs=(make.run(first, first + 2, origin=SIBLING),)), payload),
        make.next(header, payload, vouch=Forger(make.node)),
        make.next(header, payload, vouch=Forger(SIBLING)),
        make.next(replace(header, direction=Direction.RETURN), payload),
    ]


def territory(make: Maker, rng: Random) -> Sequence[Recipe]:
    """Rows of another district, said openly in the header and hidden behind it; `rng` chooses which comes first."""
    payload = make.payload(place=ELSEWHERE)
    header = make.header(payload, 3)
    recipes = [make.next(replace(header, territories=(ELSEWHERE,)), payload), make.next(header, payload)]
    rng.shuffle(recipes)
    return recipes
