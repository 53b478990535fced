"""Every message survives the wire; everything else is refused by name."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings

from sync.core.messages import Ack, Bundles, Data, Heard, Hello, Message, Position, Query, Refused, Stop, Wants
from sync.model import (
    DEFAULT_LIMITS,
    LIVES_TOLD_MAX,
    Direction,
    Frame,
    Lane,
    Life,
    Limits,
    Manifest,
    PolicyVersion,
    Run,
    Span,
    State,
    WireError,
)
from sync.model.renumbering import HELD_RANGES_MAX, RENUMBERED_TOLD_MAX, HeldBefore, Renumbered
from sync.wire import bounds
from sync.wire import yunnao_pb2 as pb
from sync.wire.codec import decode, encode
from sync.wire.codec_batch import encode_header, header_digest
from tests.sync.wire.samples import PAYLOAD, RUNS, sample_frame, sample_header, sample_messages
from tests.sync.wire.strategies import messages

MUTATIONS = 10_000


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(messages)
def test_every_message_survives_the_wire(message: Message) -> None:
    assert decode(encode(message)) == message


@pytest.mark.slow
def test_mutated_messages_decode_or_raise_wire_error() -> None:
    rng, refused = Random(20_261_120), 0
    originals = [encode(message) for message in sample_messages().values()]
    for _ in range(MUTATIONS):
        data = mutate(rng.choice(originals), rng)
        try:
            decode(data)
        except WireError:
            refused += 1
    assert 0 < refused < MUTATIONS


def mutate(data: bytes, rng: Random) -> bytes:
    """`data` with a few bytes changed, removed, repeated or inserted."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(4):
            case 0:
                out[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del out[at : at + rng.randint(1, 20)]
            case 2:
                out[at:at] = out[at : at + rng.randint(1, 20)]
            case _:
                out[at:at] = rng.randbytes(rng.randint(1, 12))
    return bytes(out)


def refusal(data: bytes, limits: Limits = DEFAULT_LIMITS) -> str:
    with pytest.raises(WireError) as caught:
        decode(data, limits)
    return str(caught.value)


def envelope_of(message: Message) -> pb.Envelope:
    return pb.Envelope.FromString(encode(message))


def frame_with(**header_changes: object) -> Frame:
    return sample_frame(sample_header(**header_changes))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "envelope.format 0"),
        (b"GET / HTTP/1.1\r\n\r\n", "envelope"),
        (b"\x08\x01", "has no body"),
        (b"\x08\x00\x52\x00", "envelope.format 0"),
        (b"\x52\xff\xff\xff\xff\x7f", "ends at byte"),
        (b"\x08" + b"\xff" * 12, "does not end"),
        (b"\x08\x01" * 100, "more than 64 fields"),
        (encode(Stop("a")) + encode(Ack(Direction.UP, Lane.BULK, 1, 1)), "more than one body"),
        (encode(Stop("a"))[:2] + b"\x52" + b"\x80\x80\x08" + b"\x00" * (128 << 10), "stop of 131078 bytes refused"),
    ],
)
def test_bytes_that_are_no_message_are_refused_with_the_reason(data: bytes, words: str) -> None:
    assert words in refusal(data)


