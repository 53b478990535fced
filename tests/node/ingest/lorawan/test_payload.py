"""Payloads by declared decoders: published examples of vendors, and what is refused."""

from __future__ import annotations

import base64
import json
from functools import cache
from random import Random

import pytest

from node.ingest.errors import DecodeError
from node.ingest.lorawan.payload import (
    CAYENNE,
    PAYLOAD_BYTES_MAX,
    CayenneDecoder,
    Channel,
    ChannelsDecoder,
    Decoder,
    Field,
    FieldsDecoder,
    When,
    payload_values,
)
from node.ingest.lorawan.uplink import UplinkReader
from node.ingest.numbers import Shape
from node.ingest.profile_files.build import profile_of
from node.ingest.profile_files.load import profile_paths, read_profile
from tests.node.ingest.test_decode import samples_of

MILESIGHT = {
    "em300-th": "milesight-em300",
    "em300-mcs": "milesight-em300",
    "em300-sld": "milesight-em300",
    "em300-zld": "milesight-em300",
    "em300-mld": "milesight-em300",
    "em400-mud": "milesight-em400-udl",
    "em400-udl": "milesight-em400-udl",
    "em500-udl": "milesight-em500-udl",
    "em500-pp": "milesight-em500-pp",
    "em500-smtc": "milesight-em500-smtc",
    "am307": "milesight-am300",
    "am308": "milesight-am300",
}
SAME = ("battery", "temperature", "humidity", "distance", "pressure", "moisture", "co2", "tvoc", "pm10", "light_level")
"""Quantities that the vendor's own decoder names and scales as the profiles do."""


@cache
def shipped_decoder(profile: str) -> Decoder:
    """The decoder of a shipped profile."""
    file = read_profile(profile_paths(None)[profile])
    reader = profile_of(profile, file, topic="#", resource="water-level", territory="37").reader
    assert isinstance(reader, UplinkReader)
    return reader.decoder


def decoded(profile: str, payload: bytes, port: int = 85) -> dict[str, float | None]:
    """The values of a payload by a shipped profile."""
    return {value.quantity: value.value for value in payload_values(shipped_decoder(profile), payload, port)}


def reason(decoder: Decoder, payload: bytes) -> str:
    """Why a payload is refused."""
    with pytest.raises(DecodeError) as refused:
        payload_values(decoder, payload, 1)
    return refused.value.reason


def test_the_example_of_the_lht65_manual() -> None:
    found = decoded("dragino-lht65", bytes.fromhex("CBF60B0D0376010ADD7FFF"), 2)
    assert found == {"battery_voltage": 3.062, "temperature": 28.29, "humidity": 88.6, "temperature_external": 27.81}


def test_a_sensor_that_is_not_plugged_in_gives_no_value() -> None:
    assert "temperature_external" not in decoded("dragino-lht65", bytes.fromhex("CBF60B0D0376017FFF7FFF"), 2)
    assert "temperature_external" not in decoded("dragino-lht65", bytes.fromhex("CBF60B0D0376050ADD7FFF"), 2)
    assert decoded("dragino-lht65", bytes.fromhex("CBF60B0D0376010ADD7FFF"), 3) == {}


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        ("03670110056700FF", {"temperature_3": 27.2, "temperature_5": 25.5}),
        (
            "0167FFD7067104D2FB2E0000",
            {"temperature_1": -4.1, "acceleration_x_6": 1.234, "acceleration_y_6": -1.234, "acceleration_z_6": 0.0},
        ),
        ("018806765FF2960A0003E8", {"latitude_1": 42.3519, "longitude_1": -87.9094, "altitude_1": 10.0}),
    ],
)
def test_the_examples_of_cayenne_lpp(payload: str, expected: dict[str, float]) -> None:
    assert decoded("cayenne-lpp", bytes.fromhex(payload)) == expected


