"""Decoders over the collected samples, over the RFC's resolved records, and over random bytes."""

from __future__ import annotations

import base64
import json
from collections import Counter
from random import Random
from typing import Any

import msgspec
import pytest

from node.ingest.decode import DECODERS, decode
from node.ingest.errors import DecodeError
from node.ingest.profiles import Format, Profile, TimeUnit
from tests.node.ingest.jt808.terminal import report
from tests.node.ingest.parts import NOW_US, SHARED_DATA
from tests.node.ingest.sl651.station import TIMED

SAMPLES = SHARED_DATA / "messages" / "samples.jsonl"
SENML_FORMATS = {"json": Format.SENML, "cbor": Format.SENML_CBOR, "xml": Format.SENML_XML, "mpack": Format.SENML_MSGPACK}
VERSION_11 = frozenset({"senml-042", "senml-043", "senml-044"})
"""Vectors of a library with bver 11: its own reader takes them, RFC 8428 section 4.4 says a reader of version 10 must not."""


def profile(format_: Format, **changes: Any) -> Profile:
    """A profile for every topic."""
    return Profile("test", "#", format_, "air-quality", "3702", **changes)


def samples_of(*families: str) -> list[dict[str, Any]]:
    """The collected messages of some families."""
    if not SAMPLES.exists():
        pytest.skip("the collected message samples are not here")
    entries = (json.loads(line) for line in SAMPLES.read_text("utf-8").splitlines())
    return [entry for entry in entries if entry["family"] in families]


def samples() -> list[dict[str, Any]]:
    """The collected messages whose format the node reads without a profile file."""
    return [entry for entry in samples_of("senml", "tasmota", "zigbee2mqtt") if sample_profile(entry) is not None]


def sample_profile(entry: dict[str, Any]) -> Profile | None:
    """How a sample is read; None for a format the node does not claim."""
    if entry["family"] == "senml":
        return profile(SENML_FORMATS[entry["format"]]) if entry["format"] in SENML_FORMATS else None
    if entry["family"] == "tasmota":
        return profile(Format.JSON, device_level=1, time_field="Time")
    if entry["family"] == "zigbee2mqtt":
        return profile(Format.JSON, device_level=1, time_field="last_seen", time_unit=TimeUnit.MILLISECONDS)
    return None


def sample_payload(entry: dict[str, Any]) -> bytes:
    """The exact bytes of a sample."""
    return base64.b64decode(entry["payload"]) if entry["encoding"] == "base64" else entry["payload"].encode()


def outcome(entry: dict[str, Any], read_as: Profile) -> str:
    """What the decoder makes of a sample."""
    try:
        decode(read_as, "tele/device", sample_payload(entry), NOW_US)
    except DecodeError:
        return "invalid"
    return "valid"


def test_every_sample_meets_its_expectation() -> None:
    wrong, seen = [], Counter[str]()
    for entry in samples():
        read_as = sample_profile(entry)
        assert read_as is not None
        expected = "invalid" if entry["id"] in VERSION_11 else entry["expect"]
        found = outcome(entry, read_as)
        seen[entry["family"]] += 1
        if expected not in ("unspecified", found):
            wrong.append((entry["id"], expected, found))
    assert wrong == []
    assert seen == {"senml": 44, "tasmota": 91, "zigbee2mqtt": 269}


def test_version_11_decodes_when_the_profile_allows_it() -> None:
    entries = [entry for entry in samples() if entry["id"] in VERSION_11]
    found = {outcome(entry, profile(SENML_FORMATS[entry["format"]], senml_version_max=11)) for entry in entries}
    assert (len(entries), found) == (3, {"valid"})


def test_resolved_records_of_the_rfc_are_reproduced() -> None:
    checked = 0
    for entry in samples():
        if "decoded" not in entry or entry["format"] != "json":
            continue
        readings = decode(profile(Format.SENML), "t", sample_payload(entry), round(entry["decoded"][0]["t"] * 1e6))
        for reading, wanted in zip(readings, entry["decoded"], strict=False):
            assert reading.value == (float(wanted["v"]) if "v" in wanted else float(wanted["vb"]) if "vb" in wanted else None)
            assert reading.unit == wanted.get("u")
            assert abs(reading.event_time_us - wanted["t"] * 1e6) < 2 or wanted["t"] * 1e6 > NOW_US * 10
            assert reading.device in wanted["n"]
            checked += 1
    assert checked > 30


def test_base_name_and_name_become_device_and_quantity() -> None:
    payload = b'[{"bn":"urn:dev:1:","bu":"Cel","bt":1e9,"bv":10,"n":"temp","v":1.5,"s":3},{"n":"on","vb":true,"t":-1e9}]'
    first, total, switch = decode(profile(Format.SENML), "t", payload, NOW_US)
    assert first[3:] == ("urn:dev:1", "temp", 11.5, None, "Cel")
    assert (first.event_time_us, total.quantity, total.value) == (10**15, "temp.sum", 3.0)
    assert (switch.event_time_us, switch.quantity, switch.value) == (NOW_US, "on", 1.0)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"[]", "empty_pack"),
        (b'[{"n":"a","v":1,"vs":"b"}]', "two_values"),
        (b'[{"n":"a","v":1,"magic_":1}]', "unknown_must_field"),
        (b'[{"n":"a","v":"1"}]', "bad_field"),
        (b'[{"n":"a","v":true}]', "bad_field"),
        (b'[{"n":"a","vb":1}]', "bad_field"),
        (b'[{"n":"a","v":1,"bver":0}]', "bad_field"),
        (b'[{"n":"a","v":1,"t":1e300}]', "time_out_of_range"),
        (b'[{"n":"a","v":1e400}]', "not_json"),
        (b'[{"n":"a","vd":"a b"}]', "bad_field"),
        (b'[{"bv":1e308,"n":"a","v":1e308}]', "bad_value"),
        (b'[{"v":1}]', "bad_name"),
        (b"[" + b",".join([b'{"n":"a","v":1}'] * 1_001) + b"]", "too_many_readings"),
        (b"[" * 100_000, "not_json"),
    ],
)
def test_bad_senml_is_refused_with_its_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(profile(Format.SENML), "t", payload, NOW_US)
    assert refused.value.reason == reason