def test_a_body_is_measured_before_it_is_parsed() -> None:
    empty_positions = b"\x32\x00" * 100_000
    data = b"\x08\x01\x12" + b"\xc0\x9a\x0c" + empty_positions
    assert "hello of 200006 bytes refused" in refusal(data)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("part", 3, "frame.part 3 refused: expected 0 to 2"),
        ("parts", 0, "frame.parts 0"),
        ("parts", 1 << 31, "frame.parts 2147483648"),
        ("payload", b"short", "payload of 5 bytes refused: the header says 200"),
        ("header", b"\xff\xff", "not a batch header"),
        ("header", b"", "header.format 0"),
        ("header", b"\x08\x02", "header.format 2 refused: this program reads batch format 1; and it is not the header that its manifest"),
    ],
)
def test_a_frame_that_contradicts_itself_is_refused(field: str, value: object, words: str) -> None:
    envelope = envelope_of(Data(sample_frame()))
    setattr(envelope.data, field, value)
    assert words in refusal(envelope.SerializeToString())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("resource", "Ünknown", "header.resource"),
        ("lane", 2, "header.lane event refused: the frame is of lane bulk"),
        ("format", 2, "header.format 2"),
        ("row_count", 11, "header.row_count 11 refused: the runs account for 10 rows"),
        ("row_count", 9, "its rows end at 10, row_count is 9"),
        ("row_count", 1 << 40, "header.row_count 1099511627776"),
        ("payload_sha256", b"x" * 31, "header.payload_sha256 of 31 bytes"),
        ("plan_hash", b"x", "header.plan_hash of 1 bytes"),
        ("decoded_bytes", 1 << 40, "header.decoded_bytes"),
        ("event_time_max_us", 5, "header.event_time_max_us 5"),
        ("grade_max", 5, "header.grade_max 5"),
        ("origin_distance", 65, "header.origin_distance 65"),
        ("territories", ["37", "37"], "header.territories"),
        ("territories", ["37x"], "header.territories '37x'"),
        ("territories", [str(code) for code in range(10, 90)], "80 territories refused: at most 64"),
        ("runs.state", [0, 10, 1, 20], "run"),
        ("runs.state", [99, 10, 1, 20], "runs.state 99"),
        ("runs.first", [0, 15, 20, 1], "run 0..3"),
        ("runs.count", [0, 5, 6, 3], "numbers start at 1 and ascend"),
        ("runs.first", [16, 15, 20, 1], "the stream's runs reached 19 before it"),
        ("runs.row_offset", [0, -1, 3, -1], "row_offset 3 overlaps the run before it"),
        ("runs.row_offset", [0, -1, 5, -1], "row_offset 5 leaves row 4 in no run"),
        ("runs.row_offset", [0, 1, 4, -1], "state DENIED at row 1"),
        ("runs.origin", [99, 1, 1, 1], "runs name 99"),
        ("runs.origin", [0, 1, 1, 1], "runs[0].origin: node id ''"),
        ("runs.reason", [1, 2, 0, 4], "runs[0].reason 'grid-1'"),
        ("runs.first", [11], "runs.first of 1 values refused: expected 4"),
        ("runs.incarnation", [1 << 63, 1, 1, 1], "runs[0].incarnation 9223372036854775808"),
        ("runs.first", [(1 << 64) - 10, 15, 20, 1], "runs[0].last"),
        ("runs.names", ["a\nb", "b", "c", "d", "e"], "node id"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(field: str, value: object, words: str) -> None:
    envelope = envelope_of(Data(sample_frame()))
    header = pb.BatchHeader.FromString(envelope.data.header)
    target = header.runs if field.startswith("runs.") else header
    name = field.removeprefix("runs.")
    if isinstance(value, list):
        del getattr(target, name)[:]
        getattr(target, name).extend(value)
    else:
        setattr(target, name, value)
    envelope.data.header = header.SerializeToString()
    assert words in refusal(envelope.SerializeToString())


def test_span_that_runs_backwards_is_refused() -> None:
    envelope = envelope_of(Data(sample_frame()))
    envelope.data.span.after = 53
    assert "span.after 53 refused: expected 0 to 52" in refusal(envelope.SerializeToString())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("issuer", "-", "manifest.issuer"),
        ("inputs", b"x" * 33, "manifest.inputs of 33 bytes"),
        ("inputs", b"x" * 32 * 4_097, "4097 manifest.inputs refused: at most 4096"),
        ("signature", b"", "manifest.signature of 0 bytes"),
        ("header_sha256", b"", "manifest.header_sha256 of 0 bytes"),
    ],
)
def test_a_manifest_that_cannot_be_one_is_refused(field: str, value: object, words: str) -> None:
    envelope = envelope_of(Data(sample_frame()))
    setattr(envelope.data.manifest, field, value)
    assert words in refusal(envelope.SerializeToString())


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("node", "Ä", "hello: node id"),
        ("level", 6, "hello.level 6"),
        ("territory", "123", "hello: territory '123'"),
        ("incarnation", 0, "hello.incarnation 0"),
        ("incarnation", 1 << 63, "hello.incarnation"),
        ("protocol_newest", 0, "hello.protocol_newest 0"),
        ("software", "x" * 65, "hello.software of 65 characters"),
        ("software", "\x1b[2J", "control characters"),
    ],
)
def test_a_hello_that_makes_no_sense_is_refused(field: str, value: object, words: str) -> None:
    envelope = envelope_of(sample_messages()["hello"])
    setattr(envelope.hello, field, value)
    assert words in refusal(envelope.SerializeToString())


