"""Packets of HJ 212-2017: the fields of a data segment, the readings that a report carries, and the answer to one.

A report is a packet with command 2011 (real time), 2051 (minute), 2061 (hour) or 2031 (day). Each factor of it becomes a reading under
its code in the standard's tables, with the device's own flag as text where it is not N (normal). Called by the door and by
node/ingest/decode.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from node.ingest.errors import DecodeError
from node.ingest.fields import READINGS_PER_MESSAGE_MAX, checked_name, checked_number, checked_text, checked_time_us
from node.ingest.profiles import Profile
from node.ingest.sink import Reading

WANTS_ANSWER = 0b01
"""Bit of `Flag`: the device waits for an answer and repeats without it."""
ANSWER_FLAG = 0b100
"""`Flag` of an answer: the version of 2017, no answer wanted, not divided."""
ANSWER_SYSTEM, ANSWER_COMMAND = "91", "9014"
"""System interaction; data response."""
PERIODS: Mapping[str, str] = {"2011": "", "2051": "minute", "2061": "hour", "2031": "day"}
"""Reports by command, and the period whose figures they carry."""
NORMAL = "N"
MARKS = frozenset({"Flag", "EFlag"})
"""Parts of a factor that say something about its value."""
NOT_READ = frozenset({"SampleTime"})
UNITS: Mapping[str, str] = {
    "w01001": "[pH]",
    "w01018": "mg/L",
    "w21001": "mg/L",
    "w21003": "mg/L",
    "w21011": "mg/L",
    "a21002": "mg/m3",
    "a21026": "mg/m3",
    "a34013": "mg/m3",
}
"""Units of the commonest factors (UCUM): pH, COD, total nitrogen, ammonia, total phosphorus; nitrogen oxides, sulphur dioxide, soot."""

_PAIR = re.compile(r"([A-Za-z0-9_\-]{1,64})=(.*)", re.DOTALL)
_TIME = re.compile(r"\d{14}(\d{3})?")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Packet:
    """One data segment, read."""

    request: str
    """QN: the moment of the packet at the device, which names it; empty where the device gives none."""
    system: str
    """ST: what kind of thing is monitored."""
    command: str
    password: str
    device: str
    """MN: the unique number of the monitor."""
    flag: int
    content: tuple[tuple[str, str], ...]
    """What stands between the && signs, in order."""

    @property
    def is_report(self) -> bool:
        """True for what a device uploads by itself; other packets are answers or requests of its own."""
        return self.command[:1] in ("2", "3") and len(self.command) == 4

    @property
    def wants_answer(self) -> bool:
        """True when the device repeats the packet until it is answered."""
        return bool(self.flag & WANTS_ANSWER)

    def answer(self) -> bytes:
        """The data segment that tells the device that its report is stored."""
        about = {"ST": ANSWER_SYSTEM, "CN": ANSWER_COMMAND, "PW": self.password, "MN": self.device, "Flag": ANSWER_FLAG}
        fields = {"QN": self.request} | about
        named = ";".join(f"{key}={value}" for key, value in fields.items() if value != "")
        return f"{named};CP=&&&&".encode("gb18030")


def parse(segment: bytes) -> Packet:
    """The packet of a data segment; raises DecodeError."""
    try:
        text = segment.decode("gb18030")
    except UnicodeDecodeError as error:
        raise DecodeError("not_text", f"neither ASCII nor GB 18030: {error.reason} at byte {error.start}") from None
    head, opened, rest = text.partition("CP=&&")
    content, closed, _ = rest.rpartition("&&")
    if not (opened and closed):
        raise DecodeError("not_a_packet", "no CP=&&...&& in it")
    fields = dict(_pairs(head, ";"))
    flag = fields.get("Flag", "0")
    if not (flag.isascii() and flag.isdigit() and len(flag) <= 3):
        raise DecodeError("not_a_packet", f"Flag {flag[:20]!r} is not a number of at most three digits")
    command, device = fields.get("CN", ""), fields.get("MN", "")
    if not (command and device):
        raise DecodeError("not_a_packet", "it names no command (CN) or no device (MN)")
    request, system, password = (fields.get(key, "") for key in ("QN", "ST", "PW"))
    return Packet(request, system, command, password, checked_name(device, what="device"), int(flag), tuple(_pairs(content, ";,")))


def decode_hj212(profile: Profile, topic: str, payload: bytes, received_us: int) -> list[Reading]:
    """The readings of a report; raises DecodeError. `received_us` is not used: a report without its own time is refused."""
    packet = parse(payload)
    if packet.command not in PERIODS:
        raise DecodeError("hj212_command", f"command {packet.command[:8]!r} is none of {', '.join(PERIODS)}: its content is kept here")
    content = dict(packet.content)
    time_us = _time_us(content.pop("DataTime", ""))
    marks = _marks(content)
    return [
        Reading(time_us, profile.territory, profile.grade, packet.device, _quantity(packet, factor, part), value, marks.get(factor), unit)
        for factor, part, value, unit in _values(content)
    ]


def _pairs(text: str, separators: str) -> Iterator[tuple[str, str]]:
    parts = [part for part in re.split(f"[{separators}]", text) if part.strip()]
    if len(parts) > READINGS_PER_MESSAGE_MAX:
        raise DecodeError("too_many_readings", f"{len(parts)} values; at most {READINGS_PER_MESSAGE_MAX} in a packet")
    for part in parts:
        found = _PAIR.fullmatch(part.strip())
        if found is None:
            raise DecodeError("not_a_packet", f"{part[:40]!r} is not name=value")
        yield found[1], found[2]


def _time_us(text: str) -> int:
    """A time of the standard (China Standard Time) in microseconds since 1970 UTC."""
    if not _TIME.fullmatch(text):
        raise DecodeError("no_time" if not text else "bad_time", f"DataTime {text[:20]!r} is not YYYYMMDDhhmmss")
    try:
        moment = datetime.strptime(text[:14], "%Y%m%d%H%M%S").replace(tzinfo=UTC) - timedelta(hours=8)
    except ValueError:
        raise DecodeError("bad_time", f"DataTime {text!r} is no day or no hour") from None
    return checked_time_us((moment - _EPOCH) // timedelta(microseconds=1) + int(text[14:] or 0) * 1_000)


def _marks(content: Mapping[str, str]) -> dict[str, str]:
    """What a device says of its values where it is not that they are normal, by factor."""
    found: dict[str, str] = {}
    for key, mark in content.items():
        factor, _, part = key.rpartition("-")
        if part in MARKS and mark and mark != NORMAL:
            found[factor] = checked_text(":".join(filter(None, (found.get(factor), mark))))
    return found


def _values(content: Mapping[str, str]) -> Iterator[tuple[str, str, float, str | None]]:
    """(factor, part, value, unit) of every figure; empty values are none."""
    for key, text in content.items():
        factor, dash, part = key.rpartition("-")
        if not (dash and factor) or part in MARKS or part in NOT_READ or not text.strip():
            continue
        try:
            value = checked_number(float(text))
        except ValueError:
            raise DecodeError("bad_value", f"{key}={text[:20]!r} is not a number") from None
        yield factor, part, value, UNITS.get(factor) if part != "Cou" else None


def _quantity(packet: Packet, factor: str, part: str) -> str:
    """`w01018` for a value of the moment, `w01018.hour.avg` for a figure of a period."""
    period = PERIODS[packet.command]
    words = [factor] if part == "Rtd" else [factor, part.lower()]
    return ".".join([words[0], period, *words[1:]] if period else words)
