"""Every decoder of bytes that come from outside: good samples, the function, and the only errors it may raise on anything else."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import cbor2
import datasketches as ds
import mqtt5
import msgspec
import pyarrow as pa
from cryptography.hazmat.primitives.serialization import Encoding

from node.attachment.orders import AttachmentError, read_order
from node.equality import wire as equality
from node.identity.authority import read_request
from node.identity.errors import ChainError, IdentityError
from node.identity.join_files import FILE_FORMAT, AnswerFile, RequestFile, parse
from node.identity.join_wire import AskJoin, AskTime, Chain, Issued, decode_answer, decode_ask, encode_line
from node.identity.verify import verify_chain
from node.ingest.decode import decode as decode_reading
from node.ingest.errors import DecodeError, PacketError
from node.ingest.mqtt.mqtt311 import Mqtt311
from node.ingest.mqtt.mqtt_v5 import Mqtt5
from node.ingest.mqtt.packets import Packet
from node.ingest.profiles import Format, Profile
from node.repair import wire as repair
from node.summaries.errors import SummaryError
from node.summaries.sketches import HLL_LG_K, HLL_TYPE, KLL_K, read_distinct, read_quantiles
from node.summaries.spec import SummarySpec, decode_spec
from node.tracing.errors import TraceError
from node.tracing.file import read_trace
from node.tree.directory import NodeStatus, decode_statuses, encode_statuses
from policies.bundle import SignedBundle, decode_signed
from policies.errors import PolicyError
from policies.presets import preset_bundle
from sync.model import DEFAULT_LIMITS, Level, SyncError, WireError
from sync.wire.codec import decode, encode
from sync.wire.codec_batch import decode_header, encode_header
from sync.wire.payload import decode_payload, encode_payload
from tests.node.identity.family import CITY, PROVINCE, make_node
from tests.node.ingest.mqtt import stand
from tests.node.tracing.test_file import WHOLE
from tests.sync.wire.samples import sample_header, sample_messages

Decode = Callable[[bytes], object]
FILE = Path("file")
"""What errors name; nothing is read there."""


@dataclass(frozen=True)
class Target:
    """One decoder."""

    name: str
    samples: tuple[bytes, ...]
    decode: Decode
    refuses: tuple[type[Exception], ...]
    """What it raises on bytes it does not take; anything else is a bug."""


def _wire() -> list[Target]:
    rows = pa.record_batch(
        {"event_time": [1, 2, 3], "territory": pa.array(["37", "3702", "37"]).dictionary_encode(), "value": [0.5, None, 1.0]}
    )
    payloads = tuple(encode_payload(rows, compression=codec) for codec in ("lz4", "zstd", None))
    bounds = {"decoded_bytes_max": 1 << 20, "rows_max": 1_000}
    return [
        Target("link message", tuple(encode(message) for message in sample_messages().values()), decode, (SyncError,)),
        Target("batch header", (encode_header(sample_header()),), lambda data: decode_header(data, DEFAULT_LIMITS), (SyncError,)),
        Target("payload", payloads, lambda data: decode_payload(data, **bounds).to_pylist(), (WireError,)),
    ]


def _peers() -> list[Target]:
    asked = equality.Question(0, "air-quality", True, [equality.AskedStream("grid-1", 7, 4, 90, [equality.AskedBucket(0, 5, 6, 7)])])
    verdict = equality.Verdict([equality.Detail(0, 1, bytes(34), bytes(80))], 2)
    damaged = repair.Question(bytes(32), "air-quality", 4, [repair.AskedRun("grid-1", 7, 1, 9)])
    spec = SummarySpec(resource="air-quality", from_us=0, to_us=3_600_000_000, bucket_s=60, territory_digits=6)
    status = NodeStatus("grid-1", "网格", "grid", "370202001001001", "street-1", "2a", "OK", ["ok"], 1, "0.1", "", 1.5, records={"a": 2})
    return [
        Target("equality question", (msgspec.msgpack.encode(asked),), lambda data: equality.read(data, equality.Question), (SyncError,)),
        Target("equality verdict", (msgspec.msgpack.encode(verdict),), lambda data: equality.read(data, equality.Verdict), (SyncError,)),
        Target("repair question", (msgspec.msgpack.encode(damaged),), lambda data: repair.read(data, repair.Question), (SyncError,)),
        Target("summary spec", (msgspec.json.encode(spec),), decode_spec, (SummaryError,)),
        Target("heartbeat", (encode_statuses([status]),), decode_statuses, (WireError,)),
        Target("quantile sketch", (_quantiles(1), _quantiles(50), _quantiles(5_000)), read_quantiles, (SummaryError,)),
        Target("distinct sketch", (_distinct(3), _distinct(100), _distinct(9_000)), read_distinct, (SummaryError,)),
        Target("recording", (WHOLE,), lambda data: list(read_trace(io.BytesIO(data), "recording")), (TraceError,)),
        Target("policy bundle", (_bundle(),), decode_signed, (PolicyError,)),
    ]


def _quantiles(count: int) -> bytes:
    sketch = ds.kll_doubles_sketch(KLL_K)
    for value in range(count):
        sketch.update(float(value))
    return bytes(sketch.serialize())


def _distinct(count: int) -> bytes:
    sketch = ds.hll_sketch(HLL_LG_K, HLL_TYPE)
    for value in range(count):
        sketch.update(f"device-{value}")
    return bytes(sketch.serialize_compact())


def _bundle() -> bytes:
    return SignedBundle(preset_bundle(Level.MUNICIPAL, issuer="qingdao", not_before_us=1, not_after_us=2), bytes(64), "chain").encode()


def _trust() -> list[Target]:
    chain, root, request = _certified()
    asks = (AskJoin("id", "proof", "csr"), AskTime(b"0" * 16))
    answers = (Chain("chain"), Issued("chain", "127.0.0.1:1"))
    asked = msgspec.json.encode(RequestFile(FILE_FORMAT, request.decode(), "id", "proof"))
    issued = msgspec.json.encode(AnswerFile(FILE_FORMAT, chain.decode(), chain.decode()))
    order = json.dumps({"format": 1, "node": "a", "chain_pem": base64.b64encode(b"pem").decode(), "signature": ""}).encode()
    return [
        Target("join ask", tuple(encode_line(ask) for ask in asks), decode_ask, (IdentityError,)),
        Target("join answer", tuple(encode_line(answer) for answer in answers), decode_answer, (IdentityError,)),
        Target("join request file", (asked,), lambda data: parse(data, RequestFile, "a request", FILE), (IdentityError,)),
        Target("join answer file", (issued,), lambda data: parse(data, AnswerFile, "an answer", FILE), (IdentityError,)),
        Target("certificate chain", (chain,), lambda data: verify_chain(data, root_pem=root, now_us=None), (ChainError,)),
        Target("certificate request", (request,), read_request, (ChainError,)),
        Target("attachment order", (order,), lambda data: read_order(data, root_pem=root), (AttachmentError,)),
    ]


def _devices() -> list[Target]:
    senml = [{"bn": "urn:dev:1:", "bt": 1.76e9, "n": "t", "u": "Cel", "v": 23.5}, {"n": "on", "vb": True}]
    xml = b'<sensml xmlns="urn:ietf:params:xml:ns:senml"><senml bn="urn:dev:1" n="t" u="Cel" v="23.5" bt="1760000000"/></sensml>'
    samples = {
        Format.READING: json.dumps({"device": "d", "time": 1_760_000_000, "quantity": "q", "value": 1.5, "unit": "m"}).encode(),
        Format.JSON: json.dumps({"device": "d", "time": 1_760_000_000, "a": {"b": [1, 2.5, True, "x"]}}).encode(),
        Format.SENML: json.dumps(senml).encode(),
        Format.SENML_CBOR: cbor2.dumps([{-2: "urn:dev:1:", -3: 1.76e9, 0: "t", 2: 23.5}]),
        Format.SENML_XML: xml,
        Format.SENML_MSGPACK: msgspec.msgpack.encode(senml),
    }
    return [Target(f"message {kind.value}", (sample,), _reads(kind), (DecodeError,)) for kind, sample in samples.items()] + [
        Target("mqtt 3.1.1", MQTT311, _packets(Mqtt311), (PacketError,)),
        Target("mqtt 5", MQTT5, _packets(Mqtt5), (PacketError,)),
    ]


def _reads(kind: Format) -> Decode:
    profile = Profile("p", "a/#", kind, "air-quality", "3702")
    return lambda data: decode_reading(profile, "a/b", data, 1_760_000_000_000_000)


def _packets(codec: type[Mqtt311] | type[Mqtt5]) -> Decode:
    def read(data: bytes) -> object:
        packets: list[Packet] = []
        codec().read(data, packets)
        return packets

    return read


MQTT311 = (
    stand.connect("gate", clean=True, keep_alive_s=60),
    stand.connect("gate", will=("a/b", b"gone")),
    stand.publish(1, b'{"a":1}', qos=1, topic="a/b"),
    stand.publish(2, b'{"a":1}', qos=2, topic="a/b"),
    stand.publish(0, b"x" * 200, qos=0, topic="a/b"),
    bytes.fromhex("62020002"),
    bytes.fromhex("40020001"),
    bytes.fromhex("50020001"),
    stand.packet(0x82, stand.number(1) + stand.text("a/#") + b"\x01"),
    stand.packet(0xA2, stand.number(1) + stand.text("a/#")),
    bytes.fromhex("c000"),
    bytes.fromhex("e000"),
)
"""Packets of MQTT 3.1.1 that a client sends."""
MQTT5 = (
    bytes.fromhex("101100044d5154540502003c00000467617465"),
    mqtt5.ConnectPacket(
        "gate", username="u", password=b"p", will=mqtt5.Will("a/b", payload=b"x", will_delay_interval=5), session_expiry_interval=60
    ).write(),
    mqtt5.PublishPacket("a/b", b"{}", qos=mqtt5.QoS.AT_LEAST_ONCE, packet_id=1).write(),
    mqtt5.PublishPacket("a/b", b"{}", qos=mqtt5.QoS.EXACTLY_ONCE, packet_id=2, topic_alias=1, message_expiry_interval=9).write(),
    mqtt5.PublishPacket("", b"{}", topic_alias=1, user_properties=[("k", "v")], correlation_data=b"1", response_topic="r").write(),
    mqtt5.PubRelPacket(2, reason_code=mqtt5.PubRelReasonCode.PACKET_ID_NOT_FOUND, reason_str="gone").write(),
    mqtt5.PubAckPacket(1, reason_code=mqtt5.PubAckReasonCode.QUOTA_EXCEEDED).write(),
    bytes.fromhex("82090001000003612f6201"),
    mqtt5.UnsubscribePacket(3, ["a/#"], user_properties=[("k", "v")]).write(),
    bytes.fromhex("c000"),
    bytes.fromhex("e000"),
    mqtt5.DisconnectPacket(reason_code=mqtt5.DisconnectReasonCode.DISCONNECT_WITH_WILL_MESSAGE, session_expiry_interval=5).write(),
)
"""Packets of MQTT 5 that a client sends."""


@cache
def _certified() -> tuple[bytes, bytes, bytes]:
    """The chain of a city, leaf first, its root, and its request."""
    with TemporaryDirectory() as folder:
        province = make_node(Path(folder), PROVINCE)
        city = make_node(Path(folder), CITY, parent=province)
        request = city.request(CITY).public_bytes(Encoding.PEM)
        return city.tls().chain_pem, city.root_pem(), request


@cache
def targets() -> tuple[Target, ...]:
    """All of them, in the order they are run."""
    return (*_wire(), *_peers(), *_trust(), *_devices())