def test_xml_with_a_document_type_is_refused() -> None:
    payload = b'<!DOCTYPE s [<!ENTITY a "aaaa">]><sensml xmlns="urn:ietf:params:xml:ns:senml"><senml n="&a;" v="1"/></sensml>'
    with pytest.raises(DecodeError) as refused:
        decode(profile(Format.SENML_XML), "t", payload, NOW_US)
    assert refused.value.reason == "xml_doctype"


def test_flat_readings_take_every_form_of_time() -> None:
    times = [1_700_000_000, 1_700_000_000.25, "2023-11-14T22:13:20Z", "2023-11-15T06:13:20", None]
    payload = json.dumps([{"device": "d", "value": 1, "time": time} for time in times]).encode()
    found = [reading.event_time_us - NOW_US for reading in decode(profile(Format.READING), "t", payload, NOW_US + 7)]
    assert found == [0, 250_000, 0, 0, 7]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"device": "d"}, "no_value"),
        ({"value": 1}, "not_a_reading"),
        ({"device": "", "value": 1}, "no_device"),
        ({"device": "d" * 300, "value": 1}, "device_too_long"),
        ({"device": "d", "value": "high"}, "not_a_reading"),
        ({"device": "d", "value": 10**400}, "not_a_reading"),
        ({"device": "d", "value": 1, "time": "yesterday"}, "bad_time"),
        ({"device": "d", "value": 1, "time": -5}, "time_out_of_range"),
        ({"device": "d", "value": 1, "unit": "u" * 33}, "unit_too_long"),
        ({"device": "d", "text": "t" * 5_000}, "text_too_long"),
        ({"device": "d", "value": 1, "territory": "370102"}, "foreign_territory"),
        ({"device": "d", "value": 1, "territory": "37020"}, "foreign_territory"),
    ],
)
def test_bad_readings_are_refused_with_their_reason(fields: dict[str, object], reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(profile(Format.READING), "t", json.dumps(fields).encode(), NOW_US)
    assert refused.value.reason == reason


def test_a_reading_may_name_a_territory_inside_the_profile() -> None:
    (reading,) = decode(profile(Format.READING), "t", b'{"device":"d","value":true,"territory":"370202"}', NOW_US)
    assert (reading.territory, reading.value) == ("370202", 1.0)


def test_objects_flatten_to_quantities_by_path() -> None:
    payload = b'{"device":"d","time":1700000000,"a":{"b":1,"c":[true,"x",null]}}'
    found = [(reading.quantity, reading.value, reading.text) for reading in decode(profile(Format.JSON), "t", payload, NOW_US)]
    assert found == [("a.b", 1.0, None), ("a.c.0", 1.0, None), ("a.c.1", None, "x")]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"{", "not_json"),
        (b"1", "not_an_object"),
        (b'{"v":1}', "no_device"),
        (b'{"device":"d","v":' + b"[" * 20 + b"]" * 20 + b"}", "too_deep"),
    ],
)
def test_bad_objects_are_refused_with_their_reason(payload: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode(profile(Format.JSON), "t", payload, NOW_US)
    assert refused.value.reason == reason


@pytest.mark.slow
@pytest.mark.parametrize("format_", list(DECODERS))
def test_random_and_mutated_bytes_only_raise_decode_errors(format_: Format) -> None:
    rng = Random(42)
    seeds = {
        Format.READING: b'[{"device":"d","value":1,"time":1700000000,"text":"\\ud83d\\ude00","territory":"370202"}]',
        Format.JSON: b'{"device":"d","time":"2023-11-15T06:13:20","a":{"b":[1,2.5e3,true,"x"]}}',
        Format.SENML: b'[{"bn":"urn:dev:1:","bt":1e9,"n":"t","u":"Cel","v":1.5,"s":2}]',
        Format.SENML_CBOR: base64.b64decode("gqMhZ3VybjphOjEiGk6uoYgC+T4AowBhYgFhQwIB"),
        Format.SENML_XML: b'<sensml xmlns="urn:ietf:params:xml:ns:senml"><senml bn="a" v="1" t="2"></senml></sensml>',
        Format.SENML_MSGPACK: msgspec.msgpack.encode([{"n": "a", "v": 1.5, "t": 5}]),
        Format.HJ212: b"CN=2011;MN=a;Flag=5;CP=&&DataTime=20160801120000;w01018-Rtd=36.1,w01018-Flag=T;a-Rtd=2&&",
        Format.JT808: report(),
        Format.SL651: TIMED,
    }
    outcomes = Counter[str]()
    for _ in range(3_000):
        data = bytearray(seeds[format_] if rng.random() < 0.8 else rng.randbytes(rng.randint(0, 60)))
        for _ in range(rng.randint(0, 4)):
            place = rng.randint(0, len(data))
            data[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
        try:
            for reading in decode(profile(format_), "t", bytes(data), NOW_US):
                assert reading.device.encode()
                assert reading.quantity.encode()
            outcomes["decoded"] += 1
        except DecodeError:
            outcomes["refused"] += 1
    assert outcomes["refused"] > 500