@pytest.mark.slow
def test_vendor_messages_read_as_the_vendor_reads_them() -> None:
    checked = 0
    for entry in samples_of("lorawan"):
        device = entry["source"]["path"].split("/")[1]
        if device not in MILESIGHT or set(entry["decoded"]) & {"history", "sn"}:
            continue
        found = decoded(MILESIGHT[device], base64.b64decode(entry["payload"]))
        wanted = {name: value for name, value in entry["decoded"].items() if name in SAME}
        assert {name: found[name] for name in wanted} == pytest.approx(wanted), json.dumps(entry)
        checked += len(wanted)
    assert checked > 30


def test_bits_signs_and_orders_are_read_as_declared() -> None:
    decoder = FieldsDecoder(
        (
            Field("low", 0, Shape("uint16", 2, bits=(0, 3))),
            Field("high", 0, Shape("uint16", 2, bits=(12, 15))),
            Field("little", 0, Shape("int24", 3, "little")),
            Field("bcd", 3, Shape("bcd", 2)),
            Field("float", 5, Shape("float32", 4)),
            Field("name", 9, Shape("text", 4)),
        )
    )
    payload = bytes.fromhex("A00BFF 1234 41480000 61620000")
    found = {value.quantity: value.value if value.text is None else value.text for value in decoder.values(payload, 1)}
    assert found == {"low": 11.0, "high": 10.0, "little": -62560.0, "bcd": 1234.0, "float": 12.5, "name": "ab"}


def test_a_field_is_read_only_under_its_condition() -> None:
    decoder = FieldsDecoder((Field("level", 1, Shape("uint8", 1), when=When(0, 0x02, 0x0F)),))
    assert [len(list(decoder.values(bytes(payload), 1))) for payload in ([0x12, 5], [0x11, 5], [])] == [1, 0, 0]


def test_bad_payloads_are_refused_with_their_reason() -> None:
    channels = ChannelsDecoder({(1, 0x75): Channel("battery", Shape("uint8", 1)), (3, 0x67): Channel("t", Shape("int16", 2), tail=1)})
    assert reason(channels, bytes.fromhex("017564FF00")) == "unknown_channel"
    assert reason(channels, bytes.fromhex("01")) == "unknown_channel"
    assert reason(channels, bytes.fromhex("0367E8")) == "payload_too_short"
    assert reason(channels, bytes.fromhex("0367E800")) == "payload_too_short"
    assert reason(CayenneDecoder(), bytes.fromhex("016701")) == "payload_too_short"
    assert reason(CayenneDecoder(), bytes.fromhex("01FF01")) == "unknown_channel"
    assert reason(CayenneDecoder(), bytes.fromhex("01")) == "payload_too_short"
    assert reason(CayenneDecoder(), bytes(PAYLOAD_BYTES_MAX + 1)) == "payload_too_long"
    assert reason(FieldsDecoder((Field("a", 0, Shape("bcd", 1)),)), b"\xaa") == "bad_value"
    assert reason(FieldsDecoder((Field("a", 0, Shape("text", 2)),)), b"\xff\xff") == "not_text"
    assert reason(FieldsDecoder((Field("a", 0, Shape("float32", 4)),)), bytes.fromhex("7F800000")) == "bad_value"
    assert reason(FieldsDecoder((Field("a", 4, Shape("uint8", 1), required=True),)), b"\x01") == "payload_too_short"


def test_a_float_that_is_no_number_is_no_value() -> None:
    assert list(FieldsDecoder((Field("a", 0, Shape("float32", 4)),)).values(bytes.fromhex("7FC00000"), 1)) == []


def test_types_of_cayenne_are_the_ipso_objects() -> None:
    assert {3200 + kind for kind in CAYENNE} == {3200, 3201, 3202, 3203, 3301, 3302, 3303, 3304, 3313, 3315, 3334, 3336}


def test_random_payloads_only_raise_decode_errors() -> None:
    rng = Random(7)
    outcomes = {"decoded": 0, "refused": 0}
    for profile in ("cayenne-lpp", "dragino-lht65", "milesight-em300", "milesight-am300"):
        for _ in range(300):
            try:
                decoded(profile, rng.choice([b"", b"\x01\x75", b"\x03\x67"]) + rng.randbytes(rng.randint(0, 12)), 2)
                outcomes["decoded"] += 1
            except DecodeError:
                outcomes["refused"] += 1
    assert min(outcomes.values()) > 100
