"""Messages of JT/T 808 in parts, put together."""

from __future__ import annotations

import struct

import pytest

from node.ingest.jt808.dialect import Jt808
from node.ingest.jt808.frame import framed
from node.ingest.jt808.location import decode_jt808
from node.ingest.jt808.packet import Kind, parse
from node.ingest.jt808.parts import PARTS_MAX, UNFINISHED_MAX, JoiningFramer
from node.ingest.profiles import Format, Profile
from tests.node.ingest.jt808.terminal import PHONE, bulk, message, position, report

PROFILE = Profile("p", "#", Format.JT808, "vehicle-positions", "370202")
WHOLE = bulk(*(position(when=f"2609210800{second:02d}") for second in range(60)))


def parts(body: bytes = WHOLE, count: int = 3, *, first_serial: int = 7, version: int | None = None) -> list[bytes]:
    """A message in parts, as a terminal sends them."""
    size = -(-len(body) // count)
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [part(len(pieces), index, piece, (first_serial + index - 1) & 0xFFFF, version) for index, piece in enumerate(pieces, start=1)]


def part(total: int, number: int, piece: bytes, serial: int = 7, version: int | None = None) -> bytes:
    """One part: the length in its header is that of the piece alone."""
    head = message(Kind.POSITIONS, piece, serial=serial, version=version, properties=0x2000)
    at = len(head) - len(piece)
    return head[:at] + struct.pack(">HH", total, number) + piece


def fed(*messages: bytes) -> list[bytes]:
    """What a new framer makes of them."""
    return list(JoiningFramer().feed(b"".join(map(framed, messages))))


@pytest.mark.parametrize("version", [None, 1])
def test_parts_in_any_order_become_one_message(version: int | None) -> None:
    first, second, third = parts(version=version)
    (whole,) = fed(third, first, second)
    readings = decode_jt808(PROFILE, "jt808/1", whole, 0)
    assert len({reading.event_time_us for reading in readings}) == 60
    assert {reading.device for reading in readings} == {PHONE}


def test_every_part_gets_its_answer_once_the_whole_is_stored() -> None:
    (whole,) = fed(*parts(first_serial=0xFFFF - 1))
    heard = Jt808(gives_codes=False).read(whole)
    answers = [parse(answer).body for answer in JoiningFramer().feed(heard.answer)]
    assert [struct.unpack(">HHB", body) for body in answers] == [(serial, Kind.POSITIONS, 0) for serial in (0xFFFE, 0xFFFF, 0)]
    assert heard.topic == f"jt808/{PHONE}"


def test_a_repeated_part_counts_once_and_other_messages_pass_between() -> None:
    first, second, third = parts()
    found = fed(first, first, report(), second, third)
    assert [parse(whole).parts for whole in found] == [1, 3]


@pytest.mark.parametrize(("total", "number"), [(0, 0), (2, 0), (2, 3), (PARTS_MAX + 1, 1)])
def test_a_part_that_cannot_be_is_damage(total: int, number: int) -> None:
    framer = JoiningFramer()
    assert list(framer.feed(framed(part(total, number, b"x")))) == []
    assert framer.damaged == 1


def test_unfinished_messages_are_bounded_and_the_oldest_makes_room() -> None:
    framer = JoiningFramer()
    for total in range(2, UNFINISHED_MAX + 3):
        assert list(framer.feed(framed(part(total, 1, b"x")))) == []
    assert (len(framer._unfinished), framer.damaged) == (UNFINISHED_MAX, 1)
