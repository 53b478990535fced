"""Packets of HJ 212-2017: reports become readings under the standard's codes, and what is no report is refused in one word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.ingest.decode import decode
from node.ingest.errors import DecodeError
from node.ingest.hj212.packet import parse
from node.ingest.profiles import Format, Profile

PROFILE = Profile("monitors", "hj212/#", Format.HJ212, "air-quality", "370202")
HEAD = "QN=20160801085857223;ST=32;CN={cn};PW=123456;MN=010000A8900016F000169DC0;Flag={flag};CP=&&{cp}&&"
NOON_US = 1_470_024_000_000_000
"""2016-08-01 12:00:00 in China."""


def report(cp: str, cn: str = "2011", flag: int = 5) -> bytes:
    """The data segment of a report."""
    return HEAD.format(cn=cn, cp=cp, flag=flag).encode()


def test_a_report_of_the_moment_becomes_a_reading_for_each_factor() -> None:
    cp = "DataTime=20160801120000;w01018-Rtd=36.1,w01018-Flag=N;w01001-Rtd=7.2,w01001-Flag=T;w00000-Rtd=12,w00000-Flag=N"
    found = decode(PROFILE, "hj212/32/x", report(cp), 0)
    assert {(one.event_time_us, one.device, one.territory) for one in found} == {(NOON_US, "010000A8900016F000169DC0", "370202")}
    assert [(one.quantity, one.value, one.text, one.unit) for one in found] == [
        ("w01018", 36.1, None, "mg/L"),
        ("w01001", 7.2, "T", "[pH]"),
        ("w00000", 12.0, None, None),
    ]


@pytest.mark.parametrize(("cn", "period"), [("2051", "minute"), ("2061", "hour"), ("2031", "day")])
def test_figures_of_a_period_carry_its_name(cn: str, period: str) -> None:
    cp = "DataTime=20160801120000;w01018-Cou=1.5,w01018-Min=1,w01018-Avg=2,w01018-Max=3,w01018-Flag=N"
    found = decode(PROFILE, "t", report(cp, cn), 0)
    assert [(one.quantity, one.value, one.unit) for one in found] == [
        (f"w01018.{period}.cou", 1.5, None),
        (f"w01018.{period}.min", 1.0, "mg/L"),
        (f"w01018.{period}.avg", 2.0, "mg/L"),
        (f"w01018.{period}.max", 3.0, "mg/L"),
    ]


def test_names_of_the_older_standard_empty_values_and_sample_times_are_understood() -> None:
    found = decode(PROFILE, "t", report("DataTime=20160801120000500;B01-Rtd=,011-SampleTime=20160801115900,011-Rtd=4.5,011-EFlag=A01"), 0)
    assert [(one.event_time_us, one.quantity, one.value, one.text) for one in found] == [(NOON_US + 500_000, "011", 4.5, "A01")]


@pytest.mark.parametrize(
    ("segment", "reason"),
    [
        (b"", "not_a_packet"),
        (b"\xff\xff\xff", "not_text"),
        (b"QN=1;CN=2011;MN=a;Flag=5;CP=&&", "not_a_packet"),
        (b"QN=1;CN=2011;Flag=5;CP=&&&&", "not_a_packet"),
        (b"CN=2011;MN=a;Flag=\xa3\xb5;CP=&&&&", "not_a_packet"),
        (b"CN=2011;MN=a;no pair;CP=&&&&", "not_a_packet"),
        (report("w01018-Rtd=1"), "no_time"),
        (report("DataTime=20161301120000"), "bad_time"),
        (report("DataTime=2016-08-01"), "bad_time"),
        (report("DataTime=19600801120000"), "time_out_of_range"),
        (report("DataTime=20160801120000;w01018-Rtd=abc"), "bad_value"),
        (report("DataTime=20160801120000;w01018-Rtd=nan"), "bad_value"),
        (report("DataTime=20160801120000", "3019"), "hj212_command"),
        (report(";".join(f"a{n}-Rtd=1" for n in range(1_001))), "too_many_readings"),
        (report("DataTime=20160801120000").replace(b"MN=", b"MN=" + b"x" * 300), "device_too_long"),
    ],
)
def test_what_is_no_report_is_refused_with_its_reason(segment: bytes, reason: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(PROFILE, "t", segment, 0)
    assert caught.value.reason == reason


@given(st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_decode_error(noise: bytes) -> None:
    for segment in (noise, report("DataTime=20160801120000;") + noise, HEAD.encode() + noise):
        try:
            decode(PROFILE, "t", segment, 0)
        except DecodeError:
            continue


def test_an_answer_names_the_request_and_the_device_and_wants_no_answer() -> None:
    packet = parse(report("DataTime=20160801120000"))
    assert packet.wants_answer
    assert packet.is_report
    answer = parse(packet.answer())
    assert (answer.request, answer.command, answer.device, answer.system) == (packet.request, "9014", packet.device, "91")
    assert not answer.wants_answer
    assert not answer.is_report
    assert not parse(report("DataTime=20160801120000", flag=4)).wants_answer
