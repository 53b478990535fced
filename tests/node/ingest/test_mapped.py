"""JSON read by the expressions of a profile."""

from __future__ import annotations

import json

import pytest

from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.expressions import Expression
from node.ingest.mapped import Mapped, MappedReader
from node.ingest.profiles import Format, Profile
from node.ingest.sink import Reading
from tests.node.ingest.parts import NOW_US, TERRITORY

LEVEL = Mapped("level", Expression("data.level"), scale=0.01)
DOOR = Mapped("door", Expression("data.door"), states={"1": "open", "true": "open", "O": "open"})


def readings(content: object, *quantities: Mapped, **options: object) -> list[Reading]:
    """What a message becomes."""
    reader = MappedReader(quantities or (LEVEL, DOOR), **{"device": Expression("id"), **options})  # type: ignore[arg-type]
    profile = Profile("p", "#", Format.JSON, "water-level", TERRITORY, device_level=1, reader=reader)
    return decode(profile, "site/well-7/up", content if isinstance(content, bytes) else json.dumps(content).encode(), NOW_US)


def reason(content: object, *quantities: Mapped, **options: object) -> str:
    """Why a message is refused."""
    with pytest.raises(DecodeError) as refused:
        readings(content, *quantities, **options)
    return refused.value.reason


def test_values_are_found_scaled_and_named() -> None:
    found = readings({"id": "w1", "data": {"level": 312, "door": 1}})
    assert [entry[3:] for entry in found] == [("w1", "level", 3.12, None, None), ("w1", "door", 1.0, "open", None)]
    assert {entry.event_time_us for entry in found} == {NOW_US}


def test_a_message_names_its_time_its_unit_and_a_numeric_device() -> None:
    quantity = Mapped("level", Expression("v"), unit=Expression("u"))
    (found,) = readings({"id": 17, "ts": "2023-11-15T06:13:20", "v": 1.5, "u": "m"}, quantity, time=Expression("ts"))
    assert (found.event_time_us, found.device, found.unit) == (NOW_US, "17", "m")


def test_the_topic_names_the_device_where_the_profile_says_so() -> None:
    (found,) = readings({"data": {"level": 1}}, LEVEL, device=None)
    assert found.device == "well-7"


def test_each_item_of_a_list_is_read_and_the_message_fills_what_it_lacks() -> None:
    content = {"id": "w1", "samples": [{"t": NOW_US / 1e6, "v": 1}, {"t": NOW_US / 1e6 + 60, "v": 2}]}
    found = readings(content, Mapped("level", Expression("v")), each=Expression("samples"), time=Expression("t"))
    assert [(entry.device, entry.event_time_us - NOW_US, entry.value) for entry in found] == [("w1", 0, 1.0), ("w1", 60_000_000, 2.0)]


def test_texts_and_booleans_become_states() -> None:
    assert [readings({"id": "a", "data": {"door": raw}})[0][5:7] for raw in (True, False, "O", "half")] == [
        (1.0, "open"),
        (0.0, None),
        (None, "open"),
        (None, "half"),
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"{", "not_json"),
        (b"[" * 60_000, "not_json"),
        ({"id": "a"}, "nothing_mapped"),
        (7, "no_device"),
        ({"data": {"level": 1}}, "no_device"),
        ({"id": ["a"], "data": {"level": 1}}, "no_device"),
        ({"id": "<b>a</b>", "data": {"level": 1}}, "bad_device"),
        ({"id": "a\u202e", "data": {"level": 1}}, "bad_device"),
        ({"id": "a", "data": {"level": {"deep": 1}}}, "not_a_value"),
        ({"id": "a", "data": {"level": [1]}}, "not_a_value"),
        (b'{"id":"a","data":{"level":1e999}}', "not_json"),
        ({"id": "a", "data": {"level": 10**400}}, "bad_value"),
    ],
)
def test_bad_messages_are_refused_with_their_reason(content: object, expected: str) -> None:
    assert reason(content) == expected


def test_a_required_quantity_must_be_there() -> None:
    assert reason({"id": "a", "data": {"door": 1}}, Mapped("level", Expression("data.level"), required=True), DOOR) == "quantity_missing"


def test_a_list_that_is_none_or_too_long_is_refused() -> None:
    quantity = Mapped("level", Expression("@"))
    assert reason({"id": "a"}, quantity, each=Expression("samples")) == "nothing_mapped"
    assert reason({"id": "a", "samples": [1] * 1_001}, quantity, each=Expression("samples")) == "too_many_readings"


def test_a_message_that_would_take_long_is_refused_before_it_is_looked_at() -> None:
    assert reason(b'{"id":"a","pad":"' + b"x" * 65_536 + b'"}') == "message_too_large"
    assert reason({str(number): {} for number in range(1_001)}) == "message_too_large"
    many = [Mapped(f"q{number}", Expression("v")) for number in range(50)]
    assert reason({"id": "a", "samples": [{}] * 101}, *many, each=Expression("samples")) == "too_many_readings"


def test_other_messages_pass_where_the_profile_says_so() -> None:
    assert readings({"id": "a", "Uptime": 5}, LEVEL, passes_others=True) == []
