"""Sparkplug B: births tell aliases, data carries them, and nothing hostile gets through."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.profiles import Format, Profile
from node.ingest.sink import Reading
from node.ingest.sparkplug import reader as module
from node.ingest.sparkplug.reader import SparkplugReader
from node.ingest.sparkplug.wire import Payload
from tests.node.ingest.parts import NOW_US, TERRITORY

NOW_MS = NOW_US // 1_000
BIRTH, DATA = "spBv1.0/water/DBIRTH/gateway-1/pump-3", "spBv1.0/water/DDATA/gateway-1/pump-3"
INT16, INT32, FLOAT, BOOLEAN, STRING = 2, 3, 9, 11, 12


def profile() -> Profile:
    """A profile whose reader has heard nothing."""
    return Profile("p", "spBv1.0/#", Format.SPARKPLUG, "water-level", TERRITORY, reader=SparkplugReader())


def payload(*metrics: dict[str, Any], timestamp: int = NOW_MS, unit: str = "") -> bytes:
    """A payload with metrics by the names of their fields."""
    made = Payload(timestamp=timestamp, seq=1)
    for fields in metrics:
        metric = made.metrics.add(**fields)
        if unit:
            metric.properties.keys.append("engUnit")
            metric.properties.values.add(string_value=unit)
    return bytes(made.SerializeToString())


def born(profile: Profile) -> list[Reading]:
    """The readings of a birth with two metrics."""
    flow = {"name": "Flow/In", "alias": 7, "datatype": FLOAT, "float_value": 12.5}
    return decode(profile, BIRTH, payload(flow, {"name": "On", "alias": 8, "datatype": BOOLEAN, "boolean_value": True}, unit="m3/h"), 0)


def reason(topic: str, data: bytes) -> str:
    """Why a message is refused."""
    with pytest.raises(DecodeError) as refused:
        decode(profile(), topic, data, NOW_US)
    return refused.value.reason


def test_the_bytes_are_those_of_the_specifications_fields() -> None:
    """timestamp is field 1, a metric field 2, its name 1, alias 2, datatype 4 and double_value 13."""
    metric = b"\x0a\x01T" + b"\x10\x05" + b"\x20\x0a" + b"\x69" + bytes.fromhex("0000000000003540")
    data = b"\x08\x01" + b"\x12" + bytes([len(metric)]) + metric + b"\x18\x00"
    (found,) = decode(profile(), BIRTH, data, 0)
    assert (found.quantity, found.value, found.event_time_us) == ("T", 21.0, 1_000)


def test_a_birth_is_read_and_names_what_data_only_numbers() -> None:
    speaking = profile()
    assert [entry[3:] for entry in born(speaking)] == [
        ("water/gateway-1/pump-3", "Flow/In", 12.5, None, "m3/h"),
        ("water/gateway-1/pump-3", "On", 1.0, None, "m3/h"),
    ]
    (found,) = decode(speaking, DATA, payload({"alias": 7, "float_value": 3.25, "timestamp": NOW_MS + 5}), 0)
    assert (found.quantity, found.value, found.unit, found.event_time_us) == ("Flow/In", 3.25, "m3/h", NOW_US + 5_000)


def test_an_alias_that_no_birth_told_is_refused_and_a_named_metric_needs_none() -> None:
    assert reason(DATA, payload({"alias": 7, "float_value": 3.25})) == "unknown_alias"
    (found,) = decode(profile(), DATA, payload({"name": "Level", "datatype": FLOAT, "float_value": 3.25}), 0)
    assert found.quantity == "Level"


def test_a_node_that_is_born_again_or_dies_has_no_old_aliases() -> None:
    for topic in ("spBv1.0/water/NBIRTH/gateway-1", "spBv1.0/water/NDEATH/gateway-1"):
        speaking = profile()
        born(speaking)
        assert decode(speaking, topic, payload({"name": "bdSeq", "datatype": 8, "long_value": 0}), 0) == []
        with pytest.raises(DecodeError, match="unknown_alias"):
            decode(speaking, DATA, payload({"alias": 7, "float_value": 1.0}), 0)


def test_signed_numbers_stand_in_twos_complement() -> None:
    metrics = [
        {"name": "a", "datatype": INT16, "int_value": 0xFFFE},
        {"name": "b", "datatype": INT32, "int_value": 0xFFFFFFFF},
        {"name": "c", "datatype": 4, "long_value": (1 << 64) - 3},
        {"name": "d", "datatype": 7, "long_value": 0xFFFFFFFF},
    ]
    assert [entry.value for entry in decode(profile(), BIRTH, payload(*metrics), 0)] == [-2.0, -1.0, -3.0, 4294967295.0]


def test_nulls_and_numbers_that_are_none_give_no_reading_and_text_is_text() -> None:
    metrics = [
        {"name": "a", "datatype": FLOAT, "is_null": True},
        {"name": "b", "datatype": FLOAT, "float_value": float("nan")},
        {"name": "c", "datatype": STRING, "string_value": "open"},
        {"name": "Node Control/Rebirth", "datatype": BOOLEAN, "boolean_value": False},
    ]
    assert [(entry.quantity, entry.value, entry.text) for entry in decode(profile(), BIRTH, payload(*metrics), 0)] == [("c", None, "open")]


@pytest.mark.parametrize(
    ("topic", "data", "expected"),
    [
        (DATA, b"\xff\xff\xff", "not_a_payload"),
        (DATA, b'{"metrics": []}', "not_a_payload"),
        ("spBv1.0/water/NCMD/gateway-1", b"", "sparkplug_kind"),
        ("spBv1.0/STATE/host", b"", "not_sparkplug"),
        ("spAv1.0/water/NDATA/gateway-1", b"", "not_sparkplug"),
        ("spBv1.0/<b>/DBIRTH/gateway-1", payload({"name": "a", "int_value": 1}), "bad_device"),
        (BIRTH, payload({"name": "<script>", "int_value": 1}), "bad_quantity"),
        (BIRTH, payload({"int_value": 1}), "no_quantity"),
        (BIRTH, payload({"name": "a", "double_value": float("inf")}), "bad_value"),
        (BIRTH, payload({"name": "a", "int_value": 1}, timestamp=1 << 60), "time_out_of_range"),
        (BIRTH, payload({"name": "a", "int_value": 1}, unit="u" * 33), "unit_too_long"),
        (BIRTH, payload(*[{"name": "a", "int_value": 1}] * 1_001), "too_many_readings"),
    ],
)
def test_what_cannot_be_used_is_named(topic: str, data: bytes, expected: str) -> None:
    assert reason(topic, data) == expected


def test_births_are_bounded_and_the_oldest_node_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALIASES_MAX", 5)
    speaking = profile()
    for number in range(4):
        metrics = [{"name": f"m{alias}", "alias": alias, "int_value": alias} for alias in range(2)]
        decode(speaking, f"spBv1.0/g/NBIRTH/n{number}", payload(*metrics), 0)
    assert isinstance(speaking.reader, SparkplugReader)
    assert list(speaking.reader._born) == [("g", "n2"), ("g", "n3")]


def test_random_bytes_only_raise_decode_errors() -> None:
    rng, speaking = Random(5), profile()
    seed = payload({"name": "Flow", "alias": 7, "datatype": FLOAT, "float_value": 12.5}, unit="m3/h")
    outcomes = {"decoded": 0, "refused": 0}
    for _ in range(1_000):
        data = bytearray(seed)
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        try:
            decode(speaking, BIRTH, bytes(data), NOW_US)
            outcomes["decoded"] += 1
        except DecodeError:
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100