def test_policy_vector_must_match_its_digest() -> None:
    envelope = envelope_of(sample_messages()["hello"])
    envelope.hello.policy.epochs[0] += 1
    assert "policy.digest" in refusal(envelope.SerializeToString())


def test_an_ack_cannot_secure_more_than_is_stored() -> None:
    envelope = envelope_of(Ack(Direction.UP, Lane.BULK, 5, 5))
    envelope.ack.secured = 6
    assert "ack.secured 6 refused: expected 0 to 5" in refusal(envelope.SerializeToString())


def test_a_frame_over_the_limit_is_refused_by_its_length() -> None:
    data = encode(Data(sample_frame()))
    assert f"data of {len(data)} bytes refused: at most 100" in refusal(data, replace(DEFAULT_LIMITS, frame_bytes_max=100))


def test_too_many_runs_are_refused() -> None:
    assert "4 runs refused: at most 3" in refusal(encode(Data(sample_frame())), replace(DEFAULT_LIMITS, runs_per_frame_max=3))


def hello_with(**changes: object) -> Hello:
    hello = sample_messages()["hello"]
    assert isinstance(hello, Hello)
    return replace(hello, **changes)  # type: ignore[arg-type]


EVERY_OTHER = tuple((number, number) for number in range(1, 2 * HELD_RANGES_MAX + 2, 2))
SAME_POSITION = Position(Direction.UP, Lane.BULK, 1)


@pytest.mark.parametrize(
    "message",
    [
        Query(1, "drop table", b""),
        Query(-1, "summary", b""),
        Ack(Direction.UP, Lane.BULK, -1, -1),
        Data(replace(sample_frame(), span=Span(2, 1))),
        Data(frame_with(row_count=1)),
        Data(frame_with(runs=(Run("grid-1", 1, 1, 10, 0), Run("grid-1", 1, 10, 12, -1, State.DENIED)))),
        Data(frame_with(schema_version=-1)),
        Data(sample_frame(payload=b"")),
        hello_with(positions=(SAME_POSITION, SAME_POSITION)),
        hello_with(policy=PolicyVersion((("b1", 1), ("a1", 1)))),
        hello_with(software="\ud800"),
        hello_with(lives=(Life(1, 9), Life(2, 8))),
        hello_with(wants=Wants(("b", "a"))),
        Wants(("a", "a")),
        Wants(("Not A Code",)),
        Wants(tuple(f"r-{number:05d}" for number in range(bounds.WANTED_MAX + 1))),
        Wants((), bytes(bounds.HAVE_BYTES_MAX + 1)),
        Bundles((), (b"",) * (bounds.BUNDLES_MAX + 1)),
        hello_with(lives=(Life(0, 9),)),
        hello_with(known_lives=tuple(Life(number, number) for number in range(1, LIVES_TOLD_MAX + 2))),
        hello_with(fork_proof=Manifest("qd", b"h" * 32, (), b"short")),
        hello_with(renumbered=(Renumbered(0, Lane.BULK, "enterprises", 1),)),
        hello_with(renumbered=(Renumbered(1, Lane.BULK, "Enterprises", 1),)),
        hello_with(renumbered=(Renumbered(1, Lane.BULK, "enterprises", 1 << 53),)),
        hello_with(renumbered=(Renumbered(1, Lane.BULK, "enterprises", 1),) * (RENUMBERED_TOLD_MAX + 1)),
        hello_with(held_before=(HeldBefore(1, Lane.BULK, "enterprises", ((4, 3),)),)),
        hello_with(held_before=(HeldBefore(1, Lane.BULK, "enterprises", ((3, 4), (4, 5))),)),
        hello_with(held_before=(HeldBefore(1, Lane.BULK, "enterprises", EVERY_OTHER),)),
        hello_with(heard=(Heard(Direction.UP, Lane.BULK, -1, 0),)),
        hello_with(heard=(Heard(Direction.UP, Lane.BULK, 1, bounds.PARTS_MAX),)),
        hello_with(heard=(Heard(Direction.UP, Lane.BULK, 1, 0),) * (bounds.POSITIONS_MAX + 1)),
        Refused(Direction.UP, Lane.BULK, Span(1, 2), 0, "no", PolicyVersion(), program="x" * (bounds.SOFTWARE_CHARS_MAX + 1)),
        Stop("moved", bytes(bounds.ORDER_BYTES_MAX + 1)),
    ],
)
def test_the_encoder_refuses_what_the_other_end_would(message: Message) -> None:
    with pytest.raises(WireError):
        encode(message)


