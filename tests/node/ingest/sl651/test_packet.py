"""Published frames of SL 651-2014, their values and their answers; and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.profiles import Format, Profile
from node.ingest.sink import Reading
from node.ingest.sl651.frame import ESC, SYN, Framer
from node.ingest.sl651.packet import HEARTBEAT, parse
from tests.node.ingest.parts import NOW_US, TERRITORY
from tests.node.ingest.sl651 import station

PROFILE = Profile("p", "sl651/#", Format.SL651, "water-level", TERRITORY)


def readings(frame: bytes) -> list[Reading]:
    """What a frame becomes."""
    return decode(PROFILE, "sl651/1", frame, 0)


def values(frame: bytes) -> list[tuple[str, float | None, str | None]]:
    """Quantities, values and units of a frame."""
    return [(reading.quantity, reading.value, reading.unit) for reading in readings(frame)]


def reason(frame: bytes) -> str:
    """Why a frame is refused."""
    with pytest.raises(DecodeError) as refused:
        readings(frame)
    return refused.value.reason


def test_the_published_test_report() -> None:
    assert values(station.TEST) == [("PJ", 0.5, "mm"), ("PT", 0.5, "mm"), ("Z", 0.127, "m"), ("VT", 11.15, "V")]
    assert {reading.device for reading in readings(station.TEST)} == {station.STATION}


def test_the_published_timed_report() -> None:
    assert values(station.TIMED) == [("PJ", 4.0, "mm"), ("PT", 4.0, "mm"), ("Z", 10.49, "m"), ("VT", 10.99, "V")]
    (moment,) = {reading.event_time_us for reading in readings(station.TIMED)}
    assert datetime.fromtimestamp(moment / 1e6, UTC) == datetime(2017, 7, 18, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize(("frame", "answer"), [(station.TEST, station.TEST_ANSWER), (station.TIMED, station.TIMED_ANSWER)])
def test_the_answers_are_the_published_ones_byte_for_byte(frame: bytes, answer: bytes) -> None:
    assert parse(frame).answer(ESC) == answer


@pytest.mark.parametrize(("frame", "device"), [(station.HEARTBEAT, station.STATION), (station.HEARTBEAT_WITH_START_INSIDE, "9876543210")])
def test_the_published_link_keepers(frame: bytes, device: str) -> None:
    (whole,) = Framer().feed(frame)
    assert (parse(whole).function, parse(whole).device) == (HEARTBEAT, device)
    assert reason(whole) == "sl651_function"


def test_the_published_uniform_report_holds_two_elements_side_by_side() -> None:
    frame = station.framed(0x31, station.UNIFORM_HEAD + "00000500001049" * 12, station="0055667712", password="A000")
    found = readings(frame)
    assert len(found) == 24
    assert [entry[4:6] for entry in found[:2]] == [("PN05", 0.5), ("Z", 10.49)]
    assert found[2].event_time_us - found[0].event_time_us == 300_000_000
    assert datetime.fromtimestamp(found[0].event_time_us / 1e6, UTC) == datetime(2020, 9, 24, 17, 5, tzinfo=UTC)


def test_the_published_reports_in_ascii() -> None:
    assert values(station.ASCII_TEST) == [("PJ", 0.5, "mm"), ("PT", 0.5, "mm"), ("Z", 0.301, "m"), ("VT", 10.91, "V")]
    assert {(reading.device, reading.event_time_us) for reading in readings(station.ASCII_TEST)} == {("0012341234", 1_500_347_520_000_000)}
    assert parse(station.ASCII_HEARTBEAT).function == HEARTBEAT


def test_a_report_in_ascii_is_answered_in_ascii() -> None:
    answer = parse(station.ASCII_TEST).answer(ESC)
    assert answer.startswith(b"\x0100123412340604D2308010\x020019170718111204\x1b")
    assert list(Framer().feed(answer)) == [answer]


def test_an_hourly_report_in_ascii() -> None:
    found = readings(station.ascii_report(f"TT 2311150613 DRP FF{'05' * 11} DRZ1 FFFF{'0419' * 11}", function=0x34))
    assert {entry[4:6] + entry[7:] for entry in found} == {("DRP", 0.5, "mm"), ("DRZ1", 10.49, "m")}
    assert len(found) == 22


def test_a_uniform_report_of_one_element_needs_no_hint() -> None:
    assert values(station.report("0418000100" + "3923" + "00010490" * 3, function=0x31)) == [("Z", 10.49, "m")] * 3


def test_a_uniform_report_that_can_be_read_in_two_ways_is_refused() -> None:
    """Two bytes a number: an identifier may be a number of the one before."""
    assert reason(station.report("0418000005" + "1010" + "1110" + "0101" * 4, function=0x31)) == "not_a_packet"


def test_an_hourly_report_gives_the_rain_and_the_level_of_each_five_minutes() -> None:
    rain, level = "FF" + "05" * 11, "FFFF" + "0419" * 11
    found = readings(station.report(f"F460{rain}F5C0{level}", function=0x34))
    assert {entry[4:6] + entry[7:] for entry in found} == {("DRP", 0.5, "mm"), ("DRZ1", 10.49, "m")}
    assert [entry.event_time_us for entry in found[:2]] == [NOW_US - 20_000_000 + 300_000_000 * index for index in (1, 2)]


def test_numbers_below_zero_and_missing_ones() -> None:
    assert values(station.report("0219FF0053" + "0319FFFFFF" + "381212FF"[:4] + "1260")) == [("AI", -5.3, "Cel"), ("VT", 12.6, "V")]


def test_the_state_of_a_station_is_its_bits_and_a_makers_own_element_keeps_its_number() -> None:
    assert values(station.report("452000000201" + "FF3812" + "1234")) == [("ZT", 513.0, None), ("FF38", 12.34, None)]


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (b"", "not_a_packet"),
        (station.report("3923000104"), "not_a_packet"),
        (station.report("39"), "not_a_packet"),
        (station.report("390000"), "not_a_packet"),
        (station.report("39230001049A"), "bad_value"),
        (station.report("", observed="2313150613"), "bad_time"),
        (station.report("", observed="23AA150613"), "bad_time"),
        (station.report(""), "no_value"),
        (station.report("F3F3FFD8"), "sl651_element"),
        (station.report("0418000000" + "392300000000", function=0x31), "bad_time"),
        (station.framed(0x36, "0001231115061320", begin=SYN), "divided"),
        (station.TEST_ANSWER, "not_a_packet"),
        (station.ascii_report("Z"), "not_a_packet"),
        (station.ascii_report("Z high"), "bad_value"),
        (station.ascii_report("Z nan"), "bad_value"),
        (station.ascii_report("Z 1e999"), "bad_value"),
        (station.ascii_report("<b> 1"), "bad_quantity"),
        (station.ascii_report("DRP 0"), "bad_value"),
        (station.ascii_report("DRN05 PJ 1 2 3", function=0x31), "sl651_element"),
        (station.ascii_report("TT 2313150613 Z 1"), "bad_time"),
        (station.ascii_report(""), "no_value"),
        (station.ASCII_TEST[:3] + b"ZZ" + station.ASCII_TEST[5:], "not_a_packet"),
    ],
)
def test_what_cannot_be_used_is_named(frame: bytes, expected: str) -> None:
    assert reason(frame) == expected
