"""Headers and answers of both versions, and positions as readings."""

from __future__ import annotations

from random import Random

import pytest

from node.ingest.errors import DecodeError
from node.ingest.jt808.frame import Framer
from node.ingest.jt808.location import decode_jt808
from node.ingest.jt808.packet import Kind, Registered, Result, parse
from node.ingest.profiles import Format, Profile
from tests.node.ingest.jt808.terminal import PHONE, PUBLISHED, bulk, message, position, report

PROFILE = Profile("vehicles", "jt808/+", Format.JT808, "vehicle-positions", "370202")
TIME_US = 1_789_948_800_000_000
"""2026-09-21 08:00 in China."""


def values(payload: bytes) -> dict[str, float | None]:
    return {reading.quantity: reading.value for reading in decode_jt808(PROFILE, "jt808/1", payload, 0)}


def test_the_published_position_is_read() -> None:
    (payload,) = Framer().feed(PUBLISHED)
    readings = decode_jt808(PROFILE, "jt808/123456789012", payload, 0)
    assert {reading.device for reading in readings} == {"123456789012"}
    assert {reading.event_time_us for reading in readings} == {1_539_569_410_000_000}
    assert values(payload) == {
        "alarm": 1.0, "status": 2.0, "latitude": 12.222222, "longitude": 132.444444, "altitude": 40.0, "speed": 6.0, "direction": 0.0,
        "mileage": 10.0, "fuel": 12.5,
    }  # fmt: skip


@pytest.mark.parametrize("version", [None, 1])
def test_headers_of_both_versions(version: int | None) -> None:
    packet = parse(message(Kind.HEARTBEAT, version=version))
    assert (packet.kind, packet.phone, packet.serial, packet.version, packet.body) == (Kind.HEARTBEAT, PHONE, 7, version, b"")
    answer = parse(*packet.general_answers(Result.DONE))
    assert (answer.kind, answer.phone, answer.version) == (0x8001, PHONE, version)
    assert answer.body == bytes.fromhex("0007000200")


def test_the_code_of_a_login_stands_alone_in_2013_and_behind_its_length_in_2019() -> None:
    assert parse(message(Kind.LOGIN, b"secret")).code == "secret"
    assert parse(message(Kind.LOGIN, b"\x06secret" + bytes(35), version=1)).code == "secret"
    with pytest.raises(DecodeError):
        _ = parse(message(Kind.LOGIN, b"\xff\xff")).code


def test_a_registration_is_answered_with_a_code_or_without() -> None:
    packet = parse(message(Kind.REGISTER))
    assert parse(packet.register_answer(Registered.DONE, "code")).body == b"\x00\x07\x00code"
    assert parse(packet.register_answer(Registered.KNOWN)).body == b"\x00\x07\x03"


def test_hemispheres_depths_and_a_missing_fix() -> None:
    south_west = values(report(position(status=0b1110)))
    assert (south_west["latitude"], south_west["longitude"]) == (-36.066, -120.382)
    assert "latitude" not in values(report(position(status=0)))
    below = bytearray(position())
    below[16:18] = (0x10000 - 3).to_bytes(2, "big")
    assert values(report(bytes(below)))["altitude"] == -3.0


def test_a_bulk_report_keeps_the_time_of_each_position() -> None:
    readings = decode_jt808(PROFILE, "jt808/1", message(Kind.POSITIONS, bulk(position(), position(when="260921080030"))), 0)
    assert sorted({reading.event_time_us for reading in readings}) == [TIME_US, TIME_US + 30_000_000]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "not_a_packet"),
        (message(Kind.POSITION, position())[:-1], "not_a_packet"),
        (message(Kind.POSITION, position(), properties=0x0400), "encrypted"),
        (message(Kind.POSITION, b"\x00\x02\x00\x01" + position(), properties=0x2000), "divided"),
        (message(Kind.POSITION, b"\x00", properties=0x2000), "divided"),
        (message(Kind.HEARTBEAT), "jt808_kind"),
        (report(b"short"), "not_a_packet"),
        (report(position(when="261340080000")), "bad_time"),
        (report(position(when="26092108000f")), "bad_time"),
        (report(position(latitude=90_000_001)), "bad_value"),
        (report(position(items=b"\x01\x04\x00")), "not_a_packet"),
        (report(position(items=b"\x01")), "not_a_packet"),
        (message(Kind.POSITIONS, b"\x00"), "not_a_packet"),
        (message(Kind.POSITIONS, bulk(position())[:-1]), "not_a_packet"),
        (message(Kind.POSITIONS, b"\x00\x02\x01" + bulk(position())[3:]), "not_a_packet"),
        (message(Kind.POSITIONS, bulk(*[position()] * 5 * 36)[:1_023]), "not_a_packet"),
    ],
)
def test_what_cannot_be_used_is_named(payload: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_jt808(PROFILE, "jt808/1", payload, 0)
    assert refused.value.reason == reason


def test_letters_are_no_number_of_a_terminal() -> None:
    with pytest.raises(DecodeError, match="not digits"):
        parse(b"\x00\x02\x00\x00" + b"\xab" * 6 + b"\x00\x01")


def test_no_bytes_make_anything_but_readings_or_a_refusal() -> None:
    rng = Random(2)
    for _ in range(2_000):
        payload = bytearray(report())
        for _ in range(rng.randrange(1, 6)):
            payload[rng.randrange(len(payload))] = rng.randrange(256)
        try:
            decode_jt808(PROFILE, "jt808/1", bytes(payload[: rng.randrange(1, len(payload) + 1)]), 0)
        except DecodeError:
            continue