def test_runs_of_a_backfill_may_come_in_any_order() -> None:
    runs = (Run("grid-1", 1, 8, 10, 0), Run("grid-1", 1, 1, 7, 3))
    assert decode(encode(Data(frame_with(runs=runs, backfill=True)))) == Data(frame_with(runs=runs, backfill=True))
    with pytest.raises(WireError, match=r"reached 10 before it"):
        encode(Data(frame_with(runs=runs, backfill=False)))


def test_a_long_reason_is_cut_and_an_unpaired_surrogate_replaced() -> None:
    assert decode(encode(Stop("x" * 9_999))) == Stop("x" * bounds.REASON_CHARS_MAX)
    assert decode(encode(Stop("\ud800"))) == Stop("?")


def test_header_digest_changes_with_every_field() -> None:
    changes: list[dict[str, object]] = [
        {"resource": "traffic-flow"}, {"lane": Lane.EVENT}, {"schema_version": 2}, {"row_count": 9}, {"runs": RUNS[:3]},
        {"payload_sha256": bytes(32)}, {"decoded_bytes": 1}, {"event_time_min_us": 1}, {"event_time_max_us": 1}, {"grade_max": 1},
        {"territories": ()}, {"direction": Direction.UP}, {"origin_distance": 1}, {"policy_version": b""}, {"plan_hash": b""},
        {"backfill": False}, {"payload_bytes": 1},
    ]  # fmt: skip
    digests = {header_digest(sample_header(**change)) for change in [{}, *changes]}
    assert len(digests) == len(changes) + 1


def test_a_full_run_table_fits_the_header_bound() -> None:
    names = [f"{'n' * 57}{index:06d}" for index in range(DEFAULT_LIMITS.runs_per_frame_max)]
    top = (1 << 62) + 1
    runs = tuple(Run(name, top, top, top, -1, State.DENIED, f"{name}", name[::-1]) for name in names)
    header = sample_header(runs=runs, row_count=0, payload_bytes=0)
    assert len(encode_header(header)) < bounds.HEADER_BYTES_MAX


def test_the_payload_is_forwarded_byte_for_byte() -> None:
    message = decode(encode(Data(sample_frame())))
    assert isinstance(message, Data)
    assert message.frame.batch.payload == PAYLOAD


def test_a_hello_with_the_most_that_may_be_said_of_former_numbers_fits_its_bound() -> None:
    far = (1 << 53) - 2 * HELD_RANGES_MAX
    ranges = tuple((far + first, far + last) for first, last in EVERY_OTHER[:HELD_RANGES_MAX])
    told = tuple(Renumbered((1 << 63) - 1, Lane.BULK, f"{'r' * 60}{index}", far) for index in range(RENUMBERED_TOLD_MAX))
    lives = tuple(Life((1 << 63) - 1, (1 << 63) - 1) for _ in range(LIVES_TOLD_MAX))
    held = (HeldBefore(1, Lane.BULK, "enterprises", ranges),)
    hello = hello_with(renumbered=told, held_before=held, lives=lives, known_lives=lives)
    assert decode(encode(hello)) == hello


def test_columns_of_former_numbers_must_be_of_one_length() -> None:
    envelope = pb.Envelope()
    envelope.ParseFromString(encode(hello_with(held_before=(HeldBefore(1, Lane.BULK, "enterprises", ((3, 4),)),))))
    envelope.hello.held_before[0].count.append(1)
    with pytest.raises(WireError, match="count 2 refused"):
        decode(envelope.SerializeToString())
